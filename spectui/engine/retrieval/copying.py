"""Copying behind the pending token: the look-up that prompt look-up and LogitSpec share, with what it has learnt."""

from collections.abc import Iterator, Sequence
from itertools import accumulate, islice
from operator import mul

from ..policy.latency import LatencyModel
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source, Step
from .frequency import Frequency
from .ngram_pool import Match, NgramPool
from .pairs import Pairs

PRIORS = {n: min(0.85, prior) for n, prior in enumerate((0.15, 0.45, 0.7, 0.75, 0.8, 0.85, 0.85, 0.85), 1)}
"""n-gram length -> how likely the next copied token is right, before anything was learnt about this text."""

WEAK = 4
"""Tokens copied behind a match of one token, at most: it is mostly wrong, and a right one soon grows longer."""


class Copying:
    """A pool over the sequence, and how often copying from it was right, by length of the match."""

    def __init__(self, longest: int, span: int) -> None:
        self.pool = NgramPool(longest, span)
        self._trust = Frequency(PRIORS)
        self._pairs = Pairs()
        self._singles: bool | None = None
        """Whether a match of one token is worth a look; None if not yet decided for this text."""
        self._doubtful = True
        self._expected: tuple[int, int, int] | None = None
        """(index of the pending token, match length, the token that would have been copied next)."""

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True
        self._pairs, self._singles = Pairs(), None

    def may_copy(self, tokens: Sequence[int], cost: LatencyModel) -> bool:
        """Whether a look-up may find what pays for its verification, found out in a few microseconds.

        A match of two tokens or more ends in a pair that has stood there before. A match of a single one is mostly
        wrong; whether it pays all the same is decided once for each text.
        """
        if self._singles is None:
            self._singles = cost.best_size(self._chances(1, WEAK)) > 0
        return self._singles or self._pairs.again(tokens)

    def _chances(self, n: int, length: int) -> list[float]:
        """How likely each of the first tokens behind a match of ``n`` is right."""
        return list(accumulate(islice(self._steps(n), length), mul))

    def _steps(self, n: int) -> Iterator[float]:
        """The same given that the tokens before it are right: each makes the next one likelier."""
        trust = self._trust.share(n)
        while True:
            yield trust
            trust = 0.5 + 0.5 * trust

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
        for token, trust in zip(self.pool.continuation(match, most), self._steps(match.n), strict=False):
            if parent != ROOT and tree.tokens[parent] in ends:
                return
            parent = tree.add(token, parent, source, trust)
