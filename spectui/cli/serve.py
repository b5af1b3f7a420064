"""``spectui serve``: the same program in a browser, so that a class can watch."""

import shlex
import sys
from importlib.util import find_spec
from typing import Annotated, Any

import typer

from ..system.errors import UserError
from ..system.streams import messages
from .served_page import is_local

EXAMPLES = "Examples: spectui serve · spectui serve --port 9000 · spectui serve tour · spectui serve --host 0.0.0.0"
MISSING = "this needs textual-serve, which is not installed; pip install 'spectui[web]' brings it"
OPEN = (
    "anyone who can reach {host}:{port} can use this program as you: ask, read your conversations and files that they "
    "name, fetch models; there is no password. Use it in a network that you trust, and stop it after the class"
)


def serve(
    command: Annotated[
        str, typer.Argument(help="What to show: chat, tour or compare; with flags in quotes, as 'chat --mode ar'.")
    ] = "chat",
    host: Annotated[
        str, typer.Option("--host", help="Where to listen; 127.0.0.1 is this machine alone.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65535, help="The port.")] = 8000,
) -> None:
    """Show the program in a browser on this machine; each page that is opened loads the models once more."""
    words = _words(command)
    if find_spec("textual_serve") is None:
        raise UserError(MISSING)
    if not is_local(host):
        print(f"spectui: {OPEN.format(host=host, port=port)}", file=messages())
    print(f"spectui: http://{host}:{port} — each page loads the models; ctrl+c ends", file=messages())
    server(shlex.join([sys.executable, "-m", "spectui", *words]), host, port).serve()


def _words(command: str) -> list[str]:
    try:
        words = shlex.split(command)
    except ValueError as error:
        raise typer.BadParameter(f"{command!r} cannot be read: {error}") from None
    if not words or words[0] not in ("chat", "tour", "compare", "replay"):
        raise typer.BadParameter("choose from chat, tour, compare, replay")
    return words


def server(command: str, host: str, port: int) -> Any:
    """The server of a command."""
    from .page_server import PageServer

    return PageServer(command, host=host, port=port, title="spectui")
