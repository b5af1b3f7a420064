"""The draft tape: the latest steps, each in one row of marks and tokens."""

from collections import deque
from collections.abc import Sequence
from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from ...record.events import StepText
from ..reading import Refused, Slot, read_step
from ..tokens import LOOKS, TokenKind, shown
from .token_styles import TOKEN_CLASSES, token_css, token_styles

Cell = tuple[str, TokenKind]
"""A piece of the tape and the token kind that it looks like."""
LABEL: Cell = ("tape", "unreached")
GAP = "  "
MOST_ROWS = 3
MOST_BELOW = 4


class Tape(Widget):
    """Shows what the latest step drafted and what came of it; as many older steps above it as there are rows."""

    DEFAULT_CSS = "Tape { height: 1; background: $background; color: $token-plain; }\n" + token_css("Tape")
    COMPONENT_CLASSES: ClassVar[set[str]] = {*TOKEN_CLASSES}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._steps: deque[StepText] = deque(maxlen=MOST_ROWS)
        self._styles: dict[str, Style] | None = None

    def show(self, record: StepText | None) -> None:
        """Put a step on the tape; None empties it."""
        if record is None:
            self._steps.clear()
        else:
            self._steps.append(record)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One step; the latest is in the last row."""
        width, base = self.size.width, self.rich_style
        back = self.size.height - y
        if not 1 <= back <= len(self._steps):
            return Strip.blank(width, base)
        if self._styles is None:
            self._styles = token_styles(self)
        cells = fit(tape_cells(self._steps[-back]), width)
        segments = [Segment(text, self._styles[kind]) for text, kind in cells]
        return Strip(segments).adjust_cell_length(width, base)

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._styles = None


def tape_cells(record: StepText) -> list[Cell]:
    """A step as tape: tokens with their marks, in the order of the text."""
    cells: list[Cell] = []
    if not record.nodes and record.step.why_no_draft:
        cells.append((f"nothing drafted: {record.step.why_no_draft}", "unreached"))
    for slot in read_step(record):
        cells += _slot(slot, record)
    return cells


def fit(cells: Sequence[Cell], width: int) -> list[Cell]:
    """The label and as many cells as a row of ``width`` holds; the last ones matter most."""
    parts = [cell for one in cells for cell in ((GAP, LABEL[1]), one)]
    room = width - cell_len(LABEL[0])
    if sum(cell_len(text) for text, _ in parts) <= room:
        return [LABEL, *parts]
    room -= cell_len(GAP) + 1
    kept: list[Cell] = []
    for index in range(len(cells) - 1, -1, -1):
        room -= cell_len(cells[index][0]) + cell_len(GAP)
        if room < 0 and kept:
            break
        kept = [(GAP, LABEL[1]), cells[index], *kept]
    return [LABEL, (f"{GAP}…", LABEL[1]), *kept]


def _slot(slot: Slot, record: StepText) -> list[Cell]:
    cells: list[Cell] = []
    if slot.kind in ("accepted", "cut"):
        cells.append(_cell(slot.kind, slot.text))
        if slot.refused:
            cells.append((f"(x{len(slot.refused)})", "unreached"))
        return cells
    if slot.refused:
        cells += _refused(slot.refused[0], record)
    if len(slot.refused) > 1:
        cells.append((f"(x{len(slot.refused) - 1} more)", "unreached"))
    if slot.kind:
        arrow = "→ " if slot.refused else ""
        cells.append((arrow + _cell(slot.kind, slot.text)[0], slot.kind))
    return cells


def _refused(refused: Refused, record: StepText) -> list[Cell]:
    cells = [_cell("rejected", record.nodes[refused.node])]
    cells += [_cell("unreached", record.nodes[node]) for node in refused.below[:MOST_BELOW]]
    if len(refused.below) > MOST_BELOW:
        cells.append((f"(.{len(refused.below) - MOST_BELOW} more)", "unreached"))
    return cells


def _cell(kind: TokenKind, text: str) -> Cell:
    return LOOKS[kind].mark + shown(text), kind
