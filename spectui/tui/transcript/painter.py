"""Rows of the transcript as strips."""

from collections.abc import Mapping
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from .document import Paragraph
from .flow import Flow
from .viewport import Position

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of one view in one theme."""

    base: Style
    looks: Mapping[str, Style]
    """For every token kind and every role."""
    chosen: Style
    """Laid over the tokens of the chosen step."""
    selection: Style
    """Laid over what the mouse has selected."""
    mark: Style
    """Of the position mark."""


@dataclass(frozen=True, slots=True)
class Overlay:
    """What is laid over a row for a while."""

    selected: Span | None = None
    """Indices in the paragraph's shown text; an end of -1 is its end."""
    chosen: int | None = None
    """Number of a step."""


class Painter:
    """Paints rows of ``width`` cells, a position mark last; rows without overlay are painted once and kept.

    Mouse selection needs to know which character stands where: a row painted with ``offsets`` says so in its segments'
    styles, at twice the cost.
    """

    def __init__(self, palette: Palette, width: int, indent: int) -> None:
        self._palette, self._width, self._indent = palette, width, indent
        self._blanks: dict[str, Strip] = {}

    def row(
        self, paragraph: Paragraph, flow: Flow, at: Position, mark: str, overlay: Overlay, offsets: bool = False
    ) -> Strip:
        """One row, with a position mark of one cell or none."""
        start, end = flow.span(at.row)
        lit, chosen = _within(overlay.selected, start, end), overlay.chosen
        if chosen is not None and all(piece.step != chosen for piece, _, _ in flow.pieces(start, end)):
            chosen = None
        if lit or chosen is not None or offsets:
            return self._paint(paragraph, flow, at, mark, lit, chosen, offsets)
        kept = flow.strips[at.row]
        if kept is None:
            kept = flow.strips[at.row] = {}
        if mark not in kept:
            kept[mark] = self._paint(paragraph, flow, at, mark, None, None)
        return kept[mark]

    def blank(self, mark: str, at: tuple[int, int] | None = None) -> Strip:
        """A row below the document; ``at`` is the offset of the document's end."""
        kept = self._blanks if at is None else {}
        if mark not in kept:
            kept[mark] = self._strip([self._space(self._width - len(mark), at)], mark)
        return kept[mark]

    def _paint(
        self,
        paragraph: Paragraph,
        flow: Flow,
        at: Position,
        mark: str,
        lit: Span | None,
        chosen: int | None,
        offsets: bool = False,
    ) -> Strip:
        """Put the sign before the text and fill it up."""
        start, end = flow.span(at.row)
        room = self._width - self._indent - len(mark)
        first = (start, at.paragraph) if offsets else None
        text = Strip(self._segments(flow, start, end, lit, chosen))
        if first is not None:
            text = text.apply_offsets(*first)
        if text.cell_length > room:
            text = text.crop(0, room)
        # Without an offset the fill counts as the row's end; an empty row has nothing else to carry one.
        fill = self._space(room - text.cell_length, first if start == end else None)
        return self._strip([*self._left(paragraph, at, first), *text, fill], mark)

    def _strip(self, segments: list[Segment], mark: str) -> Strip:
        segments.append(Segment(mark, self._palette.mark))
        return Strip([segment for segment in segments if segment.text], self._width)

    def _segments(self, flow: Flow, start: int, end: int, lit: Span | None, chosen: int | None) -> list[Segment]:
        """Runs of one style between two indices."""
        runs: list[tuple[str, Style]] = []
        index = start
        for piece, first, last in flow.pieces(start, end):
            style = self._palette.looks[piece.look]
            if chosen is not None and piece.step == chosen:
                style += self._palette.chosen
            for text, bright in _split(piece.display[first:last], index, lit):
                if text:
                    full = style + self._palette.selection if bright else style
                    if runs and runs[-1][1] is full:
                        runs[-1] = (runs[-1][0] + text, full)
                    else:
                        runs.append((text, full))
            index += last - first
        return [Segment(text, style) for text, style in runs]

    def _left(self, paragraph: Paragraph, at: Position, first: tuple[int, int] | None) -> list[Segment]:
        """The sign; with offsets cell by cell, so that a click on any of them means the row's first character."""
        sign = (paragraph.role.sign if at.row == 0 else "").ljust(self._indent)[: self._indent]
        style = self._palette.looks[f"{paragraph.role.kind}-sign"]
        if first is None:
            return [Segment(sign, style)]
        return [Segment(character, style + _offset(*first)) for character in sign]

    def _space(self, cells: int, at: tuple[int, int] | None) -> Segment:
        style = self._palette.base if at is None else self._palette.base + _offset(*at)
        return Segment(" " * cells, style)


def _offset(index: int, paragraph: int) -> Style:
    return Style.from_meta({"offset": (index, paragraph)})


def _within(selected: Span | None, start: int, end: int) -> Span | None:
    """The part of a selection that lies in a row; None if there is none."""
    if selected is None:
        return None
    first, last = max(selected[0], start), end if selected[1] < 0 else min(selected[1], end)
    return (first, last) if first < last else None


def _split(text: str, index: int, lit: Span | None) -> list[tuple[str, bool]]:
    """A text that begins at ``index``, divided into what lies outside and inside a range."""
    if lit is None:
        return [(text, False)]
    first = min(max(0, lit[0] - index), len(text))
    last = min(max(first, lit[1] - index), len(text))
    return [(text[:first], False), (text[first:last], True), (text[last:], False)]


def index_at(flow: Flow, row: int, cell: int) -> int:
    """Index of the character that a row shows at a cell; the row's end if it shows none there."""
    start, end = flow.span(row)
    cells = 0
    for index in range(start, end):
        cells += cell_len(flow.text[index])
        if cell < cells:
            return index
    return end
