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
        self._settled: dict[tuple[int, ...], int] = {}
        """n-gram -> index after its latest occurrence that is followed by ``span`` tokens."""
        self._open: dict[tuple[int, ...], int] = {}
        """n-gram -> index after its earliest occurrence, for those that are not settled."""
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
        for end in range(self._next_open, last):
            for gram in self._grams(end):
                self._open.setdefault(gram, end)
        self._next_open = max(self._next_open, last)
        for end in range(self._next_settled, last - self.span + 1):
            for gram in self._grams(end):
                self._settled[gram] = end
                self._open.pop(gram, None)
        self._next_settled = max(self._next_settled, last - self.span + 1)

    def _grams(self, end: int) -> list[tuple[int, ...]]:
        return [tuple(self._tokens[end - n : end]) for n in range(1, min(self.longest, end) + 1)]

    def find(self, suffix: Sequence[int]) -> Match | None:
        """The longest n-gram that ends ``suffix`` and is followed by at least one token."""
        for n in range(min(self.longest, len(suffix)), 0, -1):
            gram = tuple(suffix[len(suffix) - n :])
            at = self._settled.get(gram)
            at = self._open.get(gram) if at is None else at
            if at is not None:
                return Match(n, at)
        return None

    def continuation(self, match: Match, most: int) -> list[int]:
        """Up to ``most`` tokens, and up to ``span``, that followed; never the last token of the sequence."""
        return self._tokens[match.at : min(match.at + min(most, self.span), len(self._tokens) - 1)]
