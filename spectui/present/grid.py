"""A table of text, and how it stands on a terminal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.table import Table
from rich.text import Text

from ..record.metrics import DOUBTFUL, ENOUGH_MS, ENOUGH_STEPS, LOOPING, LOOPS

MARKS = {
    DOUBTFUL: f"{DOUBTFUL}: doubtful, from less than {ENOUGH_MS:g} ms or {ENOUGH_STEPS} steps, or above the tokens "
    "per step, as no speed-up can be",
    LOOPS: f"{LOOPS}: the answer goes in circles (distinct-3 below {LOOPING:g}), which flatters methods that copy",
}
"""What the marks behind a ratio mean."""
MARKED = re.compile(rf"\d(\{DOUBTFUL}| {LOOPS})")
"""A number with such a mark."""


@dataclass(frozen=True, slots=True)
class Grid:
    """A table of text; the first column is a name, the others are numbers."""

    title: str
    columns: Sequence[str]
    rows: Sequence[Sequence[str]]
    notes: Sequence[str] = ()
    """Lines below it."""


def number(value: float | None, digits: int = 2) -> str:
    """A number; unknown is –."""
    return "–" if value is None else f"{value:.{digits}f}"


def rich_table(grid: Grid) -> Table:
    """A grid for a terminal; names to the left, numbers to the right."""
    table = Table(box=None, header_style="bold", pad_edge=False, caption_justify="left", caption_style="dim")
    table.caption = Text("\n".join(grid.notes)) if grid.notes else None
    for index, column in enumerate(grid.columns):
        words = index == 0 or column in ("text", "same text")
        table.add_column(Text(column), justify="left" if words else "right", no_wrap=True)
    for row in grid.rows:
        table.add_row(*(Text(cell, "dim" if MARKED.search(cell) else "") for cell in row))
    return table
