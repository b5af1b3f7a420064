"""A table of text, and how it stands on a terminal."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from ..record.metrics import DOUBTFUL, ENOUGH_MS, ENOUGH_STEPS, LOOPING, LOOPS

MARKS = {
    DOUBTFUL: f"{DOUBTFUL}: doubtful, from less than {ENOUGH_MS:g} ms or {ENOUGH_STEPS} steps, or above the tokens "
    "per step, as no speed-up can be",
    LOOPS: f"{LOOPS}: the answer goes in circles (distinct-3 below {LOOPING:g}), which flatters methods that copy",
}
"""What the marks behind a ratio mean."""
GAP = "  "
"""Between two columns."""
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


def width_of(grid: Grid) -> int:
    """Cells that a grid takes, so that nothing in it is cut."""
    return sum(_widths(grid)) + len(GAP) * (len(grid.columns) - 1)


def fitted(grid: Grid, width: int) -> list[Grid]:
    """The grid in as many as it takes to fit a width; each has the names in front and goes on where the last ended."""
    names, *sizes = _widths(grid)
    parts: list[list[int]] = [[]]
    room = width - names
    for index, size in enumerate(sizes, start=1):
        room -= len(GAP) + size
        if room < 0 and parts[-1]:
            parts.append([])
            room = width - names - len(GAP) - size
        parts[-1].append(index)
    return [_part(grid, columns, first=columns is parts[0], last=columns is parts[-1]) for columns in parts]


def _part(grid: Grid, columns: Sequence[int], first: bool, last: bool) -> Grid:
    """Some of the columns behind the names."""
    title = grid.title if first else f"{grid.title}, further columns"
    rows = [[row[0], *(row[index] for index in columns)] for row in grid.rows]
    return Grid(title, [grid.columns[0], *(grid.columns[i] for i in columns)], rows, grid.notes if last else ())


def _widths(grid: Grid) -> list[int]:
    return [max(map(cell_len, column)) for column in zip(grid.columns, *grid.rows, strict=True)]


def rich_table(grid: Grid) -> Table:
    """A grid for a terminal; names to the left, numbers to the right."""
    table = Table(box=None, header_style="bold", pad_edge=False, caption_justify="left", caption_style="dim",
                  padding=(0, len(GAP), 0, 0))  # fmt: skip
    table.caption = Text("\n".join(grid.notes)) if grid.notes else None
    for index, column in enumerate(grid.columns):
        words = index == 0 or column in ("text", "same text")
        table.add_column(Text(column), justify="left" if words else "right", no_wrap=True)
    for row in grid.rows:
        table.add_row(*(Text(cell, "dim" if MARKED.search(cell) else "") for cell in row))
    return table
