"""The draft tape: the latest steps, each in one row of marks and tokens."""

from collections import deque
from collections.abc import Sequence
from itertools import chain
from typing import Any

from rich.cells import cell_len
from textual.strip import Strip

from ...present.reading import Refused, Slot, read_step
from ...present.token_looks import LOOKS, TokenKind, shown
from ...record.events import StepText
from .token_rows import Cell, TokenRows, token_css

MUTED: TokenKind = "unreached"
DRAFTED: TokenKind = "drafted"
GAP = "  "
MOST_ROWS = 3
MOST_BELOW = 4


class Tape(TokenRows):
    """Shows what the latest step drafted and what came of it; as many older steps above it as there are rows."""

    DEFAULT_CSS = "Tape { height: 1; background: $background; color: $token-plain; }\n" + token_css("Tape")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._steps: deque[StepText] = deque(maxlen=MOST_ROWS)

    def show(self, record: StepText | None) -> None:
        """Put a step on the tape; None empties it."""
        if record is None:
            self._steps.clear()
        else:
            self._steps.append(record)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One step; the latest is in the last row."""
        width = self.size.width
        back = self.size.height - y
        if not 1 <= back <= len(self._steps):
            return self.strip(())
        return self.strip(fit(tape_cells(self._steps[-back]), width, "tape" if back == 1 else "    "))


def tape_cells(record: StepText) -> list[Cell]:
    """A step as tape: tokens with their marks, in the order of the text."""
    cells: list[Cell] = []
    if not record.nodes and record.step.why_no_draft:
        cells.append((f"not drafting: {record.step.why_no_draft}", MUTED))
    for slot in read_step(record):
        cells += _slot(slot, record)
    return cells + _branches(record)


def _branches(record: StepText) -> list[Cell]:
    """The branch that won, or that none did, and how many lost."""
    branches = record.step.branches
    if branches is None:
        return []
    lost = len(branches.tokens) - (branches.won is not None)
    cells: list[Cell] = []
    ahead = () if branches.won is None else record.branches[branches.won][1:]
    if ahead:
        cells += [("then", MUTED), *((f"?{shown(text)}", DRAFTED) for text in ahead)]
    if lost:
        cells.append((f"({lost} branch{'es' if lost > 1 else ''} lost)", MUTED))
    return cells


def fit(cells: Sequence[Cell], width: int, label: str = "tape") -> list[Cell]:
    """The label and as many cells as a row of ``width`` holds; the last ones matter most."""
    spaced = [((GAP, MUTED), cell) for cell in cells]
    room = width - len(label)
    if sum(len(GAP) + cell_len(text) for text, _ in cells) <= room:
        return [(label, MUTED), *chain.from_iterable(spaced)]
    room -= len(GAP) + 1
    first = len(cells)
    while first > 0 and (room := room - len(GAP) - cell_len(cells[first - 1][0])) >= 0:
        first -= 1
    first = min(first, len(cells) - 1)
    return [(label, MUTED), (f"{GAP}…", MUTED), *chain.from_iterable(spaced[first:])]


def _slot(slot: Slot, record: StepText) -> list[Cell]:
    cells: list[Cell] = []
    if slot.kind in ("accepted", "cut"):
        cells.append(_cell(slot.kind, slot.text))
        if slot.refused:
            cells.append((f"(x{len(slot.refused)})", MUTED))
        return cells
    if slot.refused:
        cells += _refused(slot.refused[0], record)
    if len(slot.refused) > 1:
        cells.append((f"(x{len(slot.refused) - 1} more)", MUTED))
    if slot.kind:
        arrow = "→ " if slot.refused else ""
        cells.append((arrow + _cell(slot.kind, slot.text)[0], slot.kind))
    return cells


def _refused(refused: Refused, record: StepText) -> list[Cell]:
    cells = [_cell("rejected", record.nodes[refused.node])]
    cells += [_cell("unreached", record.nodes[node]) for node in refused.below[:MOST_BELOW]]
    if len(refused.below) > MOST_BELOW:
        cells.append((f"(.{len(refused.below) - MOST_BELOW} more)", MUTED))
    return cells


def _cell(kind: TokenKind, text: str) -> Cell:
    return LOOKS[kind].mark + shown(text), kind
