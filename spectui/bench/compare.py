"""``spectui compare --headless``: the race without a screen."""

import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from time import perf_counter
from typing import Any, Protocol

from rich.console import Console

from ..engine.race import MOST_LANES
from ..present.output import Output
from ..present.race_book import RaceBook
from ..present.race_table import race_grid
from ..present.report import Report
from ..present.runs import REFERENCE
from ..present.tables import describe, rich_table
from ..record.events import EndText, Failed, Finished, Loading, Note, Ready, Record, TurnText
from ..record.metrics import ROUNDS
from ..record.trace import TraceWriter
from ..system.errors import UserError
from ..system.signals import on_interrupt
from ..system.streams import messages


class Races(Protocol):
    """The part of a session that a race needs."""

    @property
    def environment(self) -> dict[str, Any]:
        """Where it runs."""

    def load(self) -> None:
        """Start loading."""

    def race(self, modes: Sequence[str], text: str | None = None) -> int | None:
        """Race; ends in Finished."""

    def stop(self) -> None:
        """Stop the race."""

    def close(self, timeout: float = 1.0) -> bool:
        """End."""


@dataclass(frozen=True, slots=True)
class Field:
    """Who takes part, and who cannot, with the reason."""

    lanes: tuple[str, ...]
    left_out: dict[str, str]


def field_of(wanted: Sequence[str], ready: Ready) -> Field:
    """The reference first, then the wanted modes that this pair can run; raises UserError for too few or too many."""
    names = dict.fromkeys([REFERENCE, *wanted])
    left_out = {name: ready.unavailable.get(name, "there is no such mode") for name in names if name not in ready.modes}
    lanes = tuple(name for name in names if name not in left_out)
    if not 2 <= len(lanes) <= MOST_LANES:
        why = "".join(f"; {name}: {reason}" for name, reason in left_out.items())
        raise UserError(f"a race takes 2 to {MOST_LANES} lanes, not {len(lanes)}; choose with --modes{why}")
    return Field(lanes, left_out)


def run_compare(
    make: Callable[[Callable[[Record], None]], Races],
    prompt: str,
    modes: Sequence[str],
    rounds: int | None,
    output: Output,
    record: Path | None,
) -> int:
    """Race ``rounds`` times after a warm-up and report; 0, 1 if it failed, 130 if it was interrupted.

    Without a number it is three times, and more while that is too little to be measured.
    """
    output.check()
    records: SimpleQueue[Record | None] = SimpleQueue()
    session = make(records.put)
    writer = TraceWriter(record) if record else None
    console = Console(file=messages(), highlight=False)
    try:
        session.load()
        with console.status("loading") as status:
            ready = _wait_ready(records, status.update)
        field = field_of(modes, ready)
        if writer:
            writer.write(ready)
        book = RaceBook()
        with on_interrupt(lambda: records.put(None)):
            interrupted = _rounds(session, records, book, field.lanes, prompt, rounds, writer, console)
        failed = [lane for lane in book.lanes.values() if lane.end == "error"]
        where = session.environment | {"datastore_tokens": book.remembers}
        report = Report(where, book.runs(), (), field.left_out, finished=not interrupted)
        if output.format == "table" and output.path is None:
            show(book, report, Console(width=None if sys.stdout.isatty() else 160))
        if output.format != "table" or output.path is not None or output.plot is not None:
            output.write(report)
        return 130 if interrupted else int(bool(failed))
    finally:
        if writer:
            writer.close()
        session.close(2.0)


def _wait_ready(records: "SimpleQueue[Record | None]", show_stage: Callable[[str], None]) -> Ready:
    while True:
        match records.get():
            case Loading(stage=stage):
                show_stage(stage)
            case Failed(message=message):
                raise UserError(message)
            case Ready() as ready:
                return ready


def _rounds(
    session: Races,
    records: "SimpleQueue[Record | None]",
    book: RaceBook,
    lanes: Sequence[str],
    prompt: str,
    rounds: int | None,
    writer: TraceWriter | None,
    console: Console,
) -> bool:
    """The warm-up and the rounds; whether they were interrupted, which a None among the records says.

    Raises UserError, with what was noted, if a race does not begin.
    """
    notes: list[str] = []
    warm, since = False, 0.0
    while not warm or len(book.rounds) < (rounds or ROUNDS) or (rounds is None and book.is_round_due(since)):
        session.race(lanes, prompt)
        begun = False
        while True:
            record = records.get()
            if record is None:
                session.stop()
                return True
            if isinstance(record, Finished):
                if not begun:
                    raise UserError("; ".join(notes) or "no lane could begin")
                break
            if isinstance(record, Note):
                notes.append(record.message)
            if isinstance(record, TurnText):
                begun = True
                while notes:
                    console.print(notes.pop(), markup=False)
            if isinstance(record, EndText) and record.end.message:
                raise UserError(record.end.message)
            if warm:
                book.feed(record)
                if writer:
                    writer.write(record)
        warm, since = True, since or perf_counter()
    return False


def show(book: RaceBook, report: Report, console: Console) -> None:
    """The table of a race on a terminal."""
    for line in describe(report.environment):
        console.print(line, style="dim", markup=False, highlight=False)
    console.print()
    console.print(rich_table(race_grid(book)))
    for name, why in report.left_out.items():
        console.print(f"{name} left out: {why}", style="dim", markup=False, highlight=False)
