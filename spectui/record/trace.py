"""The trace file: one JSON object a line, everything that a replay needs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..engine.values.step import Branches
from ..system.errors import UserError, reason_of
from ..system.files import open_private
from ..system.json_lines import read_lines
from ..system.sanitise import sanitise_line
from .events import (
    FORMAT,
    ChangedText,
    Compared,
    EndText,
    PrefillText,
    Ready,
    Record,
    ServedText,
    StepText,
    SwitchText,
    Told,
    TurnText,
)
from .metrics import Meter, Numbers

Json = dict[str, Any]


def to_json(record: Record) -> Json | None:
    """The line of a record; None for those that say nothing about decoding (Loading, Failed)."""
    match record:
        case Ready():
            return {"type": "header", "format": FORMAT, **asdict(record)}
        case TurnText(lane, turn, question, texts):
            how = {"mode": turn.mode, "seed": turn.options.sampling.seed, "settings": asdict(turn.options)}
            prompt = {
                "remembers": turn.remembers,
                "before": turn.before,
                "prompt": turn.prompt,
                "texts": texts,
                "question": question,
            }
            return {"type": "turn", "lane": lane, **how, **prompt}
        case PrefillText(lane, prefill, text):
            return {"type": "prefill", "lane": lane, **asdict(prefill), "text": text}
        case StepText():
            return _step(record)
        case SwitchText(lane, switch):
            return {"type": "switch", "lane": lane, **asdict(switch)}
        case ChangedText(lane, changed):
            return {"type": "settings", "lane": lane, "index": changed.index, "settings": asdict(changed.options)}
        case EndText(lane, end, tail):
            return {"type": "end", "lane": lane, **asdict(end), "tail": tail}
        case Compared():
            return {"type": "compared", **asdict(record)}
        case ServedText():
            return {"type": "served", **asdict(record)}
        case Told():
            return {"type": "told", **asdict(record)}
    return None


def line_of(line: Json) -> str:
    """A line as it stands in a file, without its end."""
    return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


def _step(record: StepText) -> Json:
    step = record.step
    return {
        "type": "step",
        "lane": record.lane,
        **step._asdict(),
        "nodes": [
            {**node._asdict(), "text": text, "source": {k: v for k, v in asdict(node.source).items() if v is not None}}
            for node, text in zip(step.nodes, record.nodes, strict=True)
        ],
        "emitted": [e._asdict() | {"text": text} for e, text in zip(step.emitted, record.emitted, strict=True)],
        "ms": step.ms._asdict(),
        "spans": [span._asdict() for span in step.spans],
        "target_top": step.target_top
        and [
            [one._asdict() | {"text": text} for one, text in zip(row, words, strict=True)]
            for row, words in zip(step.target_top, record.top, strict=True)
        ],
        "quotes": step.quotes
        and [
            {"node": one.node, "before": _written(one.before, before), "after": _written(one.after, after)}
            for one, (before, after) in zip(step.quotes, record.quotes, strict=True)
        ],
        "branches": step.branches and asdict(step.branches) | {"tokens": _chains(step.branches, record.branches)},
    }


def _chains(branches: Branches, texts: Sequence[Sequence[str]]) -> list[list[Json]]:
    return [_written(tokens, words) for tokens, words in zip(branches.tokens, texts, strict=True)]


def _written(tokens: Sequence[int], texts: Sequence[str]) -> list[Json]:
    return [{"token": token, "text": text} for token, text in zip(tokens, texts, strict=True)]


def _counts(numbers: Numbers) -> Json:
    """The numbers as they are written: what nobody told is null."""
    counts = asdict(numbers)
    return counts | dict.fromkeys(counts.pop("unknown"))


class TraceLines:
    """The lines of records, in order; the end of an answer adds its summary."""

    def __init__(self) -> None:
        self._meters: dict[str, Meter] = {}

    def of(self, record: Record) -> Iterator[str]:
        """Those of the next record, without their ends."""
        line = to_json(record)
        if line is None:
            return
        yield line_of(line)
        lane = line.get("lane")
        if lane is None:
            return
        meter = self._meters.setdefault(lane, Meter())
        meter.feed(record)
        if isinstance(record, EndText):
            numbers = meter.numbers
            rates = {
                "tokens_per_second": numbers.tokens_per_second,
                "mean_accepted_tokens": numbers.tokens_per_step,
                "acceptance_rate": numbers.acceptance_rate,
            }
            yield line_of({"type": "summary", "lane": lane, **_counts(numbers), **rates})


class TraceWriter:
    """Appends records to a file, line by line; what was written before a crash or kill stays readable.

    Whatever it does raises UserError if the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            # Every line reaches the system whole when it is written.
            self._file = open_private(path, "a", buffering=1, encoding="utf-8")
        self._lines = TraceLines()

    def write(self, record: Record) -> None:
        """Append a record; the end of an answer adds its summary and reaches the disk."""
        with self._explained():
            for line in self._lines.of(record):
                self._file.write(line + "\n")
            if isinstance(record, EndText):
                self._file.flush()

    def flush(self) -> None:
        """Hand everything to the system, so that it survives the program."""
        with self._explained():
            self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        with self._explained():
            self._file.close()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            reason = sanitise_line(reason_of(error))
            raise UserError(f"cannot write {self._path}: {reason}; choose another file") from error


def read_trace(path: Path) -> Iterator[Record]:
    """The records of a trace file; a last line that was cut off is left out.

    Raises UserError, naming file and line, for anything else that is damaged.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {sanitise_line(str(error))}") from error

    def refuse(number: int, reason: str) -> None:
        if number < len(lines):
            raise UserError(f"{path}, line {number}: not a trace line ({reason})")

    from .trace_lines import from_json

    records = read_lines(lines, lambda line: from_json(json.loads(line)), refuse)
    yield from (record for record in records if record is not None)
