"""Where the n-grams of a sequence stand: the one index behind everything that is copied from the conversation."""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Match:
    """An n-gram was found."""

    n: int
    """Length of the n-gram."""
    at: int
    """Index of the token that follows it."""


class NgramIndex:
    """All n-grams of 1 to ``longest`` tokens of one sequence; grows by what is new."""

    def __init__(self, longest: int) -> None:
        self.longest = longest
        self.tokens: list[int] = []
        """The sequence; the last token is pending."""
        self._ends: defaultdict[tuple[int, ...], list[int]] = defaultdict(list)
        self._doubtful = False

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True

    def follow(self, tokens: Sequence[int]) -> None:
        """Hold exactly ``tokens``; unless the index was invalidated, only their end is new."""
        known = len(self.tokens)
        if len(tokens) < known or (self._doubtful and list(tokens[:known]) != self.tokens):
            self.tokens, self._ends, known = [], defaultdict(list), 0
        self._doubtful = False
        self.tokens.extend(tokens[known:])
        for n in range(1, self.longest + 1):
            first = max(known + 1, n)
            columns = (self.tokens[first - n + place :] for place in range(n))
            for end, gram in enumerate(zip(*columns, strict=False), first):
                self._ends[gram].append(end)

    def ends(self, gram: Sequence[int]) -> Sequence[int]:
        """The index behind each occurrence of an n-gram, ascending."""
        return self._ends.get(tuple(gram), ())

    def find(self, suffix: Sequence[int], span: int) -> Match | None:
        """The longest n-gram that ends ``suffix`` and is followed by at least one token besides the pending one.

        Of several occurrences the latest one that is followed by ``span`` tokens wins, and while there is none, the
        earliest, which is followed by the most (LogitSpec's replacement rule, 2507.01449).
        """
        last = len(self.tokens) - 1
        for n in range(min(self.longest, len(suffix)), 0, -1):
            ends = self.ends(suffix[len(suffix) - n :])
            if ends and ends[0] < last:
                return Match(n, ends[max(0, bisect_right(ends, last - span) - 1)])
        return None

    def continuation(self, match: Match, most: int) -> list[int]:
        """Up to ``most`` tokens that followed; never the pending one."""
        return self.tokens[match.at : min(match.at + most, len(self.tokens) - 1)]
