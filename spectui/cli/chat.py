"""``spectui chat``: the terminal program."""

import typer

from ..config.settings import Settings
from .flags import RecordFlag, ServersFlag, served_maker, servers_of, session_maker, with_settings

EXAMPLES = "Examples: spectui chat --mode ar · spectui chat --model qwen3-8b --temperature 0.8 --seed 7"


@with_settings(compares=True)
def chat(settings: Settings, record: RecordFlag = None, server: ServersFlag = None) -> None:
    """Chat in the terminal and watch every token's fate; with --server, with the first server that is named."""
    open_chat(settings, record, server)


def open_chat(settings: Settings, record: RecordFlag = None, server: ServersFlag = None) -> None:
    """Open the chat; raises Exit when it is left."""
    from ..tui.app import run_app

    servers = servers_of(settings, server)
    make = served_maker(settings, servers) if servers else session_maker(settings)
    raise typer.Exit(run_app(settings, make, record))
