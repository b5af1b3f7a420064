"""The answer as it grows: what was asked, what was emitted, and where it has to end."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from .events import Reason

StopCut = Callable[[Sequence[int], int], int | None]
"""(last tokens of the answer, index of the first new one) -> how many of them to keep, or None to go on."""
STOP_REACH = 64
"""Tokens before the new ones that a stop is shown: a step must not cost more as the answer grows."""


def no_stop(tail: Sequence[int], new: int) -> int | None:
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

    ``most`` is the length that the answer may reach. The earliest of EOS, stop string, length and full context wins,
    of two at the same place the one named first.
    """
    reason: Reason = "length"
    last = answer.prompt_length + most
    if last > limits.context:
        last, reason = limits.context, "context"
    count = max(1, last - len(answer.tokens))
    if limits.stop is not no_stop:
        tail = answer.tokens[max(answer.prompt_length, len(answer.tokens) - STOP_REACH) :]
        kept = limits.stop([*tail, *new], len(tail))
        if kept is not None and max(1, kept - len(tail)) <= count:
            count, reason = max(1, kept - len(tail)), "stop"
    if not limits.eos.isdisjoint(new):
        first = next(index for index, token in enumerate(new) if token in limits.eos)
        if first < count:
            return first + 1, "eos"
    return (count, reason) if count <= len(new) else (len(new), None)
