"""``spectui chat``: the terminal program."""

from typing import Annotated

import typer

from ..config.settings import Settings
from .flags import RecordFlag, session_maker, with_settings

EXAMPLES = (
    "Examples: spectui chat --mode ar · spectui chat --model qwen3-8b --temperature 0.8 --seed 7 · "
    "spectui chat --resume · spectui --resume 3"
)


@with_settings(compares=True)
def chat(
    settings: Settings,
    record: RecordFlag = None,
    resume: Annotated[
        str | None,
        typer.Option(
            "--resume",
            metavar="[NUMBER]",
            help="Go on with the latest conversation, or with this one of `spectui conversations`.",
        ),
    ] = None,
) -> None:
    """Chat in the terminal and watch every token's fate."""
    open_chat(settings, record, resume)


def open_chat(settings: Settings, record: RecordFlag = None, resume: str | None = None) -> None:
    """Open the chat; raises Exit when it is left."""
    from ..tui.app import run_app

    wanted = None
    if resume is not None:
        from .conversations import resumed

        wanted, settings = resumed(resume, settings)
    raise typer.Exit(run_app(settings, session_maker(settings), record, resume=wanted))
