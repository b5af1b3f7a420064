"""``spectui run``: one answer."""

import sys
from typing import Annotated

import typer

from ..config.settings import Settings
from .flags import RecordFlag, ServerFlag, served_maker, servers_of, session_maker, with_settings
from .prompt import prompt_of

EXAMPLES = (
    "Examples: spectui run 'Tell me a story' · spectui run - --json < prompt.txt > trace.jsonl · "
    "spectui run Hello --server http://localhost:8080"
)


@with_settings()
def run(
    settings: Settings,
    prompt: Annotated[str, typer.Argument(help="The prompt, or - to read it from standard input.")],
    record: RecordFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines of the trace.")] = False,
    server: ServerFlag = None,
    plain: Annotated[bool, typer.Option("--plain", help="Print one line a step, with a mark for every token.")] = False,
) -> None:
    """Answer one prompt on standard output: coloured on a terminal, plain text in a pipe."""
    text = prompt_of(prompt)
    from .answer import choose_printer, run_once

    printer = choose_printer(sys.stdout, as_json, plain)
    servers = servers_of(settings, server)
    if len(servers) > 1:
        raise typer.BadParameter("run asks one server; `spectui compare` asks several")
    make = served_maker(settings, servers) if servers else session_maker(settings)
    raise typer.Exit(run_once(text, make, printer, record))
