"""``spectui bench``: from questions to a finished report."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from ..config.settings import Settings
from ..engine.drafters.registry import MODES
from ..system.errors import UserError
from ..system.signals import allow, interrupt, on_interrupt
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
    servers_of,
    with_settings,
)

if TYPE_CHECKING:
    from ..bench.bench import Bench
    from ..bench.partial import Partial
    from ..bench.request import Request
    from ..present.output import Output
    from ..present.runs import Run, Skipped
    from ..record.events import Ready
    from ..session.runtime import Runtime
    from ..session.served import ServedLane

EXAMPLES = (
    "Examples: spectui bench · spectui bench --questions mt_bench.jsonl --limit 20 --peers hf,hf-assisted "
    "--output result.json --format json --plot result.svg"
)
ALPHA_TEXTS = 40
"""Answers over which the pair's agreement is taken."""
REPORT = 10.0
"""Seconds for the report of what was done before an interrupt; it takes far less but on a very busy machine."""


@with_settings(several_modes=True)
def bench(
    settings: Settings,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="A JSONL file or a built-in set (demo); may be repeated.")
    ] = None,
    modes: ModesFlag = None,
    peers: Annotated[
        str | None,
        typer.Option(
            "--peers", help="hf, hf-assisted, hf-pld: transformers' own; llama.cpp, or one of its lanes; by commas."
        ),
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask so many questions, evenly spread.")] = None,
    output: OutputFlag = None,
    form: FormatFlag = "table",
    plot: PlotFlag = None,
    record: RecordFlag = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Go on after a line that is not a question.")
    ] = False,
    learning: Annotated[
        bool, typer.Option("--learning", help="Let each lane look up its own answers to earlier questions (sssd).")
    ] = False,
    server: ServersFlag = None,
    at_once: AtOnceFlag = False,
    concurrency: Annotated[
        int | None,
        typer.Option(
            "--concurrency", min=1, max=4096, help="Ask servers with 1, 2, 4, … up to so many requests at a time."
        ),
    ] = None,
) -> None:
    """Measure modes, peers and servers on many questions, interleaved, against autoregressive decoding.

    With --concurrency measure what servers give under load: latency and tokens per second, with percentiles.
    """
    servers = servers_of(settings, server)
    chosen = names_of(modes, MODES, "mode") or ([] if servers else list(MODES))
    from ..bench.request import PEER_NAMES, Request
    from ..present.output import FORMATS, Output

    others = names_of(peers, PEER_NAMES, "peer")
    names_of(form, FORMATS, "format")
    request = Request(questions or ["demo"], chosen, others, limit, skip_bad_lines, learning, servers, at_once)
    if concurrency is not None:
        from .load import run_load

        if not servers or chosen or others or record:
            raise typer.BadParameter(
                "--concurrency measures servers: it takes --server, and no --modes, --peers or --record"
            )
        raise typer.Exit(run_load(settings, request, concurrency, Output(form, output, plot)))
    raise typer.Exit(run_bench(settings, request, Output(form, output, plot), record))


def run_bench(settings: Settings, request: "Request", output: "Output", record: Path | None = None) -> int:
    """Measure and report; 0, or 130 if it was interrupted and reports what was done."""
    from ..bench.agreement import measure_next_next_rank, measure_pair_agreement
    from ..bench.bench import Bench
    from ..bench.lane import Lane
    from ..bench.llama_peer import check_package, package_version, wanted_of
    from ..bench.partial import Partial
    from ..bench.request import gather, identity, make_lanes
    from ..bench.server_lane import ServerLane
    from ..bench.taking import BenchTrace
    from ..present.report import Report
    from ..record.trace import TraceWriter
    from ..session.served import connect

    console = Console(file=messages(), highlight=False)
    questions = gather(request, lambda message: console.print(f"skipped: {message}", markup=False))
    output.check()
    check_package(request.peers)
    served = connect(request.servers)
    loaded = _load(settings, console) if request.runs_here else None
    options = settings.options
    lanes, left_out = make_lanes(loaded, request, settings) if loaded is not None else ([], {})
    asked: list[Lane | ServerLane] = [*lanes, *map(ServerLane, served.values())]
    writer = TraceWriter(record) if record else None
    tokenizer = loaded.pair.tokenizer if loaded is not None else None
    trace = BenchTrace(writer, _ready(loaded, served, settings), tokenizer) if writer else None
    bench = Bench(loaded, asked, questions, options, settings.decoding.system or None, request.at_once, trace)
    where = _where(loaded, list(served.values()), settings, request) | {"learning": request.learning}
    if wanted_of(request.peers):
        where["versions"] = where["versions"] | package_version()
    partial = Partial(output.path, identity(settings, where, asked, questions)) if output.path else None
    try:
        runs, skipped, finished = _ask(bench, partial, console)
    finally:
        if writer:
            writer.close()
    if bench.failed and not runs:
        raise UserError("; ".join(bench.failed.values()))
    next_next, pair = [], None
    if finished and loaded is not None:
        vocabulary, draft = loaded.resources.vocabulary, loaded.resources.draft
        next_next = measure_next_next_rank(loaded.target, vocabulary, bench.texts)
        if draft is not None:
            heat, texts = options.sampling.temperature, bench.texts[:ALPHA_TEXTS]
            pair = measure_pair_agreement(loaded.target, draft, vocabulary, heat, texts)
    more: dict[str, Any] = {"skipped": skipped, "pair": pair, "next_next": next_next, "finished": finished}
    report = Report.of(where, runs, left_out | bench.failed, **more)
    output.write(report)
    if partial is None:
        return 0 if finished else 130
    if finished:
        partial.remove()
        return 0
    partial.close()
    console.print(f"the same command goes on from here ({len(runs)} of {bench.total} runs are kept)", markup=False)
    return 130


def _ready(loaded: "Runtime | None", served: "Mapping[str, ServedLane]", settings: Settings) -> "Ready":
    """The models and servers, as a trace names them."""
    if loaded is not None:
        from ..session.served import named

        return replace(loaded.ready, servers=named(served))
    from ..session.served_conversation import served_ready

    return served_ready(served, settings.options)


def _where(
    loaded: "Runtime | None", served: "Sequence[ServedLane]", settings: Settings, request: "Request"
) -> dict[str, Any]:
    """Where it is measured: here, on servers, or both."""
    from ..session.served import facts_of

    if loaded is None:
        from ..session.served_conversation import served_environment

        return served_environment(served, settings.options, request.at_once)
    from ..session.environment import environment

    return environment(loaded, settings.options, settings.model.model) | facts_of(served, request.at_once)


def _load(settings: Settings, console: Console) -> "Runtime":
    """Load the pair, with its stages on the console."""
    from ..models.loading import load_pair
    from ..session.runtime import prepare

    begun = perf_counter()
    with console.status("loading") as status:

        def show(stage: str, fraction: float | None = None) -> None:
            status.update(stage)

        return prepare(
            load_pair(settings.model, show), show, begun, settings.store() if settings.datastore.compare else None
        )


def _ask(bench: "Bench", partial: "Partial | None", console: Console) -> "tuple[list[Run], list[Skipped], bool]":
    """Everything in order, with progress on a terminal; an interrupt keeps what is done."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    from ..present.runs import Skipped, whole_turns

    runs: list[Run] = []
    skipped: list[Skipped] = []
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"),
               TimeElapsedColumn(), TextColumn("left"), TimeRemainingColumn())  # fmt: skip
    with Progress(*columns, console=console, disable=not messages().isatty(), refresh_per_second=2) as progress:
        task = progress.add_task("warm-up", total=bench.total)
        try:
            with on_interrupt(interrupt):
                for made in bench.runs(partial.done if partial else {}):
                    if isinstance(made, Skipped):
                        skipped.append(made)
                        continue
                    runs.append(made)
                    if partial is not None:
                        partial.add(made)
                    progress.update(task, advance=1, description=f"{made.category}, question {made.question_id}")
        except KeyboardInterrupt:
            allow(REPORT)
            return whole_turns(runs, len(bench.lanes)), skipped, False
    return runs, skipped, True
