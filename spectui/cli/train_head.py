"""``spectui train-head``: a drafter for a model that has none."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from ..config.settings import Settings
from ..system.signals import allow, interrupt, on_interrupt
from ..system.streams import messages
from .flags import with_settings

if TYPE_CHECKING:
    from ..train.command import Order
    from ..train.drafter_training import Status
    from ..train.held_out import Worth

EXAMPLES = (
    "Examples: spectui train-head --model demo --minutes 20 · "
    "spectui train-head --model smollm2-135m --kind lm · "
    "spectui train-head --model qwen3-1.7b --questions mine.jsonl --output heads/mine"
)
TO_KEEP = 20.0
"""Seconds that a step and writing a checkpoint may take after Ctrl+C."""


@with_settings()
def train_head(
    settings: Settings,
    kind: Annotated[
        str,
        typer.Option(
            "--kind", help="eagle: an EAGLE-3 head; lm: a small draft model for the modes draft and specbranch."
        ),
    ] = "eagle",
    layers: Annotated[int, typer.Option("--layers", help="The layers of a draft model.")] = 2,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.1, help="How long to train; default is an hour.")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The folder to write; default is one in spectui's data.")
    ] = None,
    questions: Annotated[
        list[str] | None,
        typer.Option(
            "--questions", help="A JSONL file or a built-in set; repeatable. Default: the model invents them."
        ),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with a training that was interrupted.")] = False,
) -> None:
    """Train an EAGLE-3 head or a draft model, from nothing but the model; Ctrl+C keeps the best one so far."""
    from ..train.command import Order

    raise typer.Exit(run_train_head(settings, questions or [], Order(kind, layers, minutes, output, resume)))


def run_train_head(settings: Settings, questions: list[str], order: "Order") -> int:
    """Train a drafter for the model that the settings name; raises UserError with the remedy."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    from ..bench.questions import read_questions
    from ..train.command import train_drafter

    console = Console(file=messages(), highlight=False)
    asked = [turn for name in questions for question in read_questions(name) for turn in question.turns[:1]]
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not messages().isatty()) as progress:
        task = progress.add_task("loading", total=1.0)

        def told(status: "Status") -> None:
            allow(TO_KEEP)
            progress.update(task, description=described(status), completed=status.share)

        with on_interrupt(interrupt):
            made = train_drafter(settings.model, asked, order, told)
    if made.worth is not None:
        console.print(described_worth(made.worth), markup=False)
    if made.set_asked is not None:
        console.print(f"the model invents no questions: it was asked the built-in set {made.set_asked}", markup=False)
    console.print(f"kept in {made.folder}", markup=False, soft_wrap=True)
    used = ["spectui", "--model", settings.model.model, made.option, str(made.folder)]
    console.print(f"try it: {shlex.join(used)}", markup=False, soft_wrap=True)
    return 0


def described(status: "Status") -> str:
    """What is being done, and the latest look at the held-out answers."""
    seen = f" · {status.tokens:,} tokens" if status.tokens else ""
    worth = f" · {status.worth.tokens_per_step:.2f} tokens a step" if status.worth else ""
    return f"{status.doing}{seen}{worth}"


def described_worth(worth: "Worth") -> str:
    """The last look at the held-out answers, in words."""
    places = ", ".join(f"{share:.0%}" for share in worth.by_position)
    return f"on held-out answers: {worth.tokens_per_step:.2f} tokens a step; accepted by position {places}"
