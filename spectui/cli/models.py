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
    from ..models.registry import Known
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
    from ..models.registry import known_models

    numbers, words = Table(box=None, header_style="bold"), Table(box=None, header_style="bold")
    for title in ("name", "here", "download", "memory", "fits", "draft"):
        numbers.add_column(title, overflow="fold", no_wrap=title == "name")
    for title in ("name", "source", "head", "note"):
        words.add_column(title, overflow="fold", no_wrap=title == "name")
    free = available_memory()
    for known in known_models().values():
        numbers.add_row(known.name, *_numbers(known, free))
        words.add_row(known.name, _source(known), _head(known), known.note)
    return [numbers, words]


def _numbers(known: "Known", free: int | None) -> list[str]:
    """Weights on a CPU are float32, four bytes a number; on the hub they are bfloat16. With the draft, if any."""
    from ..models.resolve import place, shipped_draft
    from ..models.size import ROOM, shape_elements

    found = place(known.name)
    elements = shape_elements(known.shape) + (shape_elements(known.drafts_shape) if known.draft else 0)
    need = 4 * ROOM * elements
    fits = "?" if free is None else "yes" if need <= free else "in bfloat16" if need / 2 <= free else "no"
    download = "–" if known.name == "demo" else gigabytes(2 * elements)
    here = "no" if not found.local else "package" if found.gguf else "yes"
    draft = "demo-draft" if known.name == "demo" else known.draft or ((own := shipped_draft(known)) and own.title)
    return [here, download, gigabytes(need), fits, draft or "–"]


def _head(known: "Known") -> str:
    """The trained head that ``eagle`` takes, and whether it is here."""
    from ..config.choice import ModelChoice
    from ..models.head_places import head_place

    place = head_place(ModelChoice(known.name))
    return "–" if place is None else f"{place.title}{' (here)' if place.local else ''}"


def _source(known: "Known") -> str:
    if known.name == "demo":
        return "the program"
    return f"{known.target} or {known.package.install}" if known.package else known.target
