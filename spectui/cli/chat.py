"""``spectui chat``: the terminal program."""

import typer

from ..config.settings import Settings
from .flags import RecordFlag, session_maker, with_settings

EXAMPLES = "Examples: spectui chat --mode ar · spectui chat --model qwen3-8b --temperature 0.8 --seed 7"


@with_settings(compares=True)
def chat(settings: Settings, record: RecordFlag = None) -> None:
    """Chat in the terminal and watch every token's fate."""
    open_chat(settings, record)


def open_chat(settings: Settings, record: RecordFlag = None) -> None:
    """Open the chat; raises Exit when it is left."""
    from ..tui.app import run_app

    raise typer.Exit(run_app(settings, session_maker(settings), record))
