"""How often each kind of draft is accepted: what turns a drafter's own estimates into acceptance rates."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence
from functools import partial

from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source
from .decaying_mean import DecayingMean

Group = tuple[str, int, int, int]
LONG_DECAY, SHORT_DECAY = 0.98, 0.85
"""Some hundred tokens count of each kind of draft, some twelve steps of how the present text goes; chosen."""
STRENGTH = 4.0
"""Expected tokens that a prior counts for: no more than one draft says."""
ANYWHERE = 0
"""Stands for all depths together in a group."""
RANKS = (0, 1, 3, 8, 32)
"""Ranks are learnt apart up to each of these; LogitSpec's branches change their length at 8 and 32 (2507.01449)."""
DEEPEST = 8
"""Depths from here on are learnt together."""
MOST_CERTAIN = 0.995
"""No estimate is higher: nothing that is learnt from some hundred tokens is."""


def group_of(kind: str, n: int | None, rank: int | None, depth: int) -> Group:
    """What is learnt together: a source of one kind, n-gram length and rank, at one depth."""
    return kind, n or 0, 0 if rank is None else bisect_left(RANKS, rank), min(depth, DEEPEST)


class AcceptanceModel:
    """Corrects a source's own estimates by what came of them, learnt per source, rank, match and depth.

    Of a source that ``copies``, the estimates say nothing about how long its drafts hold in the present text. Each
    mean is accepted tokens over expected ones; 1 means that the estimates are right.
    """

    def __init__(self, copies: bool = False) -> None:
        self._copies = copies
        self._groups: defaultdict[Group, DecayingMean] = defaultdict(partial(DecayingMean, LONG_DECAY, 1.0, STRENGTH))
        self._rates: defaultdict[str, DecayingMean] = defaultdict(partial(DecayingMean, LONG_DECAY, 0.8, STRENGTH))
        """Kind -> accepted over proposed tokens whose parents were accepted."""
        self._forget_text(0.0, 0.0)

    def _forget_text(self, first: float, later: float) -> None:
        """``first`` and ``later`` expected tokens of which none came are there to begin with."""
        self._first = DecayingMean(SHORT_DECAY, 1.0, 1.0, weight=first)
        self._later = DecayingMean(SHORT_DECAY, 1.0, 2.0, weight=later)

    def begin(self) -> None:
        """Another text begins: nothing is known of how it goes.

        For copies caution costs less than confidence; what a model says is worth the same in every text.
        """
        self._forget_text(2.0 if self._copies else 0.0, 1.0)

    @property
    def acceptance_ratio(self) -> float:
        """What came of the first drafted tokens in the last few steps over what was expected: how this text goes."""
        return min(1.5, max(0.1, self._first.value))

    @property
    def continuation_ratio(self) -> float:
        """The same of the tokens behind a right one, where drafts are copied: how long they hold in this text."""
        return min(1.0, self._later.value) if self._copies else 1.0

    def estimate(self, source: Source, depth: int, probability: float | None) -> float:
        """Calibrated probability that a node of this source and depth is accepted once its parent is."""
        if probability is None:
            return self.acceptance_rate(source.kind)
        continuation = self.continuation_ratio if depth > 1 else 1.0
        return min(
            MOST_CERTAIN, probability * self.correction(source.kind, source.n, source.rank, depth) * continuation
        )

    def correction(self, kind: str, n: int | None, rank: int | None, depth: int) -> float:
        """By how much a source's own estimates have to be multiplied.

        As long as little is known of a depth, a model's estimates are worth there what they are worth at others; how
        far copies hold is another matter at each.
        """
        here = self._groups[group_of(kind, n, rank, depth)]
        return here.value if self._copies else here.towards(self._groups[group_of(kind, n, rank, ANYWHERE)].value)

    def acceptance_rate(self, kind: str, prior: float = 0.8) -> float:
        """How often a node of this kind is accepted once its parent is, at whatever depth."""
        return self._rates[kind].towards(prior)

    def update(self, tree: DraftTree, emitted: Sequence[int]) -> None:
        """Take in what really came where a tree was proposed, verified or not.

        A node says something if its parent came true and the token after the parent is known.
        """
        came = {ROOT}
        first, later = [0.0, 0.0], [0.0, 0.0]
        for node, parent in enumerate(tree.parents):
            depth = tree.depths[node]
            if parent not in came or depth > len(emitted):
                continue
            hit = tree.tokens[node] == emitted[depth - 1]
            if hit:
                came.add(node)
            source, probability = tree.sources[node], tree.probabilities[node]
            if probability is not None:
                sums = first if depth == 1 else later
                sums[0] += hit
                sums[1] += min(1.0, probability * self.correction(source.kind, source.n, source.rank, depth))
            self._rates[source.kind].update(hit)
            for place in (depth, ANYWHERE):
                group = self._groups[group_of(source.kind, source.n, source.rank, place)]
                group.update(hit, 0.5 if probability is None else probability)
        if len(tree):
            self._first.update(*first)
            self._later.update(*later)
