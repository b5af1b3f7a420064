"""Grows one draft tree from several sources, best first."""

from collections.abc import Sequence
from heapq import heappop, heappush
from typing import TYPE_CHECKING

from ..retrieval.followers import Follower, Followers
from ..values.draft_tree import ROOT, DraftTree

if TYPE_CHECKING:
    from .drafter import Context, Resources

Path = tuple[int, ...]
Candidate = tuple[float, int, Path, Follower]
"""(minus the probability of the path, index of the source, tokens of the path, the last of them)."""


class Official:
    """Best first by the product of the shares along the path, over all sources, into a tree that shares prefixes.

    Ties go to the earlier source, then to the lower tokens (SSSD, 2411.05894).
    """

    def __init__(self, context: "Context", resources: "Resources") -> None:
        self._vocabulary = resources.vocabulary
        self._remaining = context.remaining
        self._heap: list[Candidate] = []
        self._sources: Sequence[Followers] = ()

    def grow(self, sources: Sequence[Followers], most: int) -> DraftTree:
        """A tree of up to ``most`` nodes."""
        self._sources = sources
        for order, source in enumerate(sources):
            self._push(order, (), 1.0, source.root)
        tree = DraftTree()
        nodes: dict[Path, int] = {(): ROOT}
        heap = self._heap
        while heap and len(tree) < most:
            score, order, path, one = heappop(heap)
            if self._is_over(-score, len(tree)):
                break
            if path not in nodes:
                nodes[path] = tree.add(one.token, nodes[path[:-1]], one.source, one.share)
                self._take(-score, len(tree))
            if len(path) < self._remaining and self._goes_on(one, path):
                self._push(order, path, -score, one.node)
        return tree

    def _push(self, order: int, path: Path, above: float, node: object) -> None:
        for one in self._sources[order].of(node, path, self._least(above)):
            if one.token < self._vocabulary:
                share = self._share(one)
                heappush(self._heap, (-above * share, order, (*path, one.token), one))

    def _least(self, above: float) -> float:
        """The smallest share worth a look below a path of probability ``above``."""
        return 0.0

    def _share(self, one: Follower) -> float:
        """The share that counts."""
        return one.share

    def _is_over(self, probability: float, size: int) -> bool:
        """Whether a tree of ``size`` nodes is large enough when the next one has this probability."""
        return False

    def _take(self, probability: float, size: int) -> None:
        """A node has become the last of ``size``."""

    def _goes_on(self, one: Follower, path: Path) -> bool:
        """Whether to look behind a path."""
        return True


class Adaptive(Official):
    """The same with shares corrected by experience, until the next node would not pay for being found.

    Looks behind a path once for the longest match in the conversation and once for the datastore.
    """

    def __init__(self, context: "Context", resources: "Resources") -> None:
        super().__init__(context, resources)
        self._ends = resources.ends
        self._latency, self._acceptance = context.latency, context.acceptance
        self._seen: set[tuple[Path, bool]] = set()
        self._expected = 1.0
        """Tokens that the step is expected to emit."""
        self._break_even = self._latency.break_even()

    def _least(self, above: float) -> float:
        return self._break_even / above if above < 1.0 else 0.0

    def _share(self, one: Follower) -> float:
        return self._acceptance.estimate(one.source, one.share)

    def _is_over(self, probability: float, size: int) -> bool:
        return (
            probability < self._break_even and size > 0
        )  # one is always proposed, for what is proposed is learnt from

    def _take(self, probability: float, size: int) -> None:
        self._expected += probability
        self._break_even = self._latency.break_even(self._expected, size + 1)

    def _goes_on(self, one: Follower, path: Path) -> bool:
        place = (path, one.kind == "datastore")
        if place in self._seen or one.token in self._ends:
            return False
        self._seen.add(place)
        return True
