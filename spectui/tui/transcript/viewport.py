"""Which rows of a document are on show, and what is chosen; lays out only the paragraphs that it meets."""

import sys
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from .blocks import FENCE, THINK, THOUGHT, Fence, Thought
from .document import Document
from .flow import Flow, Lead
from .paragraph import CLEAN, Paragraph
from .reading import key, read, step_pieces

INDENT = 2
"""Cells before every row, where a paragraph's sign stands."""
NARROW = 16
"""Below this many cells there is no indent."""
MARKED = 3
"""Above this many cells the last one is for the position mark."""
NEAR = 2
"""Rows from the end within which scrolling down follows the end again."""
THUMB, MORE, HELD, SEAM = "▐", "↓", "‖", "⇢ "
LONGEST_FENCE = 80
"""Characters of a line from which on it is not looked at whether it opens a block of code."""


class Position(NamedTuple):
    """A row of a paragraph."""

    paragraph: int
    row: int


class Line(NamedTuple):
    """A row on show; two that are equal look alike, but for what is chosen or selected."""

    place: Position
    paragraph: Paragraph
    flow: Flow
    start: int
    end: int
    """Indices in the text of the flow."""
    mark: str
    """The sign of one cell that stands last, or none."""
    seams: int
    """How many changes of the mode its paragraph shows; it may come behind text that stands."""

    @property
    def sign(self) -> str:
        """What stands in the margin."""
        return SEAM if self.is_seam else self.paragraph.sign if self.place.row == 0 else ""

    @property
    def is_seam(self) -> bool:
        """Whether another mode took over in this row."""
        return bool(self.flow.seams) and self.flow.is_seam(self.place.row)

    @property
    def lead(self) -> str:
        """What stands between the margin and the text."""
        lead = self.flow.lead
        return lead.first if self.place.row == 0 else lead.rest

    @property
    def text(self) -> str:
        """What it shows."""
        return self.flow.text[self.start : self.end]


EMPTY = Paragraph("space", 0), Flow(CLEAN, 1)
"""What stands below the document."""


class Viewport:
    """A window on a document; ``top`` is its first row, ``lines`` are all that it shows."""

    def __init__(self, document: Document, folded: bool = True) -> None:
        self.document = document
        self.width, self.height, self.level = 1, 0, CLEAN
        """Cells for the text and its indent, rows, and the view."""
        self.indent = 0
        """Cells that stay free at the left of the text."""
        self.top = Position(0, 0)
        self.follow = True
        """Whether the end stays in view; scrolling up releases it, coming back near the end takes it up."""
        self.held = False
        """Whether the display holds still while text goes on arriving."""
        self.bare = False
        """Whether what is about an answer, its numbers and the legend, is left out."""
        self.folded = folded
        """Whether thoughts are folded in the clean view."""
        self.chosen: tuple[int, int] | None = None
        """The chosen (answer, step)."""
        self.lines: list[Line] = []
        self._shape = (0, 0, -1, False)

    @property
    def room(self) -> int:
        """Cells of a row of text."""
        return max(1, self.width - self.indent)

    def flow(self, index: int) -> Flow:
        """The layout of a paragraph, up to date."""
        paragraph = self.document.paragraphs[index]
        width = self.room
        if self.level == CLEAN and paragraph.kind == "answer":
            return self._reading(index, width)
        flow, look = paragraph.flow, "note" if _is_fence(paragraph) else ""
        if flow is None or (flow.width, flow.level, flow.look) != (width, self.level, look):
            flow = paragraph.flow = Flow(self.level, width, look)
        flow.take(paragraph.shown_within(width))
        return flow

    def _reading(self, index: int, width: int) -> Flow:
        """The layout of a paragraph of an answer as Markdown."""
        paragraph = self.document.paragraphs[index]
        growing = paragraph is self.document.growing
        made_from = key(paragraph, growing, self.folded, width)
        flow = paragraph.flow
        if flow is None or flow.level != CLEAN or flow.key != made_from:
            parts, lead, hidden = read(self.document.paragraphs, index, growing, self.folded, width)
            lead = lead if lead.size < width else Lead()
            flow = paragraph.flow = Flow(CLEAN, width - lead.size)
            flow.key, flow.lead, flow.hidden = made_from, lead, hidden
            flow.take(list(step_pieces(parts, paragraph)))
        return flow

    # -- moving; each way ends with the lines that are on show then

    def reshape(self, width: int, height: int, level: int, bare: bool = False) -> None:
        """Take another size or view, ``bare`` or not; what stood in the first row stays there, laid out anew."""
        if (width, height, level, bare) == self._shape:
            return
        first = self.lines[0] if self.lines and not self.follow else None
        self._shape = width, height, level, bare
        self.bare = bare
        self.width, self.height, self.level = max(1, width - (width > MARKED)), max(0, height), level
        self.indent = INDENT if self.width >= NARROW else 0
        if first is not None and first.place.paragraph >= 0:
            flow = self.flow(first.place.paragraph)
            index = flow.index_of_plain(first.flow.plain_index(first.start))
            self.top = Position(first.place.paragraph, flow.row_at(index))
        self._lay_out()

    def settle(self) -> None:
        """Take in how the document has grown, unless held still."""
        if not self.held:
            self._lay_out()

    def hold(self, held: bool) -> None:
        """Hold the display still, or let it go on; nothing that arrives is lost."""
        self.held = held
        self._lay_out()

    def fold(self, folded: bool) -> None:
        """Fold thoughts, or show them."""
        self.folded = folded
        self._lay_out()

    def drop_answer(self) -> None:
        """Take the document's last answer back, and what was chosen."""
        self.document.drop_answer()
        self.chosen = None
        self._lay_out()

    def rewind(self, answers: int) -> None:
        """Keep the document's first answers, and follow its end."""
        self.document.rewind(answers)
        self.chosen = None
        self.end()

    def scroll(self, rows: int) -> None:
        """Move down by some rows (up if negative); releases or takes up following the end."""
        if rows < 0:
            self.top = next(islice(self._backward(self.top), -rows - 1, None), Position(0, 0))
            self.follow = self.top >= self._last_top()
        elif rows > 0:
            end = self._last_top()
            self.top = min(next(islice(self._forward(self.top), rows, None), end), end)
            self.follow = end in islice(self._forward(self.top), NEAR + 1)
        self._lay_out()

    def home(self) -> None:
        """Show the beginning."""
        self.top = Position(0, 0)
        self.follow = self.top >= self._last_top()
        self._lay_out()

    def end(self) -> None:
        """Show the end and follow it."""
        self.follow, self.held = True, False
        self._lay_out()

    # -- what a person chooses

    def step_at(self, x: int, y: int) -> tuple[int, int] | None:
        """The (answer, step) of the token at a cell; None if there is none."""
        if x < self.indent or not 0 <= y < len(self.lines):
            return None
        line = self.lines[y]
        index = line.flow.index_at(line.place.row, x - self.indent - line.flow.lead.size)
        step = next((piece.step for piece, _, _ in line.flow.pieces(index, index + 1)), -1)
        return (line.paragraph.answer, step) if line.paragraph.answer >= 0 and step >= 0 else None

    def is_fold(self, y: int) -> bool:
        """Whether a row is the line in which thoughts are folded and unfolded."""
        if self.level != CLEAN or not 0 <= y < len(self.lines):
            return False
        return isinstance(self.lines[y].paragraph.opens, Thought)

    def choose(self, by: int) -> bool:
        """Choose the step after or before the chosen one, at first the last one, and show it; whether there is one."""
        answer, step = self.chosen or (self.document.answers - 1, None)
        if not 0 <= answer < self.document.answers or not (count := self.document.steps(answer)):
            return False
        number = count - 1 if step is None else min(count - 1, max(0, step + by))
        self.chosen = answer, number
        place = self.place_of(answer, number)
        if place is not None and all(line.place != place for line in self.lines):
            self.top = place
            self.scroll(-(self.height // 3))
        return True

    def fences_on_show(self) -> list[Fence]:
        """The blocks of code of which something is on show."""
        met: dict[Fence, None] = {}
        for paragraph in dict.fromkeys(line.paragraph for line in self.lines):
            opened, fence = paragraph.opens, paragraph.context.fence
            met |= {one: None for one in (fence, opened) if isinstance(one, Fence)}
        return list(met)

    def place_of(self, answer: int, step: int) -> Position | None:
        """The first row that shows something of a step; None if nothing does."""
        for index, paragraph in enumerate(self.document.paragraphs):
            if paragraph.answer == answer and any(piece.step == step for piece in paragraph.pieces):
                flow = self.flow(index)
                if (at := flow.index_of_step(step)) is not None:
                    return Position(index, flow.row_at(at))
        return None

    def source(self, start: tuple[int, int] | None, end: tuple[int, int] | None) -> str:
        """The text between two places, as the model or the person wrote it; None is the beginning, or the end.

        A place is (index in the paragraph's shown text, paragraph). Signs, what only some views show and the ends of
        rows that wrapping made are left out.
        """
        (left, first), (right, last) = start or (0, 0), end or (sys.maxsize, len(self.document.paragraphs) - 1)
        parts = []
        for index in range(max(0, first), min(last + 1, len(self.document.paragraphs))):
            if self.document.paragraphs[index].level <= self.level:
                begin = left if index == first else 0
                stop = right if index == last else sys.maxsize
                parts.append(self.flow(index).source(begin, max(begin, stop)))
        return "\n".join(parts)

    @property
    def last_place(self) -> tuple[int, int]:
        """Where the text ends, as ``source`` counts."""
        last = len(self.document.paragraphs) - 1
        return (len(self.flow(last).text), last) if last >= 0 else (0, 0)

    # -- rows

    def _lay_out(self) -> None:
        """Find out what is on show, by size, top and document as they are."""
        end = self._last_rows()
        if self.follow or not end or end[0] < self.top:
            self.top = end[0] if end else Position(0, 0)
            places = end[: self.height]
        else:
            places = list(islice(self._forward(self.top), self.height))
        column = self._column(places) if self._shape[0] > MARKED else [""] * self.height
        self.lines = [self._line(place, mark) for place, mark in zip(places, column, strict=False)]
        below = column[len(places) :]
        self.lines += [Line(Position(-1, 0), *EMPTY, 0, 0, mark, 0) for mark in below]

    def _line(self, place: Position, mark: str) -> Line:
        flow = self.flow(place.paragraph)
        return Line(
            place, self.document.paragraphs[place.paragraph], flow, *flow.span(place.row), mark, len(flow.seams)
        )

    def _column(self, places: list[Position]) -> list[str]:
        """Position marks: a thumb that tells where the view stands, and in the last row whether there is more."""
        rows, held = self.height, HELD if self.held else ""
        if not places:
            return [" "] * rows
        last = self.document.paragraphs[-1]
        total = len(self.document.paragraphs) + (last.before + last.size) / self.width
        before, after = self._rows_before(places[0]), max(0.0, total - self._rows_before(places[-1]) - 1)
        if before <= 0 and len(list(islice(self._forward(places[-1]), 2))) == 1:
            return [*" " * (rows - 1), held or " "]
        length = max(1, min(rows, round(rows * len(places) / (before + len(places) + after))))
        share = 1.0 if self.follow or before + after <= 0 else before / (before + after)
        start = round((rows - length) * share)
        column = [*" " * start, *THUMB * length, *" " * (rows - length - start)]
        foot = held or ("" if self.follow else MORE)
        return [*column[:-1], foot] if foot else column

    def _rows_before(self, place: Position) -> float:
        """About how many rows stand before one: an estimate that lays nothing out."""
        return place.paragraph + self.document.paragraphs[place.paragraph].before / self.width + place.row

    def _count(self, index: int) -> int:
        """Rows of a paragraph in this view."""
        paragraph = self.document.paragraphs[index]
        if paragraph.level > self.level or (self.bare and paragraph.aside):
            return 0
        flow = self.flow(index)
        return 0 if flow.hidden else len(flow.starts)

    def _forward(self, start: Position) -> Iterator[Position]:
        """The rows from ``start`` on."""
        for index in range(start.paragraph, len(self.document.paragraphs)):
            for at in range(start.row if index == start.paragraph else 0, self._count(index)):
                yield Position(index, at)

    def _backward(self, start: Position) -> Iterator[Position]:
        """The rows before ``start``, the nearest first."""
        for index in range(min(start.paragraph, len(self.document.paragraphs) - 1), -1, -1):
            count = self._count(index)
            for at in range(min(start.row, count) - 1 if index == start.paragraph else count - 1, -1, -1):
                yield Position(index, at)

    def _last_rows(self) -> list[Position]:
        """The rows on show when the document's end is in the last; one if there is no room."""
        end = Position(len(self.document.paragraphs), 0)
        return list(islice(self._backward(end), max(1, self.height)))[::-1]

    def _last_top(self) -> Position:
        return next(iter(self._last_rows()), Position(0, 0))


def _is_fence(paragraph: Paragraph) -> bool:
    """Whether a line is a mark around code or around thoughts, no text of its own."""
    if paragraph.kind != "answer" or not paragraph.pieces or paragraph.size > LONGEST_FENCE:
        return False
    text = paragraph.source
    return text.strip() in (THINK, THOUGHT) or (("```" in text or "~~~" in text) and FENCE.match(text) is not None)
