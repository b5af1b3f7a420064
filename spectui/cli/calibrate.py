"""``spectui calibrate``: a head for specbranch."""

from typing import Annotated

import typer

from ..config.settings import Settings
from .flags import with_settings

EXAMPLES = "Examples: spectui calibrate · spectui calibrate --model qwen3-8b --questions prompts.jsonl --limit 300"


@with_settings()
def calibrate(
    settings: Settings,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="A JSONL file or a built-in set (practice); repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use so many prompts.")] = None,
) -> None:
    """Train the head by which specbranch foresees what the target will accept of a draft."""
    from ..train.command import Request, run_calibrate

    raise typer.Exit(run_calibrate(settings, Request(questions or ["practice"], limit)))
