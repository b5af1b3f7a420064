"""How often each kind of draft is accepted: what turns a drafter's own estimates into acceptance rates."""

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Sequence

from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source
from .decaying_mean import DecayingMean

Group = tuple[str, int, int]
STRENGTH = 4.0
"""Expected tokens that the prior counts for: no more than one draft says (``benchmarks.constants``)."""
RANKS = (8, 32)
"""Ranks are learnt apart up to each of these: there LogitSpec's branches change their length (2507.01449)."""


def group_of(source: Source) -> Group:
    """What is learnt together: a source of one kind, n-gram length and rank."""
    return source.kind, source.n or 0, 0 if source.rank is None else bisect_left(RANKS, source.rank)


def _believed() -> DecayingMean:
    """What is not drafted shows nothing, so all is believed at first (optimistic initial values, Sutton and Barto 2018,
    section 2.6)."""
    return DecayingMean(1.0, STRENGTH)


class AcceptanceModel:
    """Corrects a source's own estimates by what came of them, learnt per source, rank and length of match.

    Each mean is accepted tokens over expected ones; 1 means that the estimates are right.
    """

    def __init__(self) -> None:
        self._groups: defaultdict[Group, DecayingMean] = defaultdict(_believed)
        self._rates: defaultdict[str, DecayingMean] = defaultdict(_believed)
        """Kind -> accepted over proposed tokens whose parents were accepted."""

    def estimate(self, source: Source, probability: float | None) -> float:
        """Calibrated probability that a node of this source is accepted once its parent is."""
        if probability is None:
            return self.acceptance_rate(source.kind)
        return min(1.0, probability * self._groups[group_of(source)].value)

    def path_estimates(self, tree: DraftTree, known: Sequence[float] = ()) -> list[float]:
        """How likely each node is accepted, with all above it; ``known`` are those of the first nodes."""
        made = list(known)
        for node in range(len(made), len(tree)):
            parent = tree.parents[node]
            above = 1.0 if parent == ROOT else made[parent]
            made.append(above * self.estimate(tree.sources[node], tree.probabilities[node]))
        return made

    def acceptance_rate(self, kind: str) -> float:
        """How often a node of this kind is accepted once its parent is, at whatever depth."""
        return self._rates[kind].value

    def update(self, tree: DraftTree, emitted: Sequence[int]) -> None:
        """Take in what really came where a tree was proposed, verified or not.

        A node says something if its parent came true and the token after the parent is known.
        """
        came = {ROOT}
        for node, (parent, depth, source) in enumerate(zip(tree.parents, tree.depths, tree.sources, strict=True)):
            if parent not in came or depth > len(emitted):
                continue
            hit = tree.tokens[node] == emitted[depth - 1]
            if hit:
                came.add(node)
            self._rates[source.kind].update(hit)
            probability = tree.probabilities[node]
            if probability is not None:
                self._groups[group_of(source)].update(hit, probability)
