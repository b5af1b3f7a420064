"""A conversation as it is kept: its line in the list, and its turns; all text in these is harmless to a terminal."""

from dataclasses import dataclass, field

from .metrics import Numbers

MARK, UNMARK = "\ue000", "\ue001"
"""Stand around what was found in an excerpt."""


@dataclass(frozen=True, slots=True)
class Summary:
    """A conversation in a list."""

    id: int
    title: str
    """The name that a person gave it; empty for none."""
    question: str
    """The first one, in one line."""
    changed: float
    """When it was last answered in, in seconds since 1970."""
    model: str
    answers: int
    tokens: int
    speedup: float | None
    """The mean of the measured ones; None if nothing was measured."""
    excerpt: str = ""
    """Where it holds what was searched for, what was found between MARK and UNMARK."""

    @property
    def name(self) -> str:
        """What a person calls it."""
        return self.title or self.question or "(no question)"


@dataclass(frozen=True, slots=True)
class Said:
    """A question and one of its answers."""

    answer: int
    """The id of the answer."""
    question: str
    text: str
    """What the answer says."""
    tokens: tuple[int, ...]
    """The ids of the answer, in the vocabulary of its model."""
    mode: str
    seed: int
    model: str
    reason: str | None
    """Why it ended; None if the program was killed before it did."""
    numbers: Numbers | None
    number: int = 1
    """Which one it is, from 1, of all answers that stand at this place."""
    of: int = 1


@dataclass(frozen=True, slots=True)
class Archived:
    """A conversation with the turns of one of its branches."""

    id: int
    title: str
    begun: float
    """Seconds since 1970."""
    model: str
    draft: str | None
    system: str
    """The system message; empty for none."""
    turns: tuple[Said, ...] = field(default=())

    @property
    def name(self) -> str:
        """What a person calls it."""
        first = self.turns[0].question.split("\n")[0] if self.turns else ""
        return self.title or first or "(no question)"

    @property
    def answers(self) -> tuple[int, ...]:
        """The ids of its answers, in order."""
        return tuple(turn.answer for turn in self.turns)
