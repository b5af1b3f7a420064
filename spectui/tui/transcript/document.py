"""What a conversation holds: paragraphs of pieces, each piece with its look and the step it came from."""

from collections.abc import Callable, Sequence
from itertools import groupby

from rich.cells import cell_len

from ...present.answer_line import AnswerLine
from ...present.reading import Refused, read_step
from ...present.token_looks import LEGEND, LOOKS, SERVED_LEGEND, TokenKind, shown
from ...record.events import EndText, PrefillText, ServedText, StepText
from .blocks import PLAIN, THOUGHT, Context, Fence, Thought, following, words_of_thought
from .flow import Piece
from .paragraph import CLEAN, COLOUR, TRACE, Paragraph
from .reading import widen

TAB = 4
"""Columns between tab stops."""
MOST_REFUSED = 3
"""Refused alternatives that the trace view shows at one position; more are counted."""
SIGNS = {"question": "❯ ", "heading": "● ", "error": "! "}
"""What stands before the first row of what has a kind, two cells wide."""
ROLE_LOOKS = ("question", "heading", "note", "error")
"""Looks of text that no step made."""


class Document:
    """A conversation, built in order; only its end ever changes. ``grown`` is called for all that is added."""

    def __init__(self, grown: Callable[[], None] = lambda: None) -> None:
        self.paragraphs: list[Paragraph] = []
        self._grown = grown
        self._answers: list[int] = []
        self._steps: list[int] = []
        self._drafted = self._served = False
        """What the last answer holds: tokens that were drafted, pieces of a server."""
        self._explained: set[TokenKind] = set()
        self._whole = False
        """Whether the last answer is whole."""

    @property
    def growing(self) -> Paragraph | None:
        """The paragraph to which text comes; None while no answer is written."""
        last = self.paragraphs[-1] if self.paragraphs else None
        return last if last is not None and last.kind == "answer" and not self._whole else None

    @property
    def answers(self) -> int:
        """How many answers there are; the last one has the number ``answers - 1``."""
        return len(self._answers)

    def steps(self, answer: int) -> int:
        """How many steps an answer has so far."""
        return self._steps[answer]

    def begin(self, note: str) -> None:
        """What stands above the first question."""
        self._open("note")
        self._put(note, "note")

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
        self._drafted = self._served = self._whole = False
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
            self._refuse(slot.refused, record, COLOUR if slot.kind == "correction" else TRACE)
            if slot.kind == "cut":
                self._ghost(shown(slot.text), "cut", step, TRACE)
            elif slot.kind:
                self._put(slot.text, slot.kind, step)

    def add_served(self, record: ServedText) -> None:
        """What a server sent at once, as one piece."""
        if self._steps:
            self._steps[-1] = record.index + 1
        self._served = True
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
        """Another mode takes over inside the answer: a sign in the margin, and the mode in the heading."""
        if not self._answers:
            return
        self.paragraphs[-1].pieces.append(Piece("", "", "seam", -1, COLOUR))
        heading = next(p for p in self.paragraphs[self._answers[-1] :] if p.kind == "heading")
        heading.pieces.append(Piece(f" ⇢ {title}", "", "seam", -1, COLOUR))
        self._grown()

    def end_answer(self, record: EndText, summary: AnswerLine | None = None) -> None:
        """The answer is over; below it stand an error it ended with, its numbers and once, what the colours mean."""
        self._put(record.tail, "target", self._steps[-1] - 1 if self._steps else -1)
        self._whole = True
        if self._answers and self.paragraphs[-1].kind == "answer":
            self._behind(self.paragraphs[-1])
        if record.end.message:
            self.error(record.end.message)
        if summary is not None:
            self.note(str(summary))
            self.paragraphs[-1].line, self.paragraphs[-1].aside = summary, True
        kinds = SERVED_LEGEND if self._served else LEGEND
        if self._drafted and not self._explained.issuperset(kinds):
            self._explained.update(kinds)
            self._legend(kinds)

    def add_text(self, text: str) -> None:
        """An answer of which nothing is known but what it says."""
        self._put(text, "target")

    def note(self, text: str) -> None:
        """A line below the last answer."""
        self._open("note", self.answers - 1)
        self._put(text, "note")

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
                self._explained.clear()
            del self.paragraphs[first:]

    def rewind(self, answers: int) -> None:
        """Keep the first answers, and drop the question of the next one with all that came after it."""
        if answers < self.answers:
            first = self._answers[answers]
            while first and self.paragraphs[first - 1].kind == "question":
                first -= 1
            if first and self.paragraphs[first - 1].kind == "space":
                first -= 1
            if any(paragraph.level == COLOUR for paragraph in self.paragraphs[first:]):
                self._explained.clear()
            del self.paragraphs[first:], self._answers[answers:], self._steps[answers:]

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

    @property
    def fences(self) -> list[Fence]:
        """The blocks of code in all answers."""
        return [paragraph.opens for paragraph in self.paragraphs if isinstance(paragraph.opens, Fence)]

    def code(self, fence: Fence) -> str:
        """The code in a block, as the model wrote it."""
        lines = self.paragraphs[fence.first : fence.end]
        return "\n".join(one.source for one in lines if one.kind == "answer" and one.context.fence is fence)

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
        context = self._behind(last) if last and last.kind == kind == "answer" and not begins else PLAIN
        sign = SIGNS.get(kind, "") if begins else ""
        self.paragraphs.append(Paragraph(kind, before, answer, level, sign, context=context))
        self._grown()

    def _behind(self, last: Paragraph) -> Context:
        """The blocks that are open behind the last paragraph, which is whole now."""
        text, index = last.source, len(self.paragraphs) - 1
        context, last.opens = following(text, last.context, index)
        if THOUGHT in text and last.context == PLAIN and last.opens is None:
            self._was_thought(index)
        if context.grid is not None:
            widen(context.grid, text)
        return context

    def _was_thought(self, end: int) -> None:
        """A thought ends that did not begin: all of the answer before was one, begun by the prompt."""
        first = next(i for i in range(self._answers[-1], end + 1) if self.paragraphs[i].kind == "answer")
        earlier = self.paragraphs[first : end + 1]
        if any(isinstance(one.opens, Thought) for one in earlier):
            return
        thought = Thought(first, sum(words_of_thought(one.source) for one in earlier), ended=True)
        for one in earlier:
            one.context = one.context._replace(thought=thought)
        earlier[0].opens = thought

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

    def _refuse(self, refused: tuple[Refused, ...], record: StepText, first: int) -> None:
        """What was refused; from the view ``first`` on the one that a correction replaces, the rest in the trace."""
        step = record.step.index
        for level, one in zip((first, *[TRACE] * MOST_REFUSED), refused[:MOST_REFUSED], strict=False):
            text = shown(record.nodes[one.node])
            word = text.lstrip(" ") or text
            self._ghost(text[: len(text) - len(word)], "target", step, level)
            self._ghost(word, "rejected", step, level)
            if one.below:
                below = "".join(shown(record.nodes[node]) for node in one.below)
                self._ghost(f" ({below.strip(' ')})", "unreached", step, TRACE)
        if len(refused) > MOST_REFUSED:
            self._ghost(f" +{len(refused) - MOST_REFUSED}", "unreached", step, TRACE)

    def _legend(self, kinds: Sequence[TokenKind]) -> None:
        self._open("note", self.answers - 1, COLOUR)
        self.paragraphs[-1].aside = True
        for kind in kinds:
            self._ghost(LOOKS[kind].word, kind, -1, COLOUR)
            self._ghost("  ", "note", -1, COLOUR)


def _to_tab_stop(paragraph: Paragraph) -> int:
    """Spaces that a tab at the paragraph's end takes; very long paragraphs are not measured."""
    if len(paragraph.pieces) > 200:
        return TAB
    return TAB - sum(cell_len(p.display) for p in paragraph.pieces if p.level == CLEAN) % TAB
