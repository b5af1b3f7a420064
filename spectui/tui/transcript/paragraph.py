"""The text between two newlines, as pieces that each have a look and the step they came from."""

from dataclasses import dataclass, field

from ...present.answer_line import AnswerLine
from .blocks import PLAIN, Context, Opened
from .flow import Flow, Piece

CLEAN, COLOUR, TRACE = range(3)
"""The views. Clean reads as Markdown; each of the others shows all that the ones before it show."""


@dataclass(slots=True, eq=False)
class Paragraph:
    """The text between two newlines."""

    kind: str
    """``question``, ``heading``, ``answer``, ``note``, ``error`` or ``space``."""
    before: int
    """Characters of the document before it, without newlines."""
    answer: int = -1
    """Number of the answer it belongs to; -1 for none."""
    level: int = CLEAN
    """The first view that shows it."""
    sign: str = ""
    pieces: list[Piece] = field(default_factory=list)
    size: int = 0
    """Characters that every view shows."""
    flow: Flow | None = None
    """How it was last laid out."""
    context: Context = PLAIN
    """The blocks of Markdown in which it stands."""
    opens: Opened = None
    """The one that begins in it."""
    line: AnswerLine | None = None
    """The numbers that it shows, as many as there is room for; the pieces have all of them."""
    aside: bool = False
    """Whether it is about the answer, so that it is left out where only the text is wanted."""

    def shown_within(self, width: int) -> list[Piece]:
        """The pieces of a row of so many cells."""
        if self.line is None:
            return self.pieces
        said = self.line.within(width)
        return [Piece(said, said, self.kind, -1, self.level)]

    @property
    def source(self) -> str:
        """The plain text."""
        return "".join([piece.source for piece in self.pieces])
