"""Named rows below a title, as the doctor prints them."""

from collections.abc import Mapping

from rich.console import Console
from rich.table import Table

from ..system.sanitise import sanitise_line


def print_rows(console: Console, title: str, rows: Mapping[str, str]) -> None:
    """Print a title, if there is one, and below it a name and a text on each row; texts may come from outside."""
    if title:
        console.print(f"\n{title}", style="bold", markup=False)
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    for name, text in rows.items():
        table.add_row(name, sanitise_line(text))
    console.print(table)
