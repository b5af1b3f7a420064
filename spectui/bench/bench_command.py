"""``spectui bench``: from settings and names to a finished report."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from ..config.settings import Settings
from ..engine.drafters.registry import MODES
from ..models.loading import load_pair
from ..present.agreement import PairAgreement
from ..present.output import Output
from ..present.report import Report
from ..present.runs import REFERENCE, Run, Skipped
from ..session.environment import environment
from ..session.runtime import Runtime, prepare
from ..system.errors import UserError
from ..system.signals import allow, interrupt, on_interrupt
from ..system.streams import messages
from .bench import Bench
from .lane import Lane, ModeLane
from .next_next_rank import measure_next_next_rank
from .pair_agreement import measure_pair_agreement
from .partial import Partial, fingerprint
from .peers import PEERS, PeerLane, untouched
from .questions import Question, read_questions

ALPHA_TEXTS = 40
REPORT = 10.0
"""Seconds for the report of what was done before an interrupt; it takes far less but on a very busy machine."""


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure."""

    questions: Sequence[str]
    """Names of built-in sets, or files."""
    modes: Sequence[str]
    peers: Sequence[str] = ()
    limit: int | None = None
    skip_bad_lines: bool = False
    learning: bool = False
    """Whether every lane of ours may look up its own answers to earlier questions."""


def run_bench(settings: Settings, request: Request, output: Output) -> int:
    """Measure and report; 0, or 130 if it was interrupted and reports what was done."""
    console = Console(file=messages(), highlight=False)
    questions = gather(request, lambda message: console.print(f"skipped: {message}", markup=False))
    output.check()
    loaded = load(settings, console)
    options = settings.options
    lanes, left_out = make_lanes(loaded, request, settings)
    bench = Bench(loaded, lanes, questions, options, settings.decoding.system or None)
    where = environment(loaded, options) | {"learning": request.learning}
    identity = {
        "model": asdict(settings.model),
        "decoding": asdict(replace(settings.decoding, mode="")),
        "machine": [where["processor"], where["threads"], where["versions"]],
        "lanes": [lane.name for lane in lanes],
        "datastore": [where["datastore_tokens"], request.learning],
        "questions": fingerprint({question.id: [question.category, *question.turns] for question in questions}),
    }
    partial = Partial(output.path, identity) if output.path else None
    runs, skipped, finished = _ask(bench, partial, console)
    premise = measure_next_next_rank(loaded.target, loaded.resources.vocabulary, bench.texts) if finished else []
    alpha = _alpha(loaded, bench, settings) if finished else None
    report = Report(where, runs, skipped, left_out | bench.failed, alpha, finished, premise)
    output.write(report)
    if partial is None:
        return 0 if finished else 130
    if finished:
        partial.remove()
        return 0
    partial.close()
    console.print(f"the same command goes on from here ({len(runs)} of {bench.total} runs are kept)", markup=False)
    return 130


def gather(request: Request, say: Callable[[str], None]) -> list[Question]:
    """All questions, spread evenly over the sets if there is a limit."""
    made: list[Question] = []
    for name in request.questions:
        found = read_questions(name, say if request.skip_bad_lines else None)
        prefix = f"{Path(name).stem}:" if len(request.questions) > 1 else ""
        made += [replace(question, id=f"{prefix}{question.id}") for question in found]
    twice = next((q.id for i, q in enumerate(made) if any(q.id == other.id for other in made[:i])), None)
    if twice is not None:
        raise UserError(f"question_id {twice} occurs twice; every question needs its own")
    count = len(made) if request.limit is None else min(request.limit, len(made))
    return [made[index * len(made) // count] for index in range(count)]


def load(settings: Settings, console: Console) -> Runtime:
    """Load the pair, with its stages on the console."""
    begun = perf_counter()
    with console.status("loading") as status:

        def show(stage: str, fraction: float | None = None) -> None:
            status.update(stage)

        return prepare(
            load_pair(settings.model, show), show, begun, settings.store() if settings.datastore.compare else None
        )


def make_lanes(loaded: Runtime, request: Request, settings: Settings) -> tuple[list[Lane], dict[str, str]]:
    """The reference first, then what was asked for; and what this pair cannot do, with the reason."""
    options = settings.options
    left_out: dict[str, str] = {}
    lanes: list[Lane] = []
    for name in dict.fromkeys([REFERENCE, *request.modes]):
        if name in loaded.ready.modes:
            lanes.append(ModeLane(loaded, MODES[name].name, options, request.learning))
        else:
            left_out[name] = loaded.ready.unavailable[name]
    modules = untouched(loaded) if request.peers else None
    for name in dict.fromkeys(request.peers):
        peer = PEERS[name]
        if modules is None or (peer.needs_draft and modules.draft is None):
            left_out[name] = "no draft model is loaded (--draft NAME)"
        else:
            lanes.append(PeerLane(loaded, peer, options, modules))
    return lanes, left_out


def _ask(bench: Bench, partial: Partial | None, console: Console) -> tuple[list[Run], list[Skipped], bool]:
    """Everything in order, with progress on a terminal; an interrupt keeps what is done."""
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
                    progress.update(task, advance=1, description=f"{made.category}, question {made.place.question_id}")
        except KeyboardInterrupt:
            allow(REPORT)
            return _whole_turns(runs, bench), skipped, False
    return runs, skipped, True


def _whole_turns(runs: list[Run], bench: Bench) -> list[Run]:
    """The runs of turns that all lanes have answered."""
    lanes = len(bench.lanes)
    counts: dict[tuple[str, int], int] = {}
    for run in runs:
        turn = (run.place.question_id, run.place.turn)
        counts[turn] = counts.get(turn, 0) + 1
    return [run for run in runs if counts[run.place.question_id, run.place.turn] >= lanes]


def _alpha(loaded: Runtime, bench: Bench, settings: Settings) -> PairAgreement | None:
    draft = loaded.resources.draft
    if draft is None:
        return None
    texts = bench.texts[:ALPHA_TEXTS]
    heat = settings.options.sampling.temperature
    return measure_pair_agreement(loaded.target, draft, loaded.resources.vocabulary, heat, texts)
