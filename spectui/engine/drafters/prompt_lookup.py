"""Prompt look-up: copy what followed the same few tokens the last time."""

from collections.abc import Sequence

from ..retrieval.ngram_pool import Match, NgramPool
from ..step import Source
from ..tree import ROOT, DraftTree
from .drafter import Context, Drafter, Resources

COPIED = 10
TRUST = {1: 0.4, 2: 0.6, 3: 0.75}
"""n-gram length -> how likely a copied token is right, before anything was learnt about this text."""
NOTHING = "these tokens have not occurred before"


class PromptLookup(Drafter):
    """Copies up to 10 tokens from behind the longest n-gram of up to 3 that ends in the pending token (Saxena 2023)."""

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._pool = NgramPool(3, COPIED)
        self._doubtful = True

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True

    def propose(self, context: Context, limit: int) -> DraftTree:
        """One chain, or nothing."""
        self._pool.follow(context.tokens, self._doubtful)
        self._doubtful = False
        match = self._pool.find(context.tokens[-self._pool.longest :])
        if match is None:
            return DraftTree(why=NOTHING)
        tree = DraftTree()
        copied = self._pool.continuation(match, min(limit, context.remaining))
        add_copied(tree, ROOT, copied, match, Source("prompt", n=match.n, at=match.at), self.resources.ends)
        return tree


def add_copied(
    tree: DraftTree, parent: int, tokens: Sequence[int], match: Match, source: Source, ends: frozenset[int]
) -> int:
    """Hang a chain of copied tokens below ``parent``, up to one that ends an answer; the last node."""
    for token in tokens:
        if parent != ROOT and tree.tokens[parent] in ends:
            break
        parent = tree.add(token, parent, source, TRUST.get(match.n, 0.75))
    return parent
