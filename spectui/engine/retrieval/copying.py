"""Copying behind the pending token: the look-up that prompt look-up and LogitSpec share, with what it has learnt."""

from collections.abc import Sequence

from ..step import Source, Step
from ..tree import ROOT, DraftTree
from .frequency import Frequency
from .ngram_pool import Match, NgramPool

PRIORS = {n: min(0.85, prior) for n, prior in enumerate((0.15, 0.45, 0.7, 0.75, 0.8, 0.85, 0.85, 0.85), 1)}
"""n-gram length -> how likely the next copied token is right, before anything was learnt about this text."""


class Copying:
    """A pool over the sequence, and how often copying from it was right, by length of the match."""

    def __init__(self, longest: int, span: int) -> None:
        self.pool = NgramPool(longest, span)
        self._trust = Frequency(PRIORS)
        self._doubtful = True
        self._expected: tuple[int, int, int] | None = None
        """(index of the pending token, match length, the token that would have been copied next)."""

    def doubt(self) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True

    def follow(self, tokens: Sequence[int]) -> None:
        """Hold exactly ``tokens``."""
        self.pool.follow(tokens, self._doubtful)
        self._doubtful = False
        self._expected = None

    def next(self, tokens: Sequence[int]) -> Match | None:
        """The longest n-gram that ends in the pending token; what it says next is remembered, to learn from."""
        match = self.pool.find(tokens[-self.pool.longest :])
        if match is not None:
            self._expected = (len(tokens) - 1, match.n, self.pool.continuation(match, 1)[0])
        return match

    def observe(self, step: Step) -> None:
        """Learn from what really came next, drafted or not."""
        if self._expected is not None and self._expected[0] == step.position and step.emitted:
            self._trust.note(self._expected[1], self._expected[2] == step.emitted[0].token)
        self._expected = None

    def add(self, tree: DraftTree, parent: int, match: Match, most: int, source: Source, ends: frozenset[int]) -> None:
        """Hang up to ``most`` copied tokens below ``parent`` as a chain, none of them below an end of the answer."""
        trust = self._trust.share(match.n)
        for token in self.pool.continuation(match, most):
            if parent != ROOT and tree.tokens[parent] in ends:
                return
            parent = tree.add(token, parent, source, trust)
            trust = 0.5 + 0.5 * trust
