"""The KV cache: one buffer for all layers, with rows that a step may keep or drop."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any
from weakref import ref

import torch
from torch import Tensor
from transformers.cache_utils import Cache, CacheLayerMixin, DynamicCache

from ...system.errors import UnsupportedModel

CHUNK = 1024
ALIGNED = 64
"""What a cache grows to is a multiple of it: CUDA's attention kernels copy a mask of odd width in every layer."""


class _Rows:
    """The rows of a sequence: ``length`` committed ones, then those of the running step, which may be dropped."""

    def __init__(self) -> None:
        self.length = 0
        self.scratch_position_ids: list[int] = []
        """The place in the sequence of each scratch row."""

    @property
    def scratch(self) -> int:
        """How many scratch rows there are."""
        return len(self.scratch_position_ids)

    def append(self, position_ids: Sequence[int]) -> None:
        """A pass has written these rows behind the others."""
        self.scratch_position_ids.extend(position_ids)


def aligned(rows: int) -> int:
    """The next multiple of ``ALIGNED``."""
    return -(-rows // ALIGNED) * ALIGNED


class KVCache(_Rows):
    """Keys and values of one sequence: ``length`` committed rows, then ``scratch`` rows of the running step.

    Keys are [layers, 1, heads, capacity, dimension], values likewise; both are allocated with zeros (an undefined
    row would reach the output through the mask) when the first keys arrive, and grow by doubling.
    """

    croppable = True

    def __init__(self, layers: int, capacity: int = CHUNK) -> None:
        super().__init__()
        self.layers = layers
        self.capacity = capacity
        self.keys: Tensor | None = None
        self.values: Tensor | None = None
        self.graphs: dict[object, Any] = {}
        """What was captured on the buffers as they lie in memory; gone when they move."""
        self.adapter = _Adapter(self)

    def reserve(self, rows: int) -> None:
        """Make room for ``rows`` rows in all; copies what is committed if the buffer has to grow."""
        if rows <= self.capacity:
            return
        self.capacity = aligned(max(rows, 2 * self.capacity))
        if self.keys is not None and self.values is not None:
            self.keys, self.values = self._grown(self.keys), self._grown(self.values)
            self.graphs.clear()

    @torch.inference_mode()
    def _grown(self, old: Tensor) -> Tensor:
        shape = list(old.shape)
        shape[-2] = self.capacity
        new = torch.zeros(shape, dtype=old.dtype, device=old.device)
        filled = self.length + self.scratch
        new[..., :filled, :] = old[..., :filled, :]
        return new

    def write(self, layer: int, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor]:
        """Put a pass's keys and values [1, heads, rows, dimension] behind the scratch rows; return all so far."""
        self.buffers(keys.shape[1], keys.shape[3], keys)
        assert self.keys is not None
        assert self.values is not None
        if keys.shape[1] != self.keys.shape[2] or keys.shape[3] != self.keys.shape[4]:
            raise UnsupportedModel("this model's layers have key/value heads of different shapes; use another model")
        start = self.length + self.scratch
        end = start + keys.shape[2]
        self.keys[layer, :, :, start:end] = keys
        self.values[layer, :, :, start:end] = values
        return self.keys[layer, :, :, :end], self.values[layer, :, :, :end]

    def buffers(self, heads: int, dimension: int, like: Tensor) -> tuple[Tensor, Tensor]:
        """All keys and values, allocated on first use with the type and device of ``like``."""
        if self.keys is None or self.values is None:
            shape = (self.layers, 1, heads, self.capacity, dimension)
            self.keys = torch.zeros(shape, dtype=like.dtype, device=like.device)
            self.values = torch.zeros_like(self.keys)
        return self.keys, self.values

    def commit(self, rows: Sequence[int]) -> None:
        """Keep these scratch rows (ascending, 0 the first), close up behind ``length``, drop the others."""
        kept = len(rows)
        if kept and rows[-1] != kept - 1:
            self._close_up(rows)
        self.length += kept
        self.scratch_position_ids = []

    @torch.inference_mode()
    def _close_up(self, rows: Sequence[int]) -> None:
        if self.keys is None or self.values is None:
            return
        index = torch.tensor(rows, device=self.keys.device) + self.length
        for buffer in (self.keys, self.values):
            buffer[..., self.length : self.length + len(rows), :] = buffer.index_select(-2, index)

    def pretend(self, rows: int) -> None:
        """Count so many more rows as committed, with whatever the buffers hold: for passes that are only timed."""
        self.reserve(self.length + rows)
        self.length += rows

    def truncate(self, length: int) -> int:
        """Forget all rows from ``length`` on; return how many are left."""
        self.length = min(self.length, length)
        self.scratch_position_ids = []
        return self.length

    @torch.inference_mode()
    def copy(self, other: AnyCache) -> None:
        """Hold what another cache of the same target has committed, in memory of its own."""
        assert isinstance(other, KVCache)
        self.truncate(0)
        self.reserve(other.length)
        self.length = other.length
        if other.keys is None or other.values is None:
            return
        like = other.keys[0]
        for mine, theirs in zip(
            self.buffers(like.shape[1], like.shape[3], like), (other.keys, other.values), strict=True
        ):
            mine[..., : self.length, :] = theirs[..., : self.length, :]

    @property
    def bytes(self) -> int:
        """Memory that the buffers hold now."""
        return sum(buffer.nbytes for buffer in (self.keys, self.values) if buffer is not None)


class _Layer(CacheLayerMixin):  # type: ignore[misc]
    """One layer's side of the buffer, as transformers calls it.

    It does not keep its owner alive, or memory and graphs would stay until the garbage collector finds the circle.
    """

    def __init__(self, owner: KVCache, index: int) -> None:
        super().__init__()
        self._owner, self.index = ref(owner), index
        self.is_initialized = True

    @property
    def owner(self) -> KVCache:
        """The cache whose rows these are, which the caller holds."""
        owner = self._owner()
        assert owner is not None
        return owner

    def lazy_initialization(self, key_states: Tensor, value_states: Tensor) -> None:
        """Nothing: the owner allocates."""

    def update(self, key_states: Tensor, value_states: Tensor, *_: Any, **__: Any) -> tuple[Tensor, Tensor]:
        """Write a pass's rows and return everything to attend to."""
        return self.owner.write(self.index, key_states, value_states)

    def get_seq_length(self) -> int:
        """Rows before the running pass."""
        return self.owner.length + self.owner.scratch

    def get_max_length(self) -> int:
        """Rows that fit without growing."""
        return self.owner.capacity

    def get_mask_sizes(self, query_length: int) -> tuple[int, int]:
        """Rows to attend to, and where they begin."""
        return self.get_seq_length() + query_length, 0


class _Adapter(Cache):  # type: ignore[misc]
    """What the model is given as ``past_key_values``."""

    def __init__(self, owner: KVCache) -> None:
        super().__init__(layers=[_Layer(owner, index) for index in range(owner.layers)])


class NativeCache(_Rows):
    """transformers' own cache, for models whose state cannot be cut back: one token a pass, nothing dropped."""

    croppable = False

    def __init__(self, config: Any) -> None:
        super().__init__()
        self._config = config
        self.adapter = DynamicCache(config=config)

    def reserve(self, rows: int) -> None:
        """Nothing: it grows by itself."""

    def commit(self, rows: Sequence[int]) -> None:
        """Keep all scratch rows; this cache cannot drop any."""
        if len(rows) != self.scratch:
            raise UnsupportedModel("this model's state cannot be rolled back; it decodes one token at a time")
        self.length += self.scratch
        self.scratch_position_ids = []

    def truncate(self, length: int) -> int:
        """Keep everything if nothing would go, else start afresh; return the rows that are left."""
        if length < self.length or self.scratch:
            self.adapter = DynamicCache(config=self._config)
            self.length, self.scratch_position_ids = 0, []
        return self.length

    def copy(self, other: AnyCache) -> None:
        """Hold what another cache has committed."""
        assert isinstance(other, NativeCache)
        self.adapter = copy.deepcopy(other.adapter)
        self.length, self.scratch_position_ids = other.length, []

    @property
    def bytes(self) -> int:
        """Unknown from outside."""
        return 0


AnyCache = KVCache | NativeCache
