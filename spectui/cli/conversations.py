"""``spectui conversations``: what is kept, from a shell."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..config.paths import conversations_file, old_conversations
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from ..system.streams import messages

if TYPE_CHECKING:
    from ..config.settings import Settings
    from ..record.archived import Summary
    from ..session.archive.archive import Archive

EXAMPLES = "Examples: spectui conversations · spectui conversations --search 'shy dragon'"
IdArgument = Annotated[int, typer.Argument(help="The number in the list.")]
conversations_app = typer.Typer(
    help="List what was said in the chat, search in it, export or delete it.",
    epilog=EXAMPLES,
    invoke_without_command=True,
)


@conversations_app.callback()
def conversations(
    context: typer.Context,
    search: Annotated[str, typer.Option("--search", "-s", help="List only what holds these words.")] = "",
    limit: Annotated[int, typer.Option("--limit", min=1, help="The most lines.")] = 20,
) -> None:
    """List conversations, the latest first; `spectui chat --resume NUMBER` goes on with one."""
    if context.invoked_subcommand is None:
        archive = _archive()
        found = archive.search(search) if search.strip() else archive.newest()[0]
        _print(found[:limit])


@conversations_app.command(
    "export", epilog="Examples: spectui conversations export 3 · spectui conversations export 3 -f html -o talk.html"
)
def export(
    number: IdArgument,
    form: Annotated[str, typer.Option("--format", "-f", help="markdown, html or trace.")] = "markdown",
    output: Annotated[Path | None, typer.Option("--output", "-o", help="Write to this file.")] = None,
) -> None:
    """Write a conversation to standard output, or to a file."""
    from ..present.pages import FORMATS, markdown, page, trace
    from ..system.files import write_text
    from .flags import names_of

    names_of(form, FORMATS, "format")
    archive = _archive()
    past = archive.archived(number)
    write = {
        "markdown": lambda: markdown(past),
        "html": lambda: page(past),
        "trace": lambda: trace(archive.records(past.answers)),
    }
    text = write[form]()
    if output is not None:
        write_text(output, text)
    else:
        sys.stdout.write(text)


@conversations_app.command("delete", epilog="Example: spectui conversations delete 3")
def delete(
    numbers: Annotated[list[int], typer.Argument(help="The numbers in the list.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete conversations for good."""
    archive = _archive()
    names = [sanitise_line(archive.archived(number).name) for number in numbers]
    if not yes:
        typer.confirm(f"Delete for good: {'; '.join(names)}?", abort=True, err=True)
    archive.start()
    try:
        for number in numbers:
            archive.delete(number)
    finally:
        archive.close(10.0)
    print(f"{len(numbers)} deleted")


def resumed(wanted: str, settings: "Settings") -> "tuple[int, Settings]":
    """The conversation that ``--resume`` means, and the settings with its model where that has a name and none is set.

    Raises UserError if there is no such conversation.
    """
    from ..models.registry import known_models
    from .program import LATEST

    if wanted != LATEST and not wanted.isdecimal():
        raise typer.BadParameter("--resume takes a number; `spectui conversations` lists them")
    past = _archive().archived(None if wanted == LATEST else int(wanted))
    if "model" not in settings.given and past.model in known_models():
        settings = settings.with_flags("model", model=past.model)
    return past.id, settings


def _archive() -> "Archive":
    from ..session.archive.archive import Archive

    if not conversations_file().exists():
        raise UserError("no conversation is kept yet; the chat keeps them")
    return Archive(conversations_file(), lambda words: print(f"spectui: {words}", file=messages()), old_conversations())


def _print(found: "Sequence[Summary]") -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from ..present.pages import date_of

    table = Table(box=None, header_style="bold", expand=True)
    for title in ("number", "date", "tokens", "speed-up"):
        table.add_column(title, justify="left" if title == "date" else "right", no_wrap=True)
    table.add_column("model", overflow="ellipsis", no_wrap=True)
    table.add_column("first question, or name", overflow="ellipsis", no_wrap=True, ratio=1)
    for one in found:
        speedup = f"×{one.speedup:.2f}" if one.speedup is not None else "–"
        words = (str(one.id), date_of(one.changed), f"{one.tokens:,}", speedup, one.model, sanitise_line(one.name))
        table.add_row(*map(Text, words))
    Console(width=None if sys.stdout.isatty() else 160).print(table)
