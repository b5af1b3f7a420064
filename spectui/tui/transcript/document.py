"""What a conversation holds: paragraphs of pieces, each piece with its look and the step it came from."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby

from rich.cells import cell_len

from ...present.reading import Refused, read_step
from ...present.token_looks import LEGEND, LOOKS, shown
from ...record.events import EndText, PrefillText, ServedText, StepText
from .flow import Flow, Piece

CLEAN, COLOUR, TRACE = range(3)
"""The views, each showing all that the ones before it show."""
TAB = 4
"""Columns between tab stops."""
MOST_REFUSED = 3
"""Refused alternatives that the trace view shows at one position; more are counted."""
SIGNS = {"question": "❯ ", "heading": "● ", "error": "! "}
"""What stands before the first row of what has a kind, two cells wide."""
ROLE_LOOKS = ("question", "heading", "note", "error")
"""Looks of text that no step made."""


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

    @property
    def source(self) -> str:
        """The plain text."""
        return "".join([piece.source for piece in self.pieces])


class Document:
    """A conversation, built in order; only its end ever changes. ``grown`` is called for all that is added."""

    def __init__(self, grown: Callable[[], None] = lambda: None) -> None:
        self.paragraphs: list[Paragraph] = []
        self._grown = grown
        self._answers: list[int] = []
        self._steps: list[int] = []
        self._drafted = False
        self._explained = False

    @property
    def answers(self) -> int:
        """How many answers there are; the last one has the number ``answers - 1``."""
        return len(self._answers)

    def steps(self, answer: int) -> int:
        """How many steps an answer has so far."""
        return self._steps[answer]

    def begin_question(self, text: str) -> None:
        """What the person asked."""
        if self.paragraphs:
            self._open("space")
        self._open("question")
        self._put(text, "question")

    def begin_answer(self, title: str, note: str = "") -> None:
        """An answer begins in the mode with this title."""
        self._answers.append(len(self.paragraphs))
        number = self.answers - 1
        if self.paragraphs:
            self._open("space", number)
        self._steps.append(0)
        self._drafted = False
        self._open("heading", number)
        self._put(title, "heading")
        self._put(f"  {note}" if note else "", "note")
        self._open("answer", number)

    def add_first(self, record: PrefillText) -> None:
        """The token that prefill yields."""
        self._put(record.text, "target", -1)

    def add_step(self, record: StepText) -> None:
        """What a step added to the answer, and what was refused on the way."""
        step = record.step.index
        if self._steps:
            self._steps[-1] = step + 1
        self._drafted = self._drafted or bool(record.nodes)
        for slot in read_step(record):
            self._refuse(slot.refused, record)
            if slot.kind == "cut":
                self._ghost(shown(slot.text), "cut", step, TRACE)
            elif slot.kind:
                self._put(slot.text, slot.kind, step)

    def add_served(self, record: ServedText) -> None:
        """What a server sent at once, as one piece."""
        if self._steps:
            self._steps[-1] = record.index + 1
        self._drafted = self._drafted or record.kind == "accepted"
        self._put(record.text, record.kind or "target", record.index)

    def recolour(self, kinds: Sequence[str]) -> None:
        """The kinds of a server's pieces, which it has told only at the end of the answer."""
        if not kinds or not self._answers:
            return
        self._drafted = self._drafted or "accepted" in kinds
        for paragraph in self.paragraphs[self._answers[-1] :]:
            if paragraph.kind == "answer":
                paragraph.pieces = [
                    piece._replace(look=kinds[piece.step]) if 0 <= piece.step < len(kinds) else piece
                    for piece in paragraph.pieces
                ]
                paragraph.flow = None
        self._grown()

    def seam(self, title: str) -> None:
        """Another mode takes over inside the answer."""
        step = self._steps[-1] if self._steps else -1
        self._ghost(f" ⇢ {title} ", "seam", step, COLOUR)

    def end_answer(self, record: EndText, summary: str, legend: bool = True) -> None:
        """The answer is over; an error it ended with is shown below it, and once, what the colours mean."""
        self._put(record.tail, "target", self._steps[-1] - 1 if self._steps else -1)
        if record.end.message:
            self.error(record.end.message)
        if summary:
            self._open("note", self.answers - 1)
            self._put(summary, "note")
        if legend and self._drafted and not self._explained:
            self._explained = True
            self._legend()

    def error(self, text: str) -> None:
        """A failure, in place."""
        self._open("error", self.answers - 1)
        self._put(text, "error")

    def drop_answer(self) -> None:
        """Take the last answer back, with all that came after it; its number is free again."""
        if self._answers:
            first = self._answers.pop()
            self._steps.pop()
            if any(paragraph.level == COLOUR for paragraph in self.paragraphs[first:]):
                self._explained = False
            del self.paragraphs[first:]

    @property
    def blocks(self) -> list[tuple[str, str]]:
        """The conversation as plain text: paragraphs of one kind that follow each other, with their kind."""
        groups = groupby(self.paragraphs, lambda paragraph: (paragraph.answer, paragraph.kind, paragraph.level))
        return [
            (kind, "\n".join(paragraph.source for paragraph in group))
            for (_, kind, level), group in groups
            if kind != "space" and level == CLEAN
        ]

    @property
    def markdown(self) -> str:
        """The same as Markdown."""
        titles = {"question": "**You:** ", "answer": "", "note": "> ", "error": "> "}
        return "\n\n".join(titles[kind] + text for kind, text in self.blocks if kind in titles) + "\n"

    def answer_text(self, answer: int = -1) -> str:
        """The plain text of an answer; empty if there is none."""
        if not self._answers:
            return ""
        number = range(self.answers)[answer]
        mine = (p for p in self.paragraphs[self._answers[number] :] if p.answer == number)
        return "\n".join(paragraph.source for paragraph in mine if paragraph.kind == "answer")

    def _open(self, kind: str, answer: int = -1, level: int = CLEAN, begins: bool = True) -> None:
        last = self.paragraphs[-1] if self.paragraphs else None
        before = last.before + last.size if last else 0
        self.paragraphs.append(Paragraph(kind, before, answer, level, SIGNS.get(kind, "") if begins else ""))
        self._grown()

    def _put(self, text: str, look: str, step: int = -1) -> None:
        """Add text, which may hold newlines and tabs."""
        if not text or not self.paragraphs:
            return
        for row, line in enumerate(text.split("\n")):
            paragraph = self.paragraphs[-1]
            if row:
                self._open(paragraph.kind, paragraph.answer, begins=False)
            for column, part in enumerate(line.split("\t")):
                if column:
                    self._add(Piece(" " * _to_tab_stop(self.paragraphs[-1]), "\t", look, step, CLEAN))
                self._add(Piece(part, part, look, step, CLEAN))

    def _ghost(self, display: str, look: str, step: int, level: int) -> None:
        """Add what some views show and copying leaves out."""
        self._add(Piece(display, "", look, step, level))

    def _add(self, piece: Piece) -> None:
        if piece.display and self.paragraphs:
            paragraph = self.paragraphs[-1]
            paragraph.pieces.append(piece)
            if piece.level == CLEAN:
                paragraph.size += len(piece.display)
            self._grown()

    def _refuse(self, refused: tuple[Refused, ...], record: StepText) -> None:
        step = record.step.index
        for one in refused[:MOST_REFUSED]:
            text = shown(record.nodes[one.node])
            word = text.lstrip(" ") or text
            self._ghost(text[: len(text) - len(word)], "target", step, TRACE)
            self._ghost(word, "rejected", step, TRACE)
            if one.below:
                below = "".join(shown(record.nodes[node]) for node in one.below)
                self._ghost(f" ({below.strip(' ')})", "unreached", step, TRACE)
        if len(refused) > MOST_REFUSED:
            self._ghost(f" +{len(refused) - MOST_REFUSED}", "unreached", step, TRACE)

    def _legend(self) -> None:
        self._open("note", self.answers - 1, COLOUR)
        for kind in LEGEND:
            self._ghost(LOOKS[kind].word, kind, -1, COLOUR)
            self._ghost("  ", "note", -1, COLOUR)


def _to_tab_stop(paragraph: Paragraph) -> int:
    """Spaces that a tab at the paragraph's end takes; very long paragraphs are not measured."""
    if len(paragraph.pieces) > 200:
        return TAB
    return TAB - sum(cell_len(p.display) for p in paragraph.pieces if p.level == CLEAN) % TAB
