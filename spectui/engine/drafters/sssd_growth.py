"""Grows one draft tree from several sources, best first."""

from collections.abc import Sequence
from heapq import heappop, heappush

from ..retrieval.followers import Follower, Followers
from ..values.draft_tree import ROOT, DraftTree
from .drafter import Context, Resources

Path = tuple[int, ...]


class SssdGrower:
    """Best first by the product of the shares along the path, over all sources, into a tree that shares prefixes.

    Ties go to the earlier source, then to the lower tokens (SSSD, 2411.05894). Unless the tree is the official one,
    shares are corrected by experience, it ends where the next node would not pay for being found, and it looks behind
    a path once for the longest match in the conversation and once for the datastore.
    """

    def __init__(self, context: Context, resources: Resources) -> None:
        self._vocabulary, self._remaining = resources.vocabulary, context.remaining
        self._official = context.speculation.full_tree
        self._ends = resources.ends
        self._latency, self._acceptance = context.latency, context.acceptance
        self._break_even = 0.0 if self._official else self._latency.break_even()
        self._heap: list[tuple[float, int, Path, Follower]] = []
        """(minus the probability of the path, index of the source, tokens of the path, the last of them)."""
        self._seen: set[tuple[Path, bool]] = set()

    def grow(self, sources: Sequence[Followers], most: int) -> DraftTree:
        """A tree of up to ``most`` nodes."""
        for order, source in enumerate(sources):
            self._push(order, source, (), 1.0, source.root)
        tree, expected = DraftTree(), 1.0
        nodes: dict[Path, int] = {(): ROOT}
        while self._heap and len(tree) < most:
            score, order, path, one = heappop(self._heap)
            if -score < self._break_even and len(tree):  # one is always proposed: what is proposed is learnt from
                break
            if path not in nodes:
                nodes[path] = tree.add(one.token, nodes[path[:-1]], one.source, one.share)
                expected -= score
                if not self._official:
                    self._break_even = self._latency.break_even(expected, len(tree) + 1)
            if len(path) < self._remaining and (self._official or self._goes_on(one, path)):
                self._push(order, sources[order], path, -score, one.node)
        return tree

    def _push(self, order: int, source: Followers, path: Path, above: float, node: object) -> None:
        """What follows a path of probability ``above``, unless it is too unlikely to be worth a look."""
        for one in source.of(node, path, self._break_even / above if path else 0.0):
            if one.token < self._vocabulary:
                share = one.share if self._official else self._acceptance.estimate(one.source, one.share)
                heappush(self._heap, (-above * share, order, (*path, one.token), one))

    def _goes_on(self, one: Follower, path: Path) -> bool:
        """Whether to look behind a path: not a second time, and not behind the end of an answer."""
        place = (path, one.kind == "datastore")
        if place in self._seen or one.token in self._ends:
            return False
        self._seen.add(place)
        return True
