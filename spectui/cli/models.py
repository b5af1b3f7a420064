"""``spectui models``: what has a name."""

from rich.console import Console
from rich.table import Table

EXAMPLES = "Example: spectui models"


def models() -> None:
    """List the models that have a name, and the draft that fits each."""
    from ..models.registry import known_models

    table = Table(box=None, header_style="bold")
    for title in ("name", "target", "draft", "note"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    for known in known_models().values():
        table.add_row(known.name, known.target, known.draft or "–", known.note)
    Console().print(table)
