"""Prompt look-up: copy what followed the same few tokens the last time."""

from collections.abc import Sequence

from ..retrieval.copying import Copying
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source, Step
from .drafter import Context, Drafter, Resources

COPIED = 10
"""Tokens that are copied at most, as published (github.com/apoorvumang/prompt-lookup-decoding)."""
NOTHING = "these tokens have not occurred before"


class PromptLookup(Drafter):
    """Copies up to 10 tokens from behind the longest n-gram of up to 3 that ends in the pending token (Saxena 2023)."""

    copies = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._copying = Copying(3, COPIED)

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self._copying.invalidate()

    def observe(self, step: Step, mine: bool) -> None:
        """Learn how often copying is right."""
        self._copying.observe(step)

    def propose(self, context: Context, limit: int) -> DraftTree:
        """One chain, or nothing."""
        if self._copying.index.longest != context.speculation.max_ngram_size:
            self._copying = Copying(context.speculation.max_ngram_size, COPIED)
        match = self._copying.look_up(context.tokens, context.latency if context.speculation.adaptive else None)
        if match is None:
            return DraftTree(why=NOTHING)
        tree = DraftTree()
        source = Source("prompt", n=match.n, at=match.at)
        self._copying.add(tree, ROOT, match, min(limit, context.remaining), source, self.resources.ends)
        return tree
