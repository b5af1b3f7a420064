"""Where the records of a replay come from: memory, or a trace file of which a line is read when it is shown."""

import json
import os
import re
import stat
from array import array
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import isfinite
from pathlib import Path
from typing import Any, NoReturn, Protocol

from ..system.errors import UserError, reason_of
from ..system.json_lines import DAMAGED
from ..system.sanitise import sanitise, sanitise_line
from .events import FORMAT, Record
from .timeline import COMPARED, END, HEADER, OTHER, PREFILL, STEP, TIMED, TOLD, TURN, Mark, mark_of

LONGEST_LINE = 1 << 25
"""Bytes; the prompt of the longest context that models have takes a tenth of them."""
MOST_LINES = 1_000_000
MOST_LANES = 64
"""Lanes with different names."""
KEPT_BYTES = 1 << 24
"""Of the lines whose records are kept in memory."""
KINDS = {"turn": TURN, "prefill": PREFILL, "step": STEP, "end": END, "compared": COMPARED,
         "header": HEADER, "switch": OTHER, "settings": OTHER, "served": STEP, "told": TOLD}  # fmt: skip
"""Types of lines that stand for a record."""
_BYTES = {name.encode(): kind for name, kind in KINDS.items()}
_HEAD = re.compile(rb'\s*\{\s*"type"\s*:\s*"(\w+)"\s*,\s*"lane"\s*:\s*"([^"\\]*)"')
_ESCAPED = re.compile(r"\\[ubfr]")
"""How JSON writes what a line of harmless text may still hold."""
_TIME = re.compile(rb'"time_ms"\s*:\s*([0-9.eE+-]+)\s*[,}]')


class Recording(Protocol):
    """Records in the order in which they were written."""

    def marks(self) -> Iterator[Mark]:
        """The mark of each record."""

    def record(self, number: int) -> Record:
        """One of them; raises UserError if it is damaged."""

    def size(self, number: int) -> int:
        """Its bytes in a file, about."""


class Remembered:
    """Records that are in memory."""

    def __init__(self, records: Sequence[Record]) -> None:
        self._records = records

    def marks(self) -> Iterator[Mark]:
        """The mark of each record."""
        return map(mark_of, self._records)

    def record(self, number: int) -> Record:
        """One of them."""
        return self._records[number]

    def size(self, number: int) -> int:
        """Nothing more than what is there already."""
        return 0


class TraceFile:
    """A trace on disk: opening it notes where each line begins and what it is, and reads nothing else.

    Raises UserError for what is no trace, is one of another version, or is too large. A last line that was cut off is
    left out.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._offsets = array("Q")
        self._lines = array("L")
        """Numbers of lines in the file, from 1."""
        self._marks: list[Mark] = []
        self._kept: OrderedDict[int, Record] = OrderedDict()
        self._kept_bytes = 0
        try:
            self._file = path.open("rb")
        except OSError as error:
            raise UserError(f"cannot read {path}: {sanitise_line(reason_of(error))}") from error
        try:
            self._index()
        except BaseException:
            self._file.close()
            raise

    def marks(self) -> Iterator[Mark]:
        """The mark of each record."""
        return iter(self._marks)

    def size(self, number: int) -> int:
        """Bytes of its line."""
        return self._offsets[number + 1] - self._offsets[number]

    def record(self, number: int) -> Record:
        """One of them; those that were read last are kept."""
        if number in self._kept:
            self._kept.move_to_end(number)
            return self._kept[number]
        made = self._read(number)
        self._kept[number] = made
        self._kept_bytes += self.size(number)
        while self._kept_bytes > KEPT_BYTES and len(self._kept) > 1:
            oldest, _ = self._kept.popitem(last=False)
            self._kept_bytes -= self.size(oldest)
        return made

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _index(self) -> None:
        if not stat.S_ISREG(os.fstat(self._file.fileno()).st_mode):
            raise UserError(f"{self.path} is not a file; give a trace")
        offset, names = 0, dict[bytes, str]()
        for count, line in enumerate(iter(lambda: self._file.readline(LONGEST_LINE), b""), 1):
            whole = line.endswith(b"\n")
            if count > MOST_LINES:
                raise UserError(f"{self.path} has more than {MOST_LINES:,} lines; cut it into several files")
            if not whole and len(line) == LONGEST_LINE:
                self._refuse(count, f"longer than {LONGEST_LINE >> 20} MiB")
            mark = None
            if not line.isspace():
                try:
                    mark = _mark(line, names)
                    if not whole:
                        _record(line)
                except DAMAGED as error:
                    if not whole:
                        break
                    self._refuse(count, _reason(error))
            if len(names) > MOST_LANES:
                raise UserError(f"{self.path} has more than {MOST_LANES} lanes; keep those that you want to see")
            if mark is not None:
                self._offsets.append(offset)
                self._lines.append(count)
                self._marks.append(mark)
            offset += len(line)
        self._offsets.append(offset)
        if not any(mark.kind == TURN for mark in self._marks):
            raise UserError(f"{self.path} holds no answer; a trace comes from --record or from spectui run --json")

    def _read(self, number: int) -> Record:
        try:
            self._file.seek(self._offsets[number])
            made = _record(self._file.readline(LONGEST_LINE))
        except DAMAGED as error:
            self._refuse(self._lines[number], _reason(error))
        except OSError as error:
            raise UserError(f"cannot read {self.path}: {sanitise_line(reason_of(error))}") from error
        if made is None:
            self._refuse(self._lines[number], "the file has changed")
        return made

    def _refuse(self, line: int, reason: str) -> NoReturn:
        raise UserError(f"{self.path}, line {line}: not a trace line ({reason})")


def _mark(line: bytes, names: dict[bytes, str]) -> Mark | None:
    """What a line is, found without reading all of it where it is written as we write."""
    head = _HEAD.match(line)
    if head is None or head[1] == b"header":
        return _slow_mark(line, names)
    kind = _BYTES.get(head[1])
    if kind is None:
        return None
    name = names.get(head[2])
    if name is None:
        name = names[head[2]] = sanitise(head[2].decode())
    if kind not in TIMED:
        return Mark(kind, name)
    time = _TIME.search(line, head.end())
    return Mark(kind, name, _clock(float(time[1]))) if time else _slow_mark(line, names)


def _slow_mark(line: bytes, names: dict[bytes, str]) -> Mark | None:
    made = _json(line)
    kind = str(made["type"])
    if kind == "header" and made["format"] != FORMAT:
        raise ValueError(f"this is {str(made['format'])[:40]}; this version reads {FORMAT}")
    if kind not in KINDS:
        return None
    if kind == "header":
        return Mark(HEADER, None)
    name = sanitise(str(made["lane"]))
    names.setdefault(name.encode(), name)
    timed = KINDS[kind] in TIMED
    return Mark(KINDS[kind], name, _clock(float(made["time_ms"])) if timed else 0.0)


def _clock(value: float) -> float:
    if not isfinite(value):
        raise ValueError("time_ms is no number")
    return max(0.0, value)


def _record(line: bytes) -> Record | None:
    from .trace_lines import from_json

    text = line.decode().rstrip("\n")
    harmless = _ESCAPED.search(text) is None and sanitise(text) == text
    return from_json(_json(line), harmless)


def _json(line: bytes) -> dict[str, Any]:
    made = json.loads(line.decode())
    if not isinstance(made, dict):
        raise TypeError("not an object")
    return made


def _reason(error: Exception) -> str:
    words = f"{error.args[0]} is missing" if isinstance(error, KeyError) and error.args else str(error)
    with suppress(IndexError):
        words = words.splitlines()[0]
    return sanitise_line(words)[:120]
