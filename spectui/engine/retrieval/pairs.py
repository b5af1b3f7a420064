"""Which tokens have stood side by side: the cheapest sign that something may be copied."""

from collections.abc import Sequence
from itertools import islice


class Pairs:
    """The pairs of neighbours in one sequence, the last one left out; grows by what is new."""

    def __init__(self) -> None:
        self._seen: set[tuple[int, int]] = set()
        self._next = 1
        """Where the first pair ends that was not taken in yet."""

    def again(self, tokens: Sequence[int]) -> bool:
        """Whether the last two tokens stood side by side before; only the end of ``tokens`` may be new."""
        last = len(tokens) - 1
        if last < 1:
            return False
        news = tokens[self._next - 1 : last]
        self._seen.update(zip(news, islice(news, 1, None), strict=False))
        self._next = last
        return (tokens[last - 1], tokens[last]) in self._seen
