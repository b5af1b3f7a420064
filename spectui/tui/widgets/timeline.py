"""Two rows of time: when the draft model worked and when the target did, over the last steps."""

from collections import deque
from collections.abc import Iterator, Sequence
from statistics import median
from typing import Any, NamedTuple

from textual.strip import Strip

from ...engine.drafters.registry import MODES
from ...engine.values.step import Step
from ...present.answer_line import percent
from ...present.token_looks import TokenKind
from .token_rows import Cell, TokenRows, token_css

Row = list[Cell]
WHO = {"draft": "draft ", "verify": "target"}
"""Whose spans each row shows, and its label."""
LOOK_OF: dict[str, TokenKind] = {"draft": "accepted", "verify": "unreached"}
"""The look of each one's work: two colours."""
KEPT, LOST, EDGE = "█", "▒", "·"
MOST_STEPS = 64
COLUMNS = 12
"""How wide a usual step is drawn, about."""
WAITING_WIDTH = 14


class Piece(NamedTuple):
    """A stretch of work, in milliseconds since the first of the steps began."""

    start: float
    end: float
    kept: bool
    """Whether something of what was done then is in the text, or goes on."""


class Timeline(TokenRows):
    """The last steps; what was drafted and thrown away is shaded, so that bubbles and rollback meet the eye."""

    DEFAULT_CSS = "Timeline { height: 2; background: $background; }\n" + token_css("Timeline")

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.steps: deque[Step] = deque(maxlen=MOST_STEPS)
        self._needed, self._quiet = True, False
        self._drawn: tuple[int, list[Row]] = (0, [])
        """For which width the rows were drawn, and the rows."""

    def add(self, step: Step) -> None:
        """Remember a step; ``show`` draws it."""
        self.steps.append(step)

    def clear(self) -> None:
        """Forget all steps."""
        self.steps.clear()
        self.show()

    def follow(self, mode: str) -> None:
        """Be there in a mode with a model that drafts, also before there is anything to draw; others never have any."""
        self._needed = MODES[mode].needs_draft or MODES[mode].needs_head
        self.display = self._needed and not self._quiet

    def hush(self, quiet: bool) -> None:
        """Leave its room to others while nothing was asked."""
        self._quiet = quiet
        self.display = self._needed and not quiet

    def show(self) -> None:
        """Draw the steps so far."""
        self._drawn = (0, [])
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row."""
        width = self.size.width
        if self._drawn[0] != width:
            self._drawn = (width, rows(list(self.steps), width))
        return self.strip(self._drawn[1][y] if y < len(self._drawn[1]) else ())


def rows(steps: Sequence[Step], width: int) -> list[Row]:
    """Both rows for the last steps that fit, the latest at the right; at the end the share of time that each waited."""
    room = width - len(WHO["draft"]) - 1 - WAITING_WIDTH
    if room < 2 * COLUMNS or not steps:
        return [[(label, "unreached")] for label in WHO.values()]
    scale = scale_of(steps)
    shown = _last_that_fit(steps, room * scale)
    begins = [sum(step.ms.wall for step in shown[:index]) for index in range(len(shown))]
    whole = sum(step.ms.wall for step in shown)
    edges = {int(begin / scale) for begin in begins[1:]}
    made: list[Row] = []
    for who, label in WHO.items():
        pieces = [
            Piece(begin + piece.start, begin + piece.end, piece.kept)
            for begin, step in zip(begins, shown, strict=True)
            for piece in pieces_of(step, who)
        ]
        waiting = 1.0 - min(1.0, sum(piece.end - piece.start for piece in pieces) / whole) if whole else 0.0
        cells = _cells(pieces, int(whole / scale), scale, edges, LOOK_OF[who])
        made.append([(f"{label} ", "unreached"), *cells, (f" waiting {percent(waiting):>5}", "unreached")])
    return made


def scale_of(steps: Sequence[Step]) -> float:
    """Milliseconds a column: 1, 2 or 5 times a power of ten, so that a usual step has some ``COLUMNS`` columns."""
    wanted = max(1e-3, median(step.ms.wall for step in steps) / COLUMNS)
    scales = (digit * 10.0**power for power in range(-3, 6) for digit in (1, 2, 5))
    return next((scale for scale in scales if scale >= wanted), wanted)


def pieces_of(step: Step, who: str) -> Iterator[Piece]:
    """When one of the two worked in a step; drafting that was thrown away, whole or in part, is told apart."""
    for span in step.spans:
        if span.who != who:
            continue
        share = _kept_share(step, beside=span.start > 0.0) if who == "draft" else 1.0
        border = span.start + share * (span.end - span.start)
        if border > span.start:
            yield Piece(span.start, border, True)
        if span.end > border:
            yield Piece(border, span.end, False)


def _kept_share(step: Step, beside: bool) -> float:
    if beside:
        return float(step.branches is not None and step.branches.won is not None)
    return step.accepted / len(step.nodes) if step.nodes else 1.0


def _last_that_fit(steps: Sequence[Step], ms: float) -> list[Step]:
    shown: list[Step] = []
    for step in reversed(steps):
        ms -= step.ms.wall
        if ms < 0.0 and shown:
            break
        shown.append(step)
    return shown[::-1]


def _cells(pieces: Sequence[Piece], columns: int, scale: float, edges: set[int], kept: TokenKind) -> Row:
    """One cell a column: who worked at its middle."""
    marks: Row = [(EDGE, "unreached") if column in edges else (" ", "unreached") for column in range(columns)]
    for piece in pieces:
        for column in range(max(0, round(piece.start / scale)), min(columns, round(piece.end / scale))):
            marks[column] = (KEPT, kept) if piece.kept else (LOST, "rejected")
    return marks
