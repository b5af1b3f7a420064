"""How often each kind of draft is right: what a drafter's own estimates are worth."""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source

Group = tuple[str, int, int, int]
Sums = tuple[float, float, float]
"""Of a group: tokens, what the source expected of them, what came of them."""
NOTHING: Sums = (0.0, 0.0, 0.0)
LONG_MEMORY = 0.98
"""What is kept of a group's sums with each of its tokens."""
SHORT_MEMORY = 0.85
"""What is kept from step to step of how the present text goes."""
ANYWHERE = 0
"""Stands for all depths together in a group."""
RANKS = (0, 1, 3, 8, 32)
"""Ranks are learnt apart up to each of these."""


def group_of(kind: str, n: int | None, rank: int | None, depth: int) -> Group:
    """What is learnt together: a source of one kind, n-gram length and rank, at one depth."""
    return kind, n or 0, 0 if rank is None else bisect_left(RANKS, rank), min(depth, 8)


@dataclass(slots=True)
class _Lately:
    """What came true in the last few steps of the present text, beside what was expected."""

    expected: float = 0.0
    came: float = 0.0

    def fade(self) -> None:
        """Another step."""
        self.expected *= SHORT_MEMORY
        self.came *= SHORT_MEMORY

    def note(self, expected: float, hit: bool) -> None:
        """A token of which the probability was expected."""
        self.expected += expected
        self.came += hit

    def share(self, weight: float) -> float:
        """What came over what was expected; ``weight`` tokens that went as expected stand for what is not known."""
        return (self.came + weight) / (self.expected + weight)


class AcceptanceModel:
    """Turns a source's own estimates into frequencies of acceptance, learnt per source, rank, match and depth.

    Of a source that ``copies``, the estimates say nothing about how long its drafts hold in the present text.
    """

    def __init__(self, copies: bool = False) -> None:
        self._copies = copies
        self._sums: dict[Group, Sums] = {}
        self._first, self._later = _Lately(), _Lately()

    def begin(self) -> None:
        """Another text begins: nothing is known of how it goes.

        For copies caution costs less than confidence; what a model says is worth the same in every text.
        """
        self._first, self._later = _Lately(2.0 if self._copies else 0.0), _Lately(1.0)

    @property
    def acceptance_ratio(self) -> float:
        """What came of the first drafted tokens in the last few steps over what was expected: how this text goes."""
        return min(1.5, max(0.1, self._first.share(1.0)))

    @property
    def lasting(self) -> float:
        """The same of the tokens behind a right one, where drafts are copied: how long they hold in this text."""
        return min(1.0, self._later.share(2.0)) if self._copies else 1.0

    def estimate(self, source: Source, depth: int, probability: float | None) -> float:
        """Calibrated probability that a node of this source and depth is accepted once its parent is."""
        if probability is None:
            return self.usual(source.kind)
        lasting = self.lasting if depth > 1 else 1.0
        return min(0.995, probability * self.factor(source.kind, source.n, source.rank, depth) * lasting)

    def factor(self, kind: str, n: int | None, rank: int | None, depth: int) -> float:
        """By how much a source's own estimates have to be multiplied.

        As long as little is known of a depth, a model's estimates are worth there what they are worth at others; how
        far copies hold is another matter at each.
        """
        here = self._sums.get(group_of(kind, n, rank, depth), NOTHING)
        if self._copies:
            return _factor(here)
        return _factor(here, _factor(self._sums.get(group_of(kind, n, rank, ANYWHERE), NOTHING)))

    def usual(self, kind: str, before: float = 0.8) -> float:
        """How often a node of this source is accepted once its parent is, at whatever depth; ``before`` any was seen
        it is taken to be so.
        """
        sums = [values for group, values in self._sums.items() if group[0] == kind and group[3] != ANYWHERE]
        return (sum(s[2] for s in sums) + 4.0 * before) / (sum(s[0] for s in sums) + 4.0)

    def learn(self, tree: DraftTree, emitted: Sequence[int]) -> None:
        """Take in what really came where a tree was proposed, verified or not.

        A node says something if its parent came true and the token after the parent is known.
        """
        true = {ROOT}
        if len(tree):
            self._first.fade()
            self._later.fade()
        for node, parent in enumerate(tree.parents):
            depth = tree.depths[node]
            if parent not in true or depth > len(emitted):
                continue
            hit = tree.tokens[node] == emitted[depth - 1]
            if hit:
                true.add(node)
            source, probability = tree.sources[node], tree.probabilities[node]
            if probability is not None:
                lately = self._first if depth == 1 else self._later
                lately.note(min(1.0, probability * self.factor(source.kind, source.n, source.rank, depth)), hit)
            for place in (depth, ANYWHERE):
                self._note(group_of(source.kind, source.n, source.rank, place), probability, hit)

    def _note(self, group: Group, probability: float | None, hit: bool) -> None:
        offered, predicted, accepted = self._sums.get(group, NOTHING)
        self._sums[group] = (
            LONG_MEMORY * offered + 1.0,
            LONG_MEMORY * predicted + (0.5 if probability is None else probability),
            LONG_MEMORY * accepted + hit,
        )


def _factor(sums: Sums, before: float = 1.0) -> float:
    """What came over what was expected; ``before`` stands for four tokens that are not known."""
    _, predicted, accepted = sums
    return (accepted + 4.0 * before) / (predicted + 4.0)
