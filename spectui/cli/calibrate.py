"""``spectui calibrate``: a head for specbranch."""

from collections.abc import Callable, Sequence
from time import perf_counter
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ..config.settings import Settings
from ..present.pair_words import pair_words
from ..system.streams import messages
from .flags import with_settings

if TYPE_CHECKING:
    from ..train.calibration import Calibration

EXAMPLES = (
    "Examples: spectui calibrate --model demo · "
    "spectui calibrate --model qwen3-8b --questions prompts.jsonl --limit 300"
)
SAID = ("all refused", "some", "all accepted")


@with_settings()
def calibrate(
    settings: Settings,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="A JSONL file or a built-in set (practice); repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use so many prompts.")] = None,
) -> None:
    """Train the head by which specbranch foresees what the target will accept of a draft."""
    raise typer.Exit(run_calibrate(settings, questions or ["practice"], limit))


def run_calibrate(settings: Settings, questions: Sequence[str], limit: int | None) -> int:
    """Train a head for the pair that the settings name and keep it; raises UserError with the remedy."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..bench.questions import read_questions
    from ..models.loading import load_pair
    from ..session.runtime import prepare
    from ..train.calibration import calibrate

    console = Console(file=messages(), highlight=False)
    asked = [question.turns[0] for name in questions for question in read_questions(name)]
    loaded = prepare(load_pair(settings.model, lambda *_: None), lambda *_: None, perf_counter())
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not messages().isatty()) as progress:

        def stage(title: str, total: int) -> Callable[[], None]:
            task = progress.add_task(title, total=total)
            return lambda: progress.advance(task)

        made = calibrate(loaded, asked, limit, settings.options, stage)
    _report(made)
    console.print(pair_words(loaded.pair.name, loaded.pair.draft_name), markup=False)
    console.print(f"kept in {made.file}", markup=False, soft_wrap=True)
    return 0


def _report(made: "Calibration") -> None:
    from rich.table import Table

    console, counts = Console(highlight=False), made.confusion
    table = Table("segment", *(f"head: {name}" for name in SAID), "right", box=None, header_style="bold")
    for row, (name, line) in enumerate(zip(SAID, counts, strict=True)):
        table.add_row(name, *map(str, line), f"{line[row] / sum(line):.0%}" if sum(line) else "–")
    every, right = sum(map(sum, counts)), sum(counts[index][index] for index in range(3))
    console.print(f"learnt from {made.examples} segments; on {every} segments of unseen prompts:")
    console.print(table)
    most = max(map(sum, counts))
    console.print(f"right {right / every:.1%}; always saying the commonest would be right {most / every:.1%}")
    for name, numbers in (("without the head", made.without), ("with the head", made.with_head)):
        per_step = numbers.tokens_per_step or 0.0
        console.print(f"{name}: rollback {numbers.rollback or 0:.1%}, {per_step:.2f} tokens per step")
