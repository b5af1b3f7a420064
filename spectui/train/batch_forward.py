"""The Llama forward over many sequences at once, for text that nobody waits for."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from ..engine.model.linear import Linear, is_quantised, project, project_onto
from ..engine.model.llama import Weights, gated, norm, rotation, turned
from .sizes import sizes

WIDTH = 16
"""Attention is over a multiple of so many positions."""


class BatchCache(NamedTuple):
    """Keys and values of several sequences, [layers, sequences, key heads, capacity, head_dim] each."""

    keys: Tensor
    values: Tensor

    @classmethod
    def empty(cls, weights: Weights, sequences: int, capacity: int) -> "BatchCache":
        """Room for so many sequences of ``capacity`` tokens, in the numbers of the layers' products."""
        config, layer = weights.config, weights.layers[0].o_proj
        dtype = torch.float32 if is_quantised(layer) else layer.weight.dtype
        shape = (len(weights.layers), sequences, config.num_kv_heads, capacity, config.head_dim)
        keys, values = (torch.zeros(shape, dtype=dtype, device=weights.embed_tokens.device) for _ in range(2))
        return cls(keys, values)

    @property
    def nbytes(self) -> int:
        """Of keys and values."""
        return int(self.keys.nbytes + self.values.nbytes)

    def select(self, sequences: Sequence[int]) -> "BatchCache":
        """The same with its sequences in another order."""
        return BatchCache(self.keys[:, sequences], self.values[:, sequences])


class Pass(NamedTuple):
    """What a pass gives, each [sequences, length, ...]."""

    last: Tensor
    """Behind the last norm: what the output projection reads, [..., hidden]."""
    states: Tensor
    """The residual stream as it enters the layers that were asked for, beside each other: [..., layers * hidden]."""


def batch_forward(
    weights: Weights, cache: BatchCache, token_ids: Tensor, starts: Tensor, wanted: Sequence[int]
) -> Pass:
    """One pass over ``token_ids`` [sequences, length], of which each sequence has ``starts`` [sequences] in the cache.

    Its keys and values are written there; what lies behind a sequence's end is never read.
    """
    config, (sequences, length) = weights.config, token_ids.shape
    positions = starts[:, None] + torch.arange(length, device=starts.device)
    groups = _groups(positions, cache.keys.shape[3], config.num_heads // config.num_kv_heads, cache.keys.dtype)
    rope = rotation(weights.rope_cache, positions.flatten())
    x = functional.embedding(token_ids.flatten(), weights.embed_tokens)
    every = torch.arange(sequences, device=starts.device)[:, None]
    rotated = config.num_heads + config.num_kv_heads
    states: dict[int, Tensor] = {}
    for index, layer in enumerate(weights.layers):
        if index in wanted:
            states[index] = x.view(sequences, length, -1)
        qkv = project(as_read_by(norm(x, layer.input_layernorm, config.rms_norm_eps), layer.qkv_proj), layer.qkv_proj)
        qkv = qkv.view(len(x), rotated + config.num_kv_heads, config.head_dim)
        qk, v = qkv[:, :rotated], qkv[:, rotated:]
        if layer.q_norm is not None and layer.k_norm is not None:
            q = norm(qk[:, : config.num_heads], layer.q_norm, config.rms_norm_eps)
            k = norm(qk[:, config.num_heads :], layer.k_norm, config.rms_norm_eps)
            qk = torch.cat([q, k], 1)
        qk = turned(qk, rope).to(cache.keys.dtype)
        q, k = qk[:, : config.num_heads], qk[:, config.num_heads :]
        keys, values = cache.keys[index], cache.values[index]
        keys[every, :, positions] = k.reshape(sequences, length, *k.shape[1:])
        values[every, :, positions] = v.reshape(sequences, length, *v.shape[1:]).to(values.dtype)
        q = q.view(sequences, length, config.num_kv_heads, -1, config.head_dim).permute(0, 2, 3, 1, 4).flatten(2, 3)
        made = [
            functional.scaled_dot_product_attention(
                q[some], keys[some, :, :width], values[some, :, :width], attn_mask=mask, scale=config.scaling
            )
            for some, width, mask in groups
        ]
        attended = (
            torch.cat(made)
            .view(sequences, config.num_kv_heads, -1, length, config.head_dim)
            .permute(0, 3, 1, 2, 4)
            .reshape(len(x), -1)
        )
        x = project_onto(x, as_read_by(attended, layer.o_proj), layer.o_proj)
        h = as_read_by(norm(x, layer.post_attention_layernorm, config.rms_norm_eps), layer.gate_up_proj)
        gate, up = project(h, layer.gate_up_proj).chunk(2, -1)
        x = project_onto(x, gated(gate, up, layer.down_proj.scale is not None), layer.down_proj)
    last = norm(x, weights.norm, config.rms_norm_eps).view(sequences, length, -1)
    return Pass(last, torch.cat([last[..., :0], *(states[index] for index in wanted)], -1))


def as_read_by(x: Tensor, linear: Linear) -> Tensor:
    """In the numbers of a layer's weights; int8 ones read float32."""
    return x.to(torch.float32 if is_quantised(linear) else linear.weight.dtype)


def _groups(positions: Tensor, capacity: int, group: int, dtype: torch.dtype) -> list[tuple[slice, int, Tensor]]:
    """Sequences that attend together, over how many positions, and their mask."""
    made = []
    attending = sizes(positions.device).attending
    for begin in range(0, len(positions), attending):
        some = slice(begin, begin + attending)
        width = min(-(-int(positions[some].max() + 1) // WIDTH) * WIDTH, capacity)
        made.append((some, width, _mask(positions[some], width, group, dtype)))
    return made


def _mask(positions: Tensor, width: int, group: int, dtype: torch.dtype) -> Tensor:
    """Additive [sequences, 1, group * length, width]: each row sees what stands at its position and before."""
    hidden = torch.arange(width, device=positions.device) > positions[:, :, None]
    mask = torch.zeros(hidden.shape, dtype=dtype, device=positions.device).masked_fill_(hidden, float("-inf"))
    return mask.repeat(1, group, 1)[:, None]
