"""An attention function for transformers' models that folds the heads of a group into rows."""

from contextlib import suppress
from typing import Any

import torch
from torch import Tensor
from transformers import AttentionInterface, AttentionMaskInterface
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

NAME = "spectui"
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
    [1, 1, group * rows, all rows], repeated once a step by ``AttentionMasks``. Without a mask it is plain causal
    attention. Raises NotImplementedError for score changes that it does not know.
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


def use(model: Any, implementation: str) -> None:
    """Let the model attend by ours or by one of transformers' own functions, if it can.

    Ours is made known with a mask function, or 2-D masks would turn into none at all.
    """
    AttentionInterface.register(NAME, tree_attention)
    AttentionMaskInterface.register(NAME, sdpa_mask)
    with suppress(NotImplementedError, ValueError):  # then it stays with the function that it has
        model.set_attn_implementation(implementation)
