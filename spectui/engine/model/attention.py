"""Attention over a tree: the kinds of mask, and the masks of a pass."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

import torch
from torch import Tensor

from .capability import layer_types, reach, text_config
from .forward import ForwardInput, causal
from .kv_cache import KVCache

STEP = 8
"""CUDA's kernels read a mask whose rows begin at multiples of so many numbers as it is, and copy any other."""


class AttentionKind(Protocol):
    """How far the layers of one kind attend."""

    def out_of_reach(self, queries: Tensor, keys: Tensor) -> Tensor | None:
        """Where a key is too far away, by position: bool [queries, keys]; None if everything is within reach."""
        ...


class FullAttention:
    """Every key is within reach."""

    def out_of_reach(self, queries: Tensor, keys: Tensor) -> None:
        """Nothing is."""


@dataclass(frozen=True, slots=True)
class SlidingWindow:
    """The last ``size`` positions, the own included."""

    size: int

    def out_of_reach(self, queries: Tensor, keys: Tensor) -> Tensor:
        """What lies before the window."""
        return queries[:, None] - keys[None, :] >= self.size


@dataclass(frozen=True, slots=True)
class ChunkedAttention:
    """The positions of the own chunk of ``size``."""

    size: int

    def out_of_reach(self, queries: Tensor, keys: Tensor) -> Tensor:
        """What lies in other chunks."""
        return queries[:, None] // self.size != keys[None, :] // self.size


_KINDS: dict[str, Callable[[int], AttentionKind]] = {
    "sliding_attention": SlidingWindow,
    "chunked_attention": ChunkedAttention,
}


def attention_kinds(config: Any) -> dict[str, AttentionKind]:
    """The kinds of layer that a model has, by transformers' names."""
    sizes = {name: reach(config, name) for name in sorted(set(layer_types(config)))}
    return {name: FullAttention() if size is None else _KINDS[name](size) for name, size in sizes.items()}


class AttentionMasks:
    """Builds the additive masks of a pass, one for each kind of layer that the model has.

    ``group`` says how many query heads share a key head and are folded into the rows.
    """

    def __init__(self, kinds: dict[str, AttentionKind], dtype: torch.dtype, device: torch.device, group: int) -> None:
        self._kinds, self._dtype, self._device, self._group = kinds, dtype, device, group
        self._lowest = torch.finfo(dtype).min
        self.limited = any(not isinstance(kind, FullAttention) for kind in kinds.values())
        """Whether some layer does not attend to everything that is committed."""

    @classmethod
    def of(cls, model: Any, folded: bool, dtype: torch.dtype | None = None) -> "AttentionMasks":
        """The masks of a model, for attention functions that fold the heads of a group, or not.

        They have the type of its weights unless another is given.
        """
        config, weight = text_config(model), next(model.parameters())
        heads = config.num_attention_heads
        group = heads // (getattr(config, "num_key_value_heads", None) or heads) if folded else 1
        return cls(attention_kinds(config), dtype or weight.dtype, weight.device, group)

    def __call__(self, cache: KVCache, inputs: ForwardInput) -> Tensor | dict[str, Tensor]:
        """Masks [1, 1, group * rows, all rows], 0 where a row sees; a dict by kind if the model mixes kinds."""
        rows, start = len(inputs.token_ids), cache.length + cache.scratch
        mask = self._zeros(rows, start + rows)
        if inputs.tree_mask is not None:
            mask[:, :, cache.length :].masked_fill_(~self._here(inputs.tree_mask), self._lowest)
        if not self.limited:
            return self._folded(mask)
        scratch, queries = cache.scratch_position_ids, list(inputs.position_ids)
        keys = torch.tensor([*range(cache.length), *scratch, *queries], device=self._device)
        far = {name: kind.out_of_reach(keys[start:], keys) for name, kind in self._kinds.items()}
        made = {
            name: self._folded(mask if one is None else mask.masked_fill(one, self._lowest))
            for name, one in far.items()
        }
        return made if len(made) > 1 else next(iter(made.values()))

    def _zeros(self, rows: int, width: int) -> Tensor:
        """[group, rows, width], which begins each row where a CUDA kernel wants it."""
        room = width if self._device.type == "cpu" else -(-width // STEP) * STEP
        made = torch.zeros((self._group, rows, room), dtype=self._dtype, device=self._device)
        return made if room == width else made[..., :width]

    def _here(self, tree_mask: Tensor) -> Tensor:
        """The same on the device of the masks; a chain's is made there, for a prefill's would be long on its way."""
        if self._device.type == "cpu":
            return tree_mask
        rows = len(tree_mask)
        if tree_mask is causal(rows):
            return torch.ones((rows, rows), dtype=torch.bool, device=self._device).tril_()
        return tree_mask.to(self._device)

    def _folded(self, mask: Tensor) -> Tensor:
        """The heads of a group as further rows."""
        return mask.view(1, 1, -1, mask.shape[-1])
