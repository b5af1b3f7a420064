"""Every short n-gram of a sequence, with the place whose continuation is the one to copy."""

from collections.abc import Sequence
from dataclasses import dataclass

from .sequence import goes_on


@dataclass(frozen=True, slots=True)
class Match:
    """An n-gram was found."""

    n: int
    """Length of the n-gram."""
    at: int
    """Index of the token that follows it."""


class NgramPool:
    """n-grams of length 1 to ``longest`` of all tokens but the last, each with one place where it occurred.

    Of several occurrences the latest one that is followed by ``span`` tokens wins, and while there is none, the
    earliest, which is followed by the most (LogitSpec's replacement rule, 2507.01449). Grows by what is new; a
    look-up costs the same at any length.
    """

    def __init__(self, longest: int, span: int) -> None:
        self.longest, self.span = longest, span
        self._tokens: list[int] = []
        self._after: dict[tuple[int, ...], int] = {}
        """n-gram -> index after the occurrence to copy from."""
        self._next_open = 1
        self._next_settled = 1

    def __len__(self) -> int:
        return len(self._tokens)

    def follow(self, tokens: Sequence[int], changed: bool) -> None:
        """Hold exactly ``tokens``; ``changed`` if more than its end may differ from the last time."""
        known = len(self._tokens)
        if not goes_on(self._tokens, tokens, changed):
            self.__init__(self.longest, self.span)  # type: ignore[misc]
            known = 0
        self._tokens.extend(tokens[known:])
        self._insert()

    def _insert(self) -> None:
        """Every index ``e`` below the last token ends n-grams; those followed by enough tokens are settled."""
        last = len(self._tokens) - 1
        settled = max(self._next_settled, last - self.span + 1)
        if settled - self._next_settled > 1:
            self._settle_many(self._next_settled, settled)
        elif settled > self._next_settled:
            for gram in self._grams(self._next_settled):
                self._after[gram] = self._next_settled
        for end in range(max(self._next_open, settled), last):
            for gram in self._grams(end):
                self._after.setdefault(gram, end)
        self._next_open, self._next_settled = max(self._next_open, last), settled

    def _grams(self, end: int) -> list[tuple[int, ...]]:
        return [tuple(self._tokens[end - n : end]) for n in range(1, min(self.longest, end) + 1)]

    def _settle_many(self, first: int, stop: int) -> None:
        """What ``_grams`` gives for each end, several times as fast for a whole prompt."""
        for n in range(1, min(self.longest, stop - 1) + 1):
            ends = range(max(first, n), stop)
            columns = (self._tokens[ends.start - n + at : stop - n + at] for at in range(n))
            self._after.update(zip(zip(*columns, strict=True), ends, strict=True))

    def find(self, suffix: Sequence[int]) -> Match | None:
        """The longest n-gram that ends ``suffix`` and is followed by at least one token."""
        for n in range(min(self.longest, len(suffix)), 0, -1):
            at = self._after.get(tuple(suffix[len(suffix) - n :]))
            if at is not None:
                return Match(n, at)
        return None

    def continuation(self, match: Match, most: int) -> list[int]:
        """Up to ``most`` tokens, and up to ``span``, that followed; never the last token of the sequence."""
        return self._tokens[match.at : min(match.at + min(most, self.span), len(self._tokens) - 1)]
