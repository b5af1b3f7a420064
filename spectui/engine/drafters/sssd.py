"""SSSD: what followed the last tokens before, in this conversation and in a large datastore, merged in one tree."""

from collections.abc import Sequence

from ..retrieval.followers import Followers, InConversation, InDatastore
from ..retrieval.occurrences import Occurrences
from ..retrieval.pairs import Pairs
from ..retrieval.snapshot import Snapshot
from ..retrieval.trie import BRANCH, OfficialTrie
from ..values.draft_tree import DraftTree
from .drafter import Context, Drafter, Resources
from .sssd_growth import Adaptive, Official

LONGEST_MATCH = 3
"""Tokens that are looked up in the conversation, at most (SSSD, 2411.05894)."""
QUERY = 4
"""Tokens that are looked up in the datastore, at most (SSSD, 2411.05894)."""
NOTHING = "these tokens were neither said nor stored before"


class Sssd(Drafter):
    """Simply-Scalable Speculative Decoding (Marzollo et al., ACL 2026, arXiv 2411.05894).

    The full tree is the official one: its windows, weights and number of nodes. Otherwise open windows count as well,
    shares are calibrated, and what is too unlikely to pay for its verification is not built.
    """

    copies = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._said: Occurrences | OfficialTrie = Occurrences()
        self._official = False
        self._pairs = Pairs()
        self._doubtful = True
        self._stored: Snapshot | None = None
        """What may be looked up during the present answer."""

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere, and the datastore may have grown."""
        self._pairs = Pairs()
        self._doubtful = True
        self._stored = None

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The likeliest paths of all sources, merged."""
        if not context.speculation.full_tree and not self._may_occur(context):
            return DraftTree(why=NOTHING)
        self._follow(context)
        capacity = context.speculation.draft_tree_capacity
        sources = self._sources(context, 6 if capacity <= 32 else BRANCH)
        if not sources:
            return DraftTree(why=NOTHING)
        grower = Official if self._official else Adaptive
        tree = grower(context, self.resources).grow(sources, min(limit, capacity - 1))
        if not len(tree):
            tree.why = NOTHING
        return tree

    def _may_occur(self, context: Context) -> bool:
        """Whether there is a datastore to look in, or the last two tokens have stood side by side before."""
        snapshot = self._snapshot(context)
        return (snapshot is not None and len(snapshot) > 0) or self._pairs.again(context.tokens)

    def _follow(self, context: Context) -> None:
        if self._official != context.speculation.full_tree:
            self._official = context.speculation.full_tree
            self._said = OfficialTrie() if self._official else Occurrences()
        self._said.follow(context.tokens, context.prompt, self._doubtful)
        self._doubtful = False

    def _sources(self, context: Context, length: int) -> list[Followers]:
        """Where the end of the sequence was found: the longest match first, the datastore last.

        A single token alone says too little to be worth the time, unless the tree is the official one.
        """
        made: list[Followers] = []
        for n in range(min(LONGEST_MATCH, len(context.tokens)), 0 if self._official else 1, -1):
            node = self._said.after(context.tokens[-n:])
            if node is not None and node.children:
                made.append(InConversation(node, n, context.prompt, self._official, self._said.after))
        snapshot = self._snapshot(context)
        if snapshot is not None and len(snapshot):
            found = snapshot.look_up(context.tokens[-QUERY:], length, shortest=1 if self._official else 2)
            if found:
                made.append(InDatastore(found))
        return made

    def _snapshot(self, context: Context) -> Snapshot | None:
        if self.resources.datastore is None:
            return None
        if self._stored is None:
            self._stored = self.resources.datastore.snapshot(context.tokens[: context.prompt])
        return self._stored
