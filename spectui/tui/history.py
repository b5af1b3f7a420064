"""Past prompts, in a file that survives the program and whatever happens to it."""

import json
import os
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from typing import IO

from filelock import FileLock

from ..system.files import FILE, open_private, private_folder, write_whole
from ..system.sanitise import sanitise
from .pasting import MOST_PASTED

MOST_KEPT = 500
MOST_CHARACTERS = 4 * 2**20
"""The newest entries are kept up to this size."""
LONGEST_LINE = 2**18
"""Bytes; a prompt of the greatest length fits, also as escapes."""
MOST_READ = 128 * 2**20
"""Bytes at the end of a file that are looked at, a line at a time."""
PATIENCE = 0.5
"""Seconds to wait for another program that is writing."""


class History:
    """Past prompts; lines that are damaged are skipped, and the file that holds them is kept aside."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._note = ""
        self.entries: list[str] = []
        try:
            if file.is_file():
                self._load()
        except OSError:
            self.entries = []
        self._at = len(self.entries)

    def add(self, text: str) -> None:
        """Remember a prompt; a folder that cannot be written only loses the memory."""
        text = sanitise(text)
        self.entries.append(text)
        self._at = len(self.entries)
        try:
            private_folder(self._file.parent)
            if self._file.is_file() or not self._file.exists():
                with self._alone():
                    _append(self._file, _line(text))
        except OSError:
            return

    def move(self, by: int) -> str | None:
        """The entry before or after the one shown; None at the ends."""
        to = self._at + by
        if not 0 <= to <= len(self.entries):
            return None
        self._at = to
        return self.entries[to] if to < len(self.entries) else ""

    def take_note(self) -> str:
        """What a person should know about the file, once; empty if there is nothing."""
        note, self._note = self._note, ""
        return note

    @contextmanager
    def _alone(self) -> Iterator[bool]:
        """Keep other programs from the file; whether that was possible."""
        lock = FileLock(f"{self._file}.lock", timeout=PATIENCE, mode=FILE)
        with suppress(OSError, NotImplementedError):
            lock.acquire()
        try:
            yield lock.is_locked
        finally:
            lock.release()

    def _load(self) -> None:
        with self._alone() as alone:
            self.entries, damaged, dropped = _read(self._file)
            aside = self._tidy(damaged > 0) if alone and (damaged or dropped) else None
        if damaged:
            where = f"; the file as it was is {aside}" if aside else ""
            lines = "line" if damaged == 1 else "lines"
            self._note = f"{damaged} damaged {lines} of the prompt history skipped{where}"

    def _tidy(self, damaged: bool) -> Path | None:
        """Write the file anew with the entries that are kept; where the old one is if it was damaged."""
        aside = _free_name(self._file) if damaged else None
        try:
            if aside is not None:
                self._file.replace(aside)
            write_whole(self._file, *map(_line, self.entries))
        except OSError:
            if aside is not None and not self._file.exists():
                aside.replace(self._file)
            return None
        return aside


def _read(path: Path) -> tuple[list[str], int, bool]:
    """The newest entries of a file of any size, how many lines are damaged, and whether older entries are dropped."""
    newest: deque[str] = deque()
    damaged = size = 0
    dropped = False
    with open_private(path, "rb") as file:
        start = max(0, file.seek(0, os.SEEK_END) - MOST_READ)
        file.seek(start)
        for number, line in enumerate(_lines(file)):
            text = None if line is None or (start and not number) else _text(line)
            if text is not None:
                newest.append(text)
                size += len(text)
            elif line is None or line.strip():
                damaged += 1
            while len(newest) > MOST_KEPT or size > MOST_CHARACTERS:
                size -= len(newest.popleft())
                dropped = True
    return list(newest), damaged, dropped


def _lines(file: IO[bytes]) -> Iterator[bytes | None]:
    """Lines, and None in place of one that is too long."""
    while line := file.readline(LONGEST_LINE):
        if len(line) < LONGEST_LINE or line.endswith(b"\n"):
            yield line
            continue
        while line and not line.endswith(b"\n"):
            line = file.readline(LONGEST_LINE)
        yield None


def _line(text: str) -> bytes:
    return json.dumps(text, ensure_ascii=False).encode() + b"\n"


def _text(line: bytes) -> str | None:
    """The prompt of a line, harmless; None if there is none, or one that is too long to be shown."""
    try:
        value = json.loads(line.decode())
    except (ValueError, RecursionError):
        return None
    return sanitise(value) if isinstance(value, str) and len(value) <= MOST_PASTED else None


def _append(path: Path, line: bytes) -> None:
    """Add a line in one write; a torn one before it is ended first."""
    with open_private(path, "ab+", buffering=0) as file:
        torn = False
        if file.seek(0, os.SEEK_END):
            file.seek(-1, os.SEEK_END)
            torn = file.read(1) != b"\n"
        file.write(b"\n" + line if torn else line)


def _free_name(file: Path) -> Path:
    """A name for a damaged file that is not taken."""
    first = file.with_name(file.name + ".damaged")
    names = (first if number == 1 else first.with_name(f"{first.name}.{number}") for number in count(1))
    return next(name for name in names if not name.exists())
