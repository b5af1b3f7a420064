"""Tree attention: the masks, and an attention function that folds query groups instead of copying keys."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from .kv_cache import CHUNK

NAME = "spectui"
MOST_ROWS = 128
"""Rows of a pass, at most, whose masks come from one buffer; a prefill has more."""
_REFUSED = ("softcap", "s_aux", "position_bias")


def tree_attention(
    module: torch.nn.Module,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    dropout: float = 0.0,
    scaling: float | None = None,
    **kwargs: Any,
) -> tuple[Tensor, None]:
    """Scaled dot-product attention with the heads of a group as further query rows.

    query [1, heads, rows, dimension], key and value [1, key heads, all rows, dimension]; the mask is additive,
    [1, 1, group * rows, all rows], repeated once a step by ``Masks``. Without a mask it is plain causal attention.
    Raises NotImplementedError for score changes that it does not know.
    """
    for name in _REFUSED:
        if kwargs.get(name) is not None:
            raise NotImplementedError(f"attention with {name}")
    if attention_mask is None:
        out, _ = sdpa_attention_forward(module, query, key, value, None, dropout, scaling, **kwargs)
        return out, None
    batch, heads, rows, dimension = query.shape
    group = heads // key.shape[1]
    folded = query.reshape(batch, key.shape[1], group * rows, dimension)
    if attention_mask.shape[-2] != group * rows:
        attention_mask = attention_mask.repeat(1, 1, group, 1)
    out = torch.nn.functional.scaled_dot_product_attention(folded, key, value, attn_mask=attention_mask, scale=scaling)
    return out.reshape(batch, heads, rows, -1).transpose(1, 2).contiguous(), None


def register() -> None:
    """Make the function known to transformers, with a mask function, or 2-D masks would turn into none at all."""
    AttentionInterface.register(NAME, tree_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)


@dataclass(frozen=True, slots=True)
class LayerKind:
    """How far a layer's attention reaches: everything, a window of positions, or its own chunk of them."""

    name: str
    reach: int | None = None


class Masks:
    """Builds the additive masks of a pass, one for each kind of layer that the model has."""

    def __init__(self, kinds: Sequence[LayerKind], dtype: torch.dtype, device: torch.device, group: int) -> None:
        self._kinds = {kind.name: kind for kind in kinds}
        self._dtype, self._device, self._group = dtype, device, group
        self.reaches = any(kind.reach is not None for kind in kinds)
        """Whether some layer does not attend to everything that is committed."""
        self._open = torch.zeros((1, 1, group, 0), dtype=dtype, device=device)
        self._board = torch.zeros((1, 1, 0, 0), dtype=dtype, device=device)
        """Zeros but for what the last tree wrote, of which every tree's mask is a part."""
        self._written = (0, 0, 0)
        """Rows and first and last column of what the last tree wrote."""

    def build(self, visible: Tensor, queries: Tensor, keys: Tensor) -> Tensor | dict[str, Tensor]:
        """Masks for ``visible`` bool [rows, all rows] at the positions ``queries`` [rows] and ``keys`` [all rows].

        A dict by layer kind if and only if the model mixes kinds.
        """
        made = {name: self._one(kind, visible, queries, keys) for name, kind in self._kinds.items()}
        return made if len(made) > 1 else next(iter(made.values()))

    def everything(self, keys: int) -> Tensor | None:
        """The mask of one row that sees everything, ``keys`` wide or wider; None if a layer has a reach."""
        if self.reaches:
            return None
        if self._open.shape[-1] < keys:
            self._open = torch.zeros((1, 1, self._group, 2 * keys), dtype=self._dtype, device=self._device)
        return self._open

    def tree(self, visible: Tensor, before: int) -> Tensor | None:
        """The mask of a few rows that see all ``before`` committed rows; None if a layer has a reach.

        ``visible`` bool [rows, own] tells which of the ``own`` rows behind them each row sees. The result is a part of
        one buffer, good until the next call: nothing as wide as the context is made or filled in a step.
        """
        rows, own = visible.shape
        if rows > MOST_ROWS or self.reaches:
            return None
        height, end = rows * self._group, before + own
        if self._board.shape[-1] < end:
            shape = (1, 1, MOST_ROWS * self._group, max(CHUNK, 2 * end))
            self._board = torch.zeros(shape, dtype=self._dtype, device=self._device)
        else:
            old, first, last = self._written
            self._board[:, :, :old, first:last] = 0.0
        self._board[0, 0, :height, before:end] = self._bias(visible)
        self._written = (height, before, end)
        return self._board[:, :, :height, :end]

    def _one(self, kind: LayerKind, visible: Tensor, queries: Tensor, keys: Tensor) -> Tensor:
        if kind.name == "sliding_attention" and kind.reach is not None:
            visible = visible & (queries[:, None] - keys[None, :] < kind.reach)
        elif kind.name == "chunked_attention" and kind.reach is not None:
            visible = visible & (queries[:, None] // kind.reach == keys[None, :] // kind.reach)
        return self._bias(visible)[None, None].to(self._device, non_blocking=True)

    def _bias(self, visible: Tensor) -> Tensor:
        """0 where a row sees and the lowest number where it does not, once for each head of a group."""
        mask = torch.zeros(visible.shape, dtype=self._dtype).masked_fill_(~visible, torch.finfo(self._dtype).min)
        return mask.repeat(self._group, 1) if self._group > 1 else mask
