"""What a pass takes and gives, and the interface of the ways to run one."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from .kv_cache import AnyCache

PREFILL_CHUNK = 512


class ForwardInput(NamedTuple):
    """The tokens of a pass, which stand behind the scratch rows of a cache."""

    token_ids: Sequence[int]
    position_ids: Sequence[int]
    """Their places in the sequence; siblings of a tree share one."""
    tree_mask: Tensor | None = None
    """Who attends to whom, bool [rows, scratch + rows]; what is committed is seen by all. None: a single row sees
    everything."""
    last_only: bool = False
    """Whether the logits of the last row are enough."""
    hidden_layers: Sequence[int] = ()
    """Layers whose states are wanted, ascending; 0 is the embedding, the last is normed."""

    @classmethod
    def chain(cls, token_ids: Sequence[int], start: int, last_only: bool = False) -> ForwardInput:
        """Tokens that follow each other, the first at position ``start``, behind a cache without scratch rows."""
        rows = len(token_ids)
        return cls(token_ids, range(start, start + rows), causal(rows) if rows > 1 else None, last_only)


class Output(NamedTuple):
    """What one pass computes."""

    logits: Tensor
    """[rows, model vocabulary], float32 or wider."""
    hidden: Tensor | None = None
    """[layers asked for, rows, width], the states after those layers."""


class Backend(Protocol):
    """A way to run passes of a model."""

    def new_cache(self, capacity: int) -> AnyCache:
        """An empty cache of the kind that ``__call__`` takes."""
        ...

    def __call__(self, cache: AnyCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]]:
        """Write the rows' keys and values into the cache, which has room for them.

        Returns logits [rows, or 1 if only the last is wanted, vocabulary] and the states [rows, width] asked for.
        """
        ...


@lru_cache(PREFILL_CHUNK // 4)
def causal(rows: int) -> Tensor:
    """Each row sees those above it and itself; bool [rows, rows], the same tensor at every call."""
    return torch.from_numpy(np.tri(rows, dtype=np.bool_))
