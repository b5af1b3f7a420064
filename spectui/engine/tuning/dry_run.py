"""Passes of a model that are only timed: they leave no trace."""

from collections.abc import Callable
from time import perf_counter
from typing import TypeVar

from ..model.causal_lm import CausalLM
from ..model.kv_cache import KVCache
from ..values.draft_tree import DraftTree
from ..values.step import Source

CONTEXT = 128
"""Tokens in the cache while passes are timed: a prompt and half an answer of the demo pair."""

T = TypeVar("T")


class DryRun:
    """A model behind ``context`` cached tokens, whose ids lie below ``vocabulary``; called with a number of rows."""

    def __init__(self, model: CausalLM, vocabulary: int, context: int) -> None:
        self._model, self._vocabulary, self._context = model, vocabulary, context
        self._cache = model.new_cache()
        if isinstance(self._cache, KVCache):
            self._cache.pretend(context)
        else:
            model.prefill(self._cache, [token % vocabulary for token in range(context)])

    def close(self) -> None:
        """Give the cache back, and what was captured on it."""
        self._model.take_back(self._cache)

    def __call__(self, rows: int) -> None:
        """One pass over a chain of so many tokens, results fetched; a cache that can be cut back is as before."""
        tree = DraftTree()
        for row in range(rows - 1):
            tree.add(row % self._vocabulary, row - 1, Source("measure"))
        self._model.step(self._cache, 0, tree).logits.argmax(-1).tolist()
        if self._cache.croppable:
            self._cache.truncate(self._context)


def timed(function: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = perf_counter()
    function()
    return perf_counter() - start


def repeated(once: Callable[[], T], seconds: float, rounds: int, least: int = 1) -> list[T]:
    """What ``once`` gives, time and again for so long; the first time warms up."""
    once()
    begin, made = perf_counter(), [once()]
    while len(made) < least or (len(made) < rounds and perf_counter() - begin < seconds):
        made.append(once())
    return made
