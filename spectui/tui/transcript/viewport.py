"""Which rows of a document are on show; lays out only the paragraphs that it meets."""

from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from .document import COLOUR, Document, Paragraph
from .flow import Flow

INDENT = 2
"""Cells before every row, where a role's sign stands."""
NARROW = 16
"""Below this many cells there is no indent."""
NEAR = 2
"""Rows from the end within which scrolling down follows the end again."""


class Position(NamedTuple):
    """A row of a paragraph."""

    paragraph: int
    row: int


class Viewport:
    """A window of ``width`` x ``height`` cells on a document; ``top`` is its first row."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.width, self.height, self.level = 80, 24, COLOUR
        self.top = Position(0, 0)
        self.follow = True
        """Whether the end of the document stays in view."""

    @property
    def indent(self) -> int:
        """Cells that stay free at the left of the text."""
        return INDENT if self.width >= NARROW else 0

    def flow(self, index: int) -> Flow:
        """The layout of a paragraph, up to date."""
        paragraph = self.document.paragraphs[index]
        width = max(1, self.width - self.indent)
        flow = paragraph.flow
        if flow is None or flow.width != width or flow.level != self.level:
            flow = paragraph.flow = Flow(self.level, width)
        flow.take(paragraph.pieces)
        return flow

    def rows(self) -> list[Position]:
        """The rows on show, from the top; fewer than ``height`` if the document ends before."""
        return list(islice(self._forward(self.top), self.height))

    def settle(self) -> None:
        """Make ``top`` right again after the document has changed."""
        end = self._last_top()
        if self.follow or end < self.top:
            self.top = end

    def scroll(self, rows: int) -> None:
        """Move down by some rows (up if negative); releases or takes up following the end."""
        if rows < 0:
            self.top = next(islice(self._backward(self.top), -rows - 1, None), Position(0, 0))
            self.follow = self.top >= self._last_top()
        elif rows > 0:
            end = self._last_top()
            self.top = min(next(islice(self._forward(self.top), rows, None), end), end)
            self.follow = end in islice(self._forward(self.top), NEAR + 1)
            self.settle()

    def home(self) -> None:
        """Show the beginning."""
        self.top = Position(0, 0)
        self.follow = self.top >= self._last_top()

    def end(self) -> None:
        """Show the end, and follow it."""
        self.follow = True
        self.settle()

    def show(self, position: Position) -> None:
        """Bring a row into view with some rows around it, unless it is there."""
        if position not in self.rows():
            self.top = position
            self.scroll(-(self.height // 3))

    def reshape(self, width: int, height: int, level: int) -> None:
        """Take another size or view; what stood in the first row stays there, laid out anew."""
        mark = self._mark() if not self.follow else None
        self.width, self.height, self.level = max(1, width), max(0, height), level
        if mark is not None:
            flow = self.flow(self.top.paragraph)
            self.top = Position(self.top.paragraph, flow.row_at(flow.index_of_plain(mark)))
        self.settle()

    def last(self) -> Position:
        """The last row of the document in this view."""
        return next(self._backward(Position(len(self.document.paragraphs), 0)), Position(0, 0))

    def edge(self) -> Position:
        """The first row that growth may change: the last but one, as far as the end is laid out."""
        last = len(self.document.paragraphs) - 1
        if last < 0:
            return Position(0, 0)
        flow = self.document.paragraphs[last].flow
        return Position(last, max(0, len(flow.starts) - 2) if flow else 0)

    def place_of(self, answer: int, step: int) -> Position | None:
        """The first row that shows something of a step; None if nothing does."""
        for index, paragraph in enumerate(self.document.paragraphs):
            if paragraph.answer == answer and any(piece.step == step for piece in paragraph.pieces):
                flow = self.flow(index)
                if (at := flow.index_of_step(step)) is not None:
                    return Position(index, flow.row_at(at))
        return None

    def forget_strips(self) -> None:
        """Paint every row anew; the layout stays."""
        for paragraph in self.document.paragraphs:
            if paragraph.flow is not None:
                paragraph.flow.strips = [None] * len(paragraph.flow.starts)

    def progress(self, position: Position) -> float:
        """About how many rows stand before a row; a cheap estimate for paragraphs that were not laid out."""
        paragraphs = self.document.paragraphs
        if position.paragraph >= len(paragraphs):
            return 0.0
        return self._above(paragraphs[position.paragraph], position.paragraph) + position.row

    def total(self) -> float:
        """About how many rows there are, by the same measure."""
        paragraphs = self.document.paragraphs
        if not paragraphs:
            return 0.0
        last = paragraphs[-1]
        return self._above(last, len(paragraphs)) + last.size / self.width

    def _above(self, paragraph: Paragraph, index: int) -> float:
        return index + paragraph.before / self.width

    def _mark(self) -> int | None:
        """What stands at the top, in characters that every view shows."""
        if self.top.paragraph >= len(self.document.paragraphs):
            return None
        flow = self.document.paragraphs[self.top.paragraph].flow
        if flow is None or self.top.row >= len(flow.starts):
            return None
        return flow.plain_index(flow.starts[self.top.row])

    def _count(self, index: int) -> int:
        """Rows of a paragraph in this view."""
        if self.document.paragraphs[index].level > self.level:
            return 0
        return len(self.flow(index).starts)

    def _forward(self, start: Position) -> Iterator[Position]:
        """The rows from ``start`` on."""
        row = start.row
        for index in range(start.paragraph, len(self.document.paragraphs)):
            for at in range(row, self._count(index)):
                yield Position(index, at)
            row = 0

    def _backward(self, start: Position) -> Iterator[Position]:
        """The rows before ``start``, the nearest first."""
        row = start.row
        for index in range(min(start.paragraph, len(self.document.paragraphs) - 1), -1, -1):
            count = self._count(index)
            for at in range(min(row, count) - 1 if index == start.paragraph else count - 1, -1, -1):
                yield Position(index, at)

    def _last_top(self) -> Position:
        """The first row on show when the document's end is in the last."""
        end = Position(len(self.document.paragraphs), 0)
        rows = list(islice(self._backward(end), max(1, self.height)))
        return rows[-1] if rows else Position(0, 0)
