"""The transcript's content: blocks of pieces, wrapped to a width, read by global line number."""

from bisect import bisect_right
from dataclasses import dataclass, field
from typing import Literal

from .wrap import Line, Wrapper

BlockKind = Literal["heading", "question", "answer", "note", "error", "blank"]
View = Literal["clean", "colour", "trace"]
HIDDEN = {"clean": {"rejected", "unreached", "cut", "seam"}, "colour": {"rejected", "unreached", "cut"}, "trace": set()}
NO_TEXT = {"rejected", "unreached", "cut", "seam"}


@dataclass(slots=True)
class Piece:
    """A piece of text with its kind and the step that it came from."""

    text: str
    kind: str
    step: int = -1


@dataclass(slots=True)
class Block:
    """One part of the transcript."""

    kind: BlockKind
    answer: int = -1
    pieces: list[Piece] = field(default_factory=list)
    wrapper: Wrapper = field(default_factory=lambda: Wrapper(1))

    @property
    def text(self) -> str:
        """The block's own text, without marks of the view."""
        return "".join(piece.text for piece in self.pieces if piece.kind not in NO_TEXT)


class Document:
    """All blocks; only the last one grows."""

    def __init__(self) -> None:
        self.blocks: list[Block] = []
        self.width = 80
        self.view: View = "colour"
        self._starts: list[int] = []

    def __len__(self) -> int:
        return self._starts[-1] + len(self.blocks[-1].wrapper.lines) if self.blocks else 0

    def begin(self, kind: BlockKind, answer: int = -1) -> Block:
        """Append an empty block."""
        self._starts.append(len(self))
        block = Block(kind, answer, wrapper=Wrapper(self.width))
        self.blocks.append(block)
        return block

    def add(self, text: str, kind: str, step: int = -1) -> None:
        """Append a piece to the last block."""
        if text:
            block = self.blocks[-1]
            block.pieces.append(Piece(text, kind, step))
            if kind not in HIDDEN[self.view]:
                block.wrapper.add(text, kind, step)

    def drop(self, count: int) -> None:
        """Remove the last blocks."""
        del self.blocks[len(self.blocks) - count :], self._starts[len(self._starts) - count :]

    def line(self, number: int) -> tuple[Block, Line]:
        """The block and row of a global line number."""
        index = bisect_right(self._starts, number) - 1
        block = self.blocks[index]
        return block, block.wrapper.lines[number - self._starts[index]]

    def layout(self, width: int, view: View) -> None:
        """Wrap everything anew for a width and a view."""
        self.width, self.view = max(1, width), view
        self._starts = []
        total = 0
        for block in self.blocks:
            block.wrapper = Wrapper(self.width)
            for piece in block.pieces:
                if piece.kind not in HIDDEN[view]:
                    block.wrapper.add(piece.text, piece.kind, piece.step)
            self._starts.append(total)
            total += len(block.wrapper.lines)

    def place(self, number: int) -> tuple[int, int]:
        """Block index and number of characters before a line, which survive another layout."""
        index = max(0, bisect_right(self._starts, number) - 1)
        lines = self.blocks[index].wrapper.lines[: number - self._starts[index]]
        return index, sum(len(line.text) for line in lines)

    def find(self, place: tuple[int, int]) -> int:
        """The line where a place is now."""
        index, before = place
        number = self._starts[index]
        for line in self.blocks[index].wrapper.lines:
            before -= len(line.text)
            if before < 0:
                break
            number += 1
        return min(number, self._starts[index] + len(self.blocks[index].wrapper.lines) - 1)
