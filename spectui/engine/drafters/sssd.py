"""SSSD: what followed the last tokens before, in this conversation and in a large datastore, merged in one tree."""

from collections.abc import Sequence

from ..retrieval.followers import WINDOW, Followers, InConversation, InDatastore
from ..retrieval.ngram_index import NgramIndex
from ..retrieval.snapshot import Row, Snapshot
from ..values.draft_tree import DraftTree
from ..values.step import Quote
from .drafter import Context, Drafter, Resources
from .sssd_growth import SssdGrower

LONGEST_MATCH = 3
"""Tokens that are looked up in the conversation, at most (SSSD, 2411.05894)."""
QUERY = 4
"""Tokens that are looked up in the datastore, at most (SSSD, 2411.05894)."""
QUOTED = 14
"""Tokens that are quoted before and behind what was copied."""
NOTHING = "no match in this chat or the datastore"


class Sssd(Drafter):
    """Simply-Scalable Speculative Decoding (Marzollo et al., ACL 2026, arXiv 2411.05894).

    The full tree is the official one: its windows, weights and number of nodes. Otherwise open windows count as well,
    shares are calibrated, and what is too unlikely to pay for its verification is not built.
    """

    copies = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._said = NgramIndex(LONGEST_MATCH)
        self._stored: Snapshot | None = None
        """What may be looked up during the present answer."""

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere, and the datastore may have grown."""
        self._said.invalidate()
        self._stored = None

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The likeliest paths of all sources, merged."""
        self._said.follow(context.tokens)
        official = context.speculation.full_tree
        tree = DraftTree()
        if official or self._may_occur(context):
            capacity = context.speculation.draft_tree_capacity
            sources = self._sources(context, official, 6 if capacity <= 32 else WINDOW)
            tree = SssdGrower(context, self.resources).grow(sources, min(limit, capacity - 1))
        if not len(tree):
            tree.why = NOTHING
        return tree

    def quotes(self, tokens: Sequence[int], tree: DraftTree) -> tuple[Quote, ...]:
        """What stands around the tokens from the datastore, there."""
        found = ((node, self._quoted(tokens, tree, node)) for node in range(len(tree)))
        return tuple(Quote(node, *around) for node, around in found if around is not None)

    def _quoted(self, tokens: Sequence[int], tree: DraftTree, node: int) -> tuple[Row, Row] | None:
        n = tree.sources[node].n
        if tree.sources[node].kind != "datastore" or n is None or self._stored is None:
            return None
        found = self._stored.quote([*tokens[-n:], *tree.path_tokens(node)], QUOTED)
        if found is None:
            return None
        before, after = (tuple(t for t in part if t < self.resources.vocabulary) for part in found)
        return before, after

    def _may_occur(self, context: Context) -> bool:
        """Whether there is a datastore to look in, or the last two tokens have stood side by side before."""
        return bool(self._snapshot(context)) or len(self._said.ends(context.tokens[-2:])) > 1

    def _sources(self, context: Context, official: bool, length: int) -> list[Followers]:
        """Where the end of the sequence may be found: the longest match first, the datastore last.

        A single token alone says too little to be worth the time, unless the tree is the official one.
        """
        shortest, longest = 1 if official else 2, min(LONGEST_MATCH, len(context.tokens))
        matches = range(longest, shortest - 1, -1)
        made: list[Followers] = [InConversation(self._said, n, context.prompt, official) for n in matches]
        if snapshot := self._snapshot(context):
            made.append(InDatastore(snapshot.look_up(context.tokens[-QUERY:], length, shortest=shortest)))
        return made

    def _snapshot(self, context: Context) -> Snapshot | None:
        if self.resources.datastore is None:
            return None
        if self._stored is None:
            self._stored = self.resources.datastore.snapshot(context.tokens[: context.prompt])
        return self._stored
