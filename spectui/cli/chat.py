"""``spectui chat``: the terminal program."""

from typing import Annotated

import typer

from ..config.settings import Settings
from .flags import RecordFlag, ServersFlag, served_maker, servers_of, session_maker, with_settings

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
    server: ServersFlag = None,
) -> None:
    """Chat in the terminal and watch every token's fate; with --server, with the first server that is named."""
    open_chat(settings, record, resume, server)


def open_chat(
    settings: Settings, record: RecordFlag = None, resume: str | None = None, server: ServersFlag = None
) -> None:
    """Open the chat; raises Exit when it is left."""
    from ..tui.app import run_app

    wanted = None
    if resume is not None:
        from .conversations import resumed

        wanted, settings = resumed(resume, settings)
    servers = servers_of(settings, server)
    make = served_maker(settings, servers) if servers else session_maker(settings)
    raise typer.Exit(run_app(settings, make, record, resume=wanted))
