"""The conversations in memory, among which those of a batch are drawn."""

from collections.abc import Iterator
from random import Random

from .generator import Conversation

BYTES = 2_000_000_000
"""What the states of all of them may take."""


class Pool:
    """At most ``most`` conversations of a stream that wait to be learnt from, each ``uses`` times."""

    def __init__(self, stream: Iterator[Conversation], most: int, uses: int, seed: int) -> None:
        self.waiting: list[Conversation] = []
        self._stream, self._random = stream, Random(seed)
        self._left: list[int] = []
        self._bytes, self._most, self._uses = 0, most, uses

    @property
    def full(self) -> bool:
        """Whether batches can be drawn."""
        return len(self.waiting) >= self._most or self._bytes >= BYTES

    def settle(self) -> None:
        """From now on as many as now are enough: there is no time for more."""
        self._most = len(self.waiting)

    def fetch(self) -> None:
        """Take one more from the stream."""
        one = next(self._stream)
        self.waiting.append(one)
        self._left.append(self._uses)
        self._bytes += _size(one)

    def draw(self, count: int) -> list[Conversation]:
        """So many different ones; who has been drawn often enough is gone."""
        drawn = self._random.sample(range(len(self.waiting)), min(count, len(self.waiting)))
        found = [self.waiting[index] for index in drawn]
        for index in drawn:
            self._left[index] -= 1
        for index in sorted((index for index in drawn if not self._left[index]), reverse=True):
            self._bytes -= _size(self.waiting.pop(index))
            self._left.pop(index)
        return found


def _size(one: Conversation) -> int:
    return one.states.nbytes + one.last.nbytes
