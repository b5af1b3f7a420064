"""A paragraph laid out: the characters that a view shows, and where its rows begin."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from rich.cells import cell_len

from .wrap import extend


class Piece(NamedTuple):
    """A run of characters that look alike."""

    display: str
    """What the screen shows; holds no newline and no tab."""
    source: str
    """What copying yields."""
    look: str
    """A token kind, or the kind of a paragraph."""
    step: int
    """Number of the step in its answer; -1 for the first token and for all other text."""
    level: int
    """The first view that shows it."""


class Lead(NamedTuple):
    """What stands between a paragraph's sign and its text, in its first row and in the rows that wrapping made."""

    first: str = ""
    rest: str = ""
    look: str = "note"
    ground: str = ""
    """The look of the row behind the text; none for that of the transcript."""

    @property
    def size(self) -> int:
        """Cells that it takes."""
        return max(cell_len(self.first), cell_len(self.rest))


class Flow:
    """One paragraph in one view at one width; takes in what the paragraph gains."""

    __slots__ = ("_offsets", "_pieces", "_taken", "hidden", "key", "lead", "level", "look", "seams", "starts", "text",
                 "width")  # fmt: skip

    def __init__(self, level: int, width: int, look: str = "") -> None:
        self.level, self.width = level, width
        self.look = look
        """The look that all of it has, whatever its pieces say; none for their own."""
        self.lead = Lead()
        self.hidden = False
        """Whether it takes no row."""
        self.key: object = None
        """What it was made from."""
        self.seams: list[int] = []
        """Indices in ``text`` where another mode took over."""
        self.text = ""
        """All characters that the view shows."""
        self.starts = [0]
        """Index in ``text`` where each row begins."""
        self._pieces: list[Piece] = []
        self._offsets: list[int] = []
        self._taken = 0

    def take(self, pieces: Sequence[Piece]) -> None:
        """Lay out those of the paragraph's pieces that came since the last call."""
        if self._taken == len(pieces):
            return
        fresh = [piece for piece in pieces[self._taken :] if piece.level <= self.level]
        self._taken = len(pieces)
        at = len(self.text)
        for piece in fresh:
            self._offsets.append(at)
            at += len(piece.display)
            if piece.look == "seam" and not piece.display:
                self.seams.append(at)
        self._pieces += [piece._replace(look=self.look) for piece in fresh] if self.look else fresh
        self.text += "".join([piece.display for piece in fresh])
        extend(self.starts, self.text, self.width)

    def span(self, row: int) -> tuple[int, int]:
        """First and end index of a row."""
        end = self.starts[row + 1] if row + 1 < len(self.starts) else len(self.text)
        return self.starts[row], end

    def is_seam(self, row: int) -> bool:
        """Whether another mode took over in a row."""
        start, end = self.span(row)
        return any(start <= seam < end or seam == end == len(self.text) for seam in self.seams)

    def row_at(self, index: int) -> int:
        """The row that holds a character."""
        return max(0, bisect_right(self.starts, index) - 1)

    def index_at(self, row: int, cell: int) -> int:
        """Index of the character that a row shows at a cell; the row's end if it shows none there."""
        start, end = self.span(row)
        for index in range(start, end):
            cell -= cell_len(self.text[index])
            if cell < 0:
                return index
        return end

    def pieces(self, start: int, end: int) -> Iterator[tuple[Piece, int, int]]:
        """Pieces between two indices, each with the part of its display that lies between them."""
        for at in range(max(0, bisect_right(self._offsets, start) - 1), len(self._pieces)):
            offset, piece = self._offsets[at], self._pieces[at]
            if offset >= end:
                return
            first, last = max(0, start - offset), min(len(piece.display), end - offset)
            if first < last:
                yield piece, first, last

    def source(self, start: int, end: int) -> str:
        """The plain text between two indices, as copying yields it."""
        parts = []
        for piece, first, last in self.pieces(start, end):
            if piece.display == piece.source:
                parts.append(piece.source[first:last])
            elif first == 0:
                parts.append(piece.source)
        return "".join(parts)

    def plain_index(self, index: int) -> int:
        """How many characters that every view shows stand before an index."""
        return sum(last - first for piece, first, last in self.pieces(0, index) if not piece.level)

    def index_of_plain(self, count: int) -> int:
        """The index before which ``count`` characters stand that every view shows."""
        for offset, piece in zip(self._offsets, self._pieces, strict=True):
            if not piece.level:
                if count < len(piece.display):
                    return offset + count
                count -= len(piece.display)
        return len(self.text)

    def index_of_step(self, step: int) -> int | None:
        """Where the first character of a step stands; None if the view shows none."""
        places = zip(self._offsets, self._pieces, strict=True)
        return next((offset for offset, piece in places if piece.step == step), None)
