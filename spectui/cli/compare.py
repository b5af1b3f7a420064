"""``spectui compare``: the race, on a screen or as a table."""

import sys
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ..config.settings import Settings
from ..engine.drafters.registry import MODES
from ..system.errors import UserError
from ..system.streams import messages
from .flags import (
    AtOnceFlag,
    FormatFlag,
    ModesFlag,
    OutputFlag,
    PlotFlag,
    RecordFlag,
    ServersFlag,
    names_of,
    served_maker,
    servers_of,
    session_maker,
    with_settings,
)
from .prompt import prompt_of

if TYPE_CHECKING:
    from ..present.output import Output
    from ..present.race_book import RaceBook
    from ..present.report import Report
    from ..record.events import Ready, Record
    from ..session.session import Session

EXAMPLES = (
    "Examples: spectui compare · spectui compare 'Tell me a story about a fox' --modes ar,sssd · "
    "spectui compare 'What is a token?' --headless --rounds 5 --format markdown · "
    "spectui compare Hello --modes sssd --server http://localhost:8080"
)


@with_settings(several_modes=True)
def compare(
    settings: Settings,
    prompt: Annotated[str | None, typer.Argument(help="The prompt, or - to read it from standard input.")] = None,
    modes: ModesFlag = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print the table instead of showing the race.")] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds", min=1, max=100, help="Races to measure, with --headless; default is 3, more of short answers."
        ),
    ] = None,
    output: OutputFlag = None,
    form: FormatFlag = "table",
    plot: PlotFlag = None,
    record: RecordFlag = None,
    server: ServersFlag = None,
    at_once: AtOnceFlag = False,
) -> None:
    """Let several modes answer the same prompt side by side, on one fair clock; and servers, each on its own."""
    servers = servers_of(settings, server)
    chosen = names_of(modes, MODES, "mode") or ([] if servers else list(MODES))
    text = None if prompt is None else prompt_of(prompt)
    if servers and not chosen:
        make = served_maker(settings, servers, at_once)
    else:
        make = session_maker(settings, follows=False, servers=servers, at_once=at_once)
    if not headless and output is None and plot is None:
        from ..tui.app import RacePlan, run_app

        raise typer.Exit(run_app(settings, make, record, RacePlan(chosen, text)))
    if text is None:
        raise typer.BadParameter("--headless needs a prompt")
    from ..present.output import FORMATS, Output

    names_of(form, FORMATS, "format")
    raise typer.Exit(run_compare(make, text, chosen, rounds, Output(form, output, plot), record))


def run_compare(
    make: "Callable[[Callable[[Record], None]], Session]",
    prompt: str,
    modes: Sequence[str],
    rounds: int | None,
    output: "Output",
    record: Path | None,
) -> int:
    """Race ``rounds`` times after a warm-up and report; 0, 1 if it failed, 130 if it was interrupted.

    Without a number it is three times, and more while that is too little to be measured.
    """
    from ..bench.compare import field_of, race_in_rounds
    from ..present.race_book import RaceBook
    from ..present.report import Report
    from ..present.runs import race_runs
    from ..record.trace import TraceWriter
    from ..system.signals import on_interrupt

    output.check()
    records: SimpleQueue[Record | None] = SimpleQueue()
    session = make(records.put)
    writer = TraceWriter(record) if record else None
    console = Console(file=messages(), highlight=False)
    say = partial(console.print, markup=False)
    try:
        session.load()
        with console.status("loading") as status:
            ready = _wait_ready(records, status.update)
        field = field_of(modes, ready)
        if writer:
            writer.write(ready)
        book = RaceBook()
        with on_interrupt(lambda: records.put(None)):
            interrupted = race_in_rounds(session, records, book, field.lanes, prompt, rounds, writer, say)
        failed = [lane for lane in book.lanes.values() if lane.end == "error"]
        where = session.environment | {"datastore_tokens": book.remembers}
        report = Report.of(where, race_runs(book), field.left_out, finished=not interrupted)
        if output.format == "table" and output.path is None:
            show(book, report, Console(width=None if sys.stdout.isatty() else 160))
        if output.format != "table" or output.path is not None or output.plot is not None:
            output.write(report)
        return 130 if interrupted else int(bool(failed))
    finally:
        if writer:
            writer.close()
        session.close(2.0)


def _wait_ready(records: "SimpleQueue[Record | None]", show_stage: Callable[[str], None]) -> "Ready":
    from ..record.events import Failed, Loading, Ready

    while True:
        match records.get():
            case Loading(stage=stage):
                show_stage(stage)
            case Failed(message=message):
                raise UserError(message)
            case Ready() as ready:
                return ready


def show(book: "RaceBook", report: "Report", console: Console) -> None:
    """The table of a race on a terminal."""
    from ..present.grid import rich_table
    from ..present.race_table import race_grid
    from ..present.tables import describe
    from ..system.typed_json import as_json

    for line in describe(as_json(report.environment)):
        console.print(line, style="dim", markup=False, highlight=False)
    console.print()
    console.print(rich_table(race_grid(book)))
    for name, why in report.left_out.items():
        console.print(f"{name} left out: {why}", style="dim", markup=False, highlight=False)
