"""Speculation with a draft model: a small causal model guesses a chain or a tree ahead of the target."""

from collections.abc import Sequence
from time import perf_counter

from torch import Tensor

from ..values.draft_tree import DraftTree
from .draft_cache import DraftCache
from .drafter import Resources
from .model_drafter import ModelDrafter
from .ranking import ranking_of


class DraftModel(ModelDrafter):
    """Drafts with a second model (Leviathan et al. 2023, 2211.17192)."""

    kind = "draft"

    def __init__(self, resources: Resources) -> None:
        assert resources.draft is not None
        super().__init__(resources, ranking_of(resources, resources.draft), resources.draft_ms)
        self._cache = DraftCache(resources.draft)

    def begin(self, tokens: Sequence[int]) -> None:
        """Nothing is known about the cached rows any more; they are compared at the next proposal."""
        self._cache.invalidate()

    def prepare(self, length: int) -> bool:
        """Those of this method's own cache."""
        return self._cache.prepare(length)

    def _catch_up(self, tokens: Sequence[int]) -> Tensor:
        """Behind a pass of the target, and over more than one token, it takes longer than a pass of a chain: it can
        only show that those take less than is thought. Chains of one token need none and would never show it.
        """
        start = perf_counter()
        logits = self._cache.catch_up(tokens)
        self._timer.called(logits, start, at_most=True)
        return logits

    def _read(self, tree: DraftTree, nodes: list[int]) -> Tensor:
        return self._cache.feed(tree, nodes).logits
