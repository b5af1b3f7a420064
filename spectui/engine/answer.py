"""The answer as it grows: what was asked, what was emitted, and where it has to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .events import Reason

StopCut = Callable[[Sequence[int], int], int | None]
"""(tokens of the answer, index of the first new one) -> how many of them to keep, or None to go on."""


def no_stop(answer: Sequence[int], new: int) -> int | None:
    """Never cut."""
    return None


@dataclass(slots=True)
class Answer:
    """Prompt and answer ids; the last id is pending, the cache holds all others."""

    tokens: list[int] = field(default_factory=list)
    prompt_length: int = 0
    end: Reason | None = None

    @property
    def emitted(self) -> list[int]:
        """Ids emitted so far."""
        return self.tokens[self.prompt_length :]


@dataclass(frozen=True, slots=True)
class Limits:
    """Where an answer ends, besides its length."""

    context: int
    """The most tokens that prompt and answer may hold together."""
    eos: frozenset[int] = frozenset()
    stop: StopCut = no_stop


def cut(answer: Answer, new: Sequence[int], limits: Limits, most: int) -> tuple[int, Reason | None]:
    """How many of the ``new`` tokens stay, at least one, and why the answer ends there if it does.

    ``most`` is the length that the answer may reach. The earliest of EOS, stop string, length and full context wins.
    """
    done = len(answer.tokens) - answer.prompt_length
    ends: list[tuple[int, int, Reason]] = []
    eos = next((index for index, token in enumerate(new) if token in limits.eos), None)
    if eos is not None:
        ends.append((eos + 1, 0, "eos"))
    kept = limits.stop([*answer.emitted, *new], done)
    if kept is not None:
        ends.append((max(1, kept - done), 1, "stop"))
    ends.append((max(1, most - done), 2, "length"))
    ends.append((max(1, limits.context - len(answer.tokens)), 3, "context"))
    count, _, reason = min(ends)
    return (count, reason) if count <= len(new) else (len(new), None)
