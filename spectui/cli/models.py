"""``spectui models``: what has a name, whether it is here and fits, and how to get it."""

from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from ..system.memory import available_memory, gigabytes
from ..system.sanitise import sanitise_line
from ..system.signals import interrupt, on_interrupt
from ..system.streams import messages

if TYPE_CHECKING:
    from ..models.resolve import Place

EXAMPLES = "Example: spectui models"
models_app = typer.Typer(
    help="List the models that have a name: what is here, what fits, which draft and head; `get` fetches one.",
    epilog=EXAMPLES,
    invoke_without_command=True,
)


@models_app.callback()
def models(context: typer.Context) -> None:
    """List the models that have a name: where they come from, what they need, which draft and head fit each."""
    if context.invoked_subcommand is None:
        Console().print(*_tables(), sep="\n\n")


@models_app.command("get", epilog="Examples: spectui models get smollm2-360m · spectui models get owner/name:file.gguf")
def get(name: Annotated[str, typer.Argument(help="A name from the list, a hub id, or owner/name:file.gguf.")]) -> None:
    """Fetch a model, its draft and its head from the hub; a download that was interrupted goes on where it ended."""
    from ..config.choice import ModelChoice
    from ..models.head_places import head_place
    from ..models.resolve import resolve

    choice = ModelChoice(name)
    for place in (*resolve(choice), head_place(choice)):
        if place is not None:
            _get(place)


def _get(place: "Place") -> None:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    from ..models.fetch import fetch, weights_here

    here = weights_here(place)
    if here is not None:
        print(f"{place.title} is here: {sanitise_line(str(here))}")
        return
    console = Console(file=messages(), highlight=False)
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not messages().isatty()) as bar:
        task = bar.add_task(sanitise_line(place.title), total=None)
        with on_interrupt(interrupt):
            fetch(place, lambda done, total: bar.update(task, completed=done, total=total))
    print(f"{place.title} is here")


def _tables() -> list[Table]:
    """Weights on a CPU are float32, four bytes a number."""
    from ..models.catalogue import catalogue

    numbers, words = Table(box=None, header_style="bold"), Table(box=None, header_style="bold")
    for title in ("name", "here", "download", "memory", "fits", "draft"):
        numbers.add_column(title, overflow="fold", no_wrap=title == "name")
    for title in ("name", "source", "head", "note"):
        words.add_column(title, overflow="fold", no_wrap=title == "name")
    free = available_memory()
    for entry in catalogue():
        download = gigabytes(entry.download) if entry.download else "–"
        numbers.add_row(entry.name, entry.here, download, gigabytes(entry.need), entry.fits(free), entry.draft or "–")
        words.add_row(entry.name, entry.source, ", ".join(entry.heads) or "–", entry.note)
    return [numbers, words]
