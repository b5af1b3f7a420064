"""EAGLE-3's training-time test: the head drafts on from its own outputs, as it will, and is told what was right.

Source: section 3.2 of arXiv 2503.01840. At the first position it reads the target's states; at each further one its own
output stands for the state that nobody knows yet. Keys and values of verified positions come from states, those of
drafts from drafts: entry t's draft of step k attends to the states up to t and to its own drafts of steps 1 to k.
"""

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..engine.model.llama import turned
from .batch import Batch
from .eagle_head import EagleHead
from .target import Target


class Context(NamedTuple):
    """What a head reads of the target beside states."""

    embed_tokens: Tensor
    rope_cache: tuple[Tensor, Tensor]
    """cos and sin [positions, 1, head_dim], the first half of sin negated, as ``llama.Weights`` has them."""
    scaling: float

    @classmethod
    def of(cls, target: Target) -> "Context":
        """Of a target, its embedding in float32."""
        weights = target.weights
        return cls(weights.embed_tokens.float(), weights.rope_cache, weights.config.scaling)


def drafts(head: EagleHead, context: Context, batch: Batch, depth: int) -> Iterator[Tensor]:
    """The head's outputs [sequences, answer, hidden] at each of ``depth`` steps, before its last norm."""
    shape, attention = head.shape, head.midlayer.self_attn
    every, length = batch.rows, batch.states.shape[1]
    positions = torch.arange(length, device=every.device)
    read = functional.embedding(batch.tokens[:, 1 : 1 + length], context.embed_tokens)
    features = head.fc(batch.states)
    x = head.midlayer.inputs(read.to(features.dtype), features)
    keys = turned_at(split_heads(attention.k_proj(x), shape.key_heads), positions, context)
    values = split_heads(attention.v_proj(x), shape.key_heads)
    hidden = positions > batch.entries[:, :, None]
    mask = torch.zeros(hidden.shape, dtype=x.dtype, device=x.device).masked_fill_(hidden, float("-inf"))
    mask = mask[:, None, None]
    h, x = features[every, batch.entries], x[every, batch.entries]
    own: list[tuple[Tensor, Tensor]] = []
    for step in range(depth):
        places = batch.entries + step
        if step:
            read = functional.embedding(batch.tokens[every, places + 1], context.embed_tokens)
            x = head.midlayer.inputs(read.to(h.dtype), h)
            k = turned_at(split_heads(attention.k_proj(x), shape.key_heads), places, context)
            own.append((k, split_heads(attention.v_proj(x), shape.key_heads)))
        q = turned_at(split_heads(attention.q_proj(x), shape.heads), places, context)
        h = head.midlayer.after_attention(h, _attended(q * context.scaling, keys, values, mask, own))
        yield h


def _attended(q: Tensor, keys: Tensor, values: Tensor, mask: Tensor, own: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Attention of queries [sequences, answer, heads, head_dim] over the states and each entry's own drafts."""
    length = keys.shape[1]
    q = q.view(*q.shape[:2], keys.shape[2], -1, q.shape[-1]).permute(
        0, 2, 3, 1, 4
    )  # [sequences, key heads, group, answer, head_dim]
    k, v = (one.transpose(1, 2)[:, :, None] for one in (keys, values))
    scores = [torch.matmul(q, k.transpose(-1, -2)) + mask]
    mine = [tuple(one.transpose(1, 2)[:, :, None] for one in pair) for pair in own]
    scores += [(q * k).sum(-1, keepdim=True) for k, _ in mine]
    weights = torch.cat(scores, -1).softmax(-1)
    made = torch.matmul(weights[..., :length], v)
    for place, (_, v) in enumerate(mine):
        made = made + weights[..., length + place, None] * v
    joined: Tensor = made.permute(0, 3, 1, 2, 4).flatten(2)
    return joined


def split_heads(x: Tensor, heads: int) -> Tensor:
    """[..., heads * head_dim] as [..., heads, head_dim]."""
    return x.view(*x.shape[:-1], heads, -1)


def turned_at(x: Tensor, positions: Tensor, context: Context) -> Tensor:
    """Rotary embedding of [..., heads, head_dim] at ``positions`` [...]."""
    cos, sin = (table[positions].to(x.dtype) for table in context.rope_cache)
    return turned(x, (cos, sin))
