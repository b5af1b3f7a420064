"""Copying behind the pending token: the look-up that prompt look-up and LogitSpec share, with what it has learnt."""

from collections.abc import Iterator, Sequence
from itertools import count

from ..policy.decaying_mean import DecayingMean
from ..policy.latency import LatencyModel
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source, Step
from .ngram_index import Match, NgramIndex

UNDECIDED, STRENGTH = 0.5, 2.0
"""How likely a copied token is right before anything was learnt, and for how many look-ups that counts: Laplace's rule
of succession, (right + 1) / (all + 2)."""


class Copying:
    """An index of the sequence, and how often copying from it was right, by length of the match."""

    def __init__(self, longest: int, span: int) -> None:
        self.index, self.span = NgramIndex(longest), span
        self._rates = {n: DecayingMean(UNDECIDED, STRENGTH) for n in range(1, longest + 1)}
        """n-gram length -> how often the next token behind it was the one that would have been copied."""
        self._expected: tuple[int, int, int] | None = None
        """(index of the pending token, match length, the token that would have been copied next)."""

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self.index.invalidate()

    def look_up(self, tokens: Sequence[int], latency: LatencyModel | None = None) -> Match | None:
        """The longest n-gram that ends in the pending token; what it says next is remembered, to learn from.

        With a ``latency``, a match of a single token, which is mostly wrong, must be likely to pay.
        """
        self.index.follow(tokens)
        match = self.find(tokens[-self.index.longest :])
        if match is not None and match.n == 1 and latency is not None:
            match = None if self._rates[1].value < latency.break_even() else match
        if match is not None:
            self._expected = (len(tokens) - 1, match.n, self.index.tokens[match.at])
        return match

    def find(self, suffix: Sequence[int]) -> Match | None:
        """The longest n-gram that ends ``suffix``, and where to copy from."""
        return self.index.find(suffix, self.span)

    def _chances(self, n: int) -> Iterator[float]:
        """How likely each copied token is right if those before it are: each counts like one more look-up."""
        rate = STRENGTH * self._rates[n].value
        for right in count():
            yield (rate + right) / (STRENGTH + right)

    def observe(self, step: Step) -> None:
        """Learn from what really came next, drafted or not."""
        if self._expected is not None and self._expected[0] == step.position and step.emitted:
            self._rates[self._expected[1]].update(self._expected[2] == step.emitted[0].token)
        self._expected = None

    def add(self, tree: DraftTree, parent: int, match: Match, most: int, source: Source, ends: frozenset[int]) -> None:
        """Hang up to ``most`` copied tokens below ``parent`` as a chain, none of them below an end of the answer."""
        copied = self.index.continuation(match, min(most, self.span))
        for token, chance in zip(copied, self._chances(match.n), strict=False):
            if parent != ROOT and tree.tokens[parent] in ends:
                return
            parent = tree.add(token, parent, source, chance)
