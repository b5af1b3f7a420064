"""A small model of the Llama family while it is trained, named as transformers names its tensors.

Embedding and output projection are the target's and stay as they are; what is trained are few layers and the last norm.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from .eagle_head import Attention, Mlp, RMSNorm, Shape
from .target import Target
from .unrolled import Context, split_heads, turned_at


class DecoderLayer(nn.Module):
    """One decoder layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.input_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.self_attn = Attention(shape, shape.hidden)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.mlp = Mlp(shape)

    def forward(self, x: Tensor, context: Context) -> Tensor:
        """[sequences, length, hidden] -> the same; each position sees those before it."""
        attention, shape = self.self_attn, self.shape
        h, positions = self.input_layernorm(x), torch.arange(x.shape[1], device=x.device)
        q = turned_at(split_heads(attention.q_proj(h), shape.heads), positions, context)
        k = turned_at(split_heads(attention.k_proj(h), shape.key_heads), positions, context)
        v = split_heads(attention.v_proj(h), shape.key_heads)
        k, v = (one.repeat_interleave(shape.heads // shape.key_heads, 2) for one in (k, v))
        attended = functional.scaled_dot_product_attention(
            q.transpose(1, 2), k.transpose(1, 2), v.transpose(1, 2), is_causal=True, scale=context.scaling
        )
        x = x + attention.o_proj(attended.transpose(1, 2).flatten(2))
        made: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return made

    @torch.no_grad()
    def start_from(self, target: Target, layer: int) -> None:
        """Begin as the target's own layer."""
        found, attention, mlp = target.layer(layer), self.self_attn, self.mlp
        queries, keys = self.shape.heads * self.shape.head_dim, self.shape.key_heads * self.shape.head_dim
        parts = [*torch.split(found.qkv_proj, [queries, keys, keys]), found.o_proj]
        parts += [*found.gate_up_proj.chunk(2), found.down_proj]
        linears = (attention.q_proj, attention.k_proj, attention.v_proj, attention.o_proj)
        for linear, part in zip((*linears, mlp.gate_proj, mlp.up_proj, mlp.down_proj), parts, strict=True):
            linear.weight.copy_(part)
        self.input_layernorm.weight.copy_(found.input_layernorm)
        self.post_attention_layernorm.weight.copy_(found.post_attention_layernorm)


class DraftModel(nn.Module):
    """Some decoder layers and a norm between the target's embedding and its output projection.

    It begins as the target's layers ``start``. The first ones are the best start: of SmolLM2-135M they say 6 % of its
    tokens before they learn anything, and 24 % after 45 seconds; the first and the last one said none, and 11 %.
    """

    def __init__(self, target: Target, start: Sequence[int]) -> None:
        super().__init__()
        self.shape = Shape.like(target, target.vocabulary)
        self.layers = nn.ModuleList(DecoderLayer(self.shape) for _ in start)
        self.norm = RMSNorm(self.shape.hidden, self.shape.eps)
        for layer, index in zip(self.layers, start, strict=True):
            assert isinstance(layer, DecoderLayer)
            layer.start_from(target, index)
        self.norm.weight.data.copy_(target.norm)

    def forward(self, tokens: Tensor, context: Context) -> Tensor:
        """Token ids [sequences, length] -> what the output projection reads, [sequences, length, hidden]."""
        x = functional.embedding(tokens, context.embed_tokens)
        if torch.is_autocast_enabled(x.device.type):
            x = x.to(torch.get_autocast_dtype(x.device.type))
        for layer in self.layers:
            x = layer(x, context)
        made: Tensor = self.norm(x)
        return made
