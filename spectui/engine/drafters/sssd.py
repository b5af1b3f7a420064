"""SSSD: what followed the last tokens before, in this conversation and in a large datastore, merged in one tree."""

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush

from ..retrieval.followers import Follower, Followers, InConversation, InDatastore
from ..retrieval.snapshot import ENOUGH, Snapshot
from ..retrieval.trie import BRANCH, OfficialTrie, Trie
from ..tree import ROOT, DraftTree
from .drafter import Context, Drafter, Resources

LONGEST_MATCH = 3
"""Tokens that are looked up in the conversation, at most."""
QUERY = 4
"""Tokens that are looked up in the datastore, at most."""
ALWAYS = 4
"""Nodes that are proposed however unlikely they are, because what is proposed is learnt from."""
FEW = 8
"""Continuations that are enough to draft from; the official number would dilute a long match with short ones."""
NOTHING = "the last tokens occur nowhere before, in the conversation or the datastore"


class Sssd(Drafter):
    """Simply-Scalable Speculative Decoding (Marzollo et al., ACL 2026, arXiv 2411.05894).

    The full tree is the official one: its windows, weights and number of nodes. Otherwise open windows count as well,
    shares are calibrated, and what is too unlikely to pay for its verification is not built.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._trie: Trie | OfficialTrie = Trie()
        self._official = False
        self._doubtful = True
        self._stored: tuple[int, Snapshot] | None = None
        """(length of the prompt, what may be looked up while it is answered)."""

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere, and the datastore may have grown."""
        self._doubtful = True
        self._stored = None

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The likeliest paths of all sources, merged."""
        self._follow(context)
        capacity = context.speculation.draft_tree_capacity
        sources = list(self._sources(context, 6 if capacity <= 32 else BRANCH))
        tree = self._merge(context, sources, min(limit, capacity - 1))
        if not len(tree):
            tree.why = NOTHING
        return tree

    def _follow(self, context: Context) -> None:
        if self._official != context.speculation.full_tree:
            self._official = context.speculation.full_tree
            self._trie = OfficialTrie() if self._official else Trie()
        self._trie.follow(context.tokens, context.prompt, self._doubtful)
        self._doubtful = False

    def _sources(self, context: Context, length: int) -> Iterator[Followers]:
        """Where the end of the sequence was found: the longest match first, the datastore last."""
        for n in range(min(LONGEST_MATCH, len(context.tokens)), 0, -1):
            node = self._trie.root.walk(context.tokens[-n:])
            if node is not None:
                yield InConversation(node, n, context.prompt, self._official, self._trie.root)
        snapshot = self._snapshot(context)
        if snapshot is not None and len(snapshot):
            enough = ENOUGH if self._official else FEW
            yield InDatastore(snapshot.look_up(context.tokens[-QUERY:], length, enough))

    def _snapshot(self, context: Context) -> Snapshot | None:
        if self.resources.datastore is None:
            return None
        if self._stored is None or self._stored[0] != context.prompt:
            self._stored = context.prompt, self.resources.datastore.snapshot(context.tokens[: context.prompt])
        return self._stored[1]

    def _merge(self, context: Context, sources: Sequence[Followers], most: int) -> DraftTree:
        """Best first by the product along the path; ties go to the earlier source, then to the lower tokens."""
        tree = DraftTree()
        gain, floor = 1.0, self._floor(context, 1.0, 1)
        nodes: dict[tuple[int, ...], int] = {(): ROOT}
        heap: list[tuple[float, int, tuple[int, ...], Follower]] = []
        seen: set[tuple[tuple[int, ...], bool]] = set()

        def push(order: int, path: tuple[int, ...], above: float, node: object) -> None:
            for one in sources[order].of(node, path, 0.3 * floor / above):
                if one.token < self.resources.vocabulary:
                    share = self._share(context, one, len(path) + 1)
                    heappush(heap, (-above * share, order, (*path, one.token), one))

        for order, source in enumerate(sources):
            push(order, (), 1.0, source.root)
        while heap and len(tree) < most:
            score, order, path, one = heappop(heap)
            if -score < floor and len(tree) >= ALWAYS:
                break
            if path not in nodes:
                nodes[path] = tree.add(one.token, nodes[path[:-1]], one.source, one.share)
                gain -= score
                floor = self._floor(context, gain, len(tree) + 1)
            if len(path) < context.remaining and self._goes_on(one, path, seen):
                push(order, path, -score, one.node)
        return tree

    def _goes_on(self, one: Follower, path: tuple[int, ...], seen: set[tuple[tuple[int, ...], bool]]) -> bool:
        """Whether to look behind a path: once for the longest match in the conversation, once for the datastore."""
        if self._official:
            return True
        place = (path, one.source.kind == "datastore")
        if place in seen or one.token in self.resources.ends:
            return False
        seen.add(place)
        return True

    def _floor(self, context: Context, gain: float, rows: int) -> float:
        """How likely a node must be to be worth building."""
        return 0.0 if self._official else context.cost.worth(gain, rows)

    def _share(self, context: Context, one: Follower, depth: int) -> float:
        """How likely a token is to be accepted once its parent is, as far as experience tells."""
        return one.share if self._official else context.calibration.estimate(one.source, depth, one.share)
