"""An EAGLE-3 head while it is trained (Li et al., arXiv 2503.01840), named as the flat dialect names its tensors."""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from .target import PlainLayer, Target


class Shape(NamedTuple):
    """Sizes of a head."""

    hidden: int
    heads: int
    key_heads: int
    head_dim: int
    intermediate: int
    vocabulary: int
    eps: float

    @classmethod
    def like(cls, target: Target, vocabulary: int) -> "Shape":
        """A layer as the target has them, over so many tokens."""
        config = target.weights.config
        return cls(
            target.hidden_size,
            config.num_heads,
            config.num_kv_heads,
            config.head_dim,
            int(target.config.intermediate_size),
            vocabulary,
            float(target.config.rms_norm_eps),
        )


class RMSNorm(nn.RMSNorm):
    """In the numbers of what it norms, so that autocast needs no other kernel."""

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] -> [..., hidden]."""
        return functional.rms_norm(x, self.normalized_shape, self.weight.to(x.dtype), self.eps)


class Attention(nn.Module):
    """Projections that read the embedding beside the feature."""

    def __init__(self, shape: Shape, width: int) -> None:
        super().__init__()
        queries, keys = shape.heads * shape.head_dim, shape.key_heads * shape.head_dim
        self.q_proj = nn.Linear(width, queries, bias=False)
        self.k_proj = nn.Linear(width, keys, bias=False)
        self.v_proj = nn.Linear(width, keys, bias=False)
        self.o_proj = nn.Linear(queries, shape.hidden, bias=False)


class Mlp(nn.Module):
    """The gated one of the Llama family."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.up_proj = nn.Linear(shape.hidden, shape.intermediate, bias=False)
        self.down_proj = nn.Linear(shape.intermediate, shape.hidden, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., hidden] -> [..., hidden]."""
        made: Tensor = self.down_proj(functional.silu(self.gate_proj(x)) * self.up_proj(x))
        return made


class Midlayer(nn.Module):
    """The one decoder layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.hidden_norm = RMSNorm(shape.hidden, shape.eps)
        self.self_attn = Attention(shape, 2 * shape.hidden)
        self.post_attention_layernorm = RMSNorm(shape.hidden, shape.eps)
        self.mlp = Mlp(shape)

    def inputs(self, embedding: Tensor, feature: Tensor) -> Tensor:
        """What the projections read, [..., 2 * hidden]: each half normed by itself."""
        return torch.cat([self.input_layernorm(embedding), self.hidden_norm(feature)], -1)

    def after_attention(self, feature: Tensor, attended: Tensor) -> Tensor:
        """The layer's output; the residual is the feature before its norm."""
        x = feature + self.self_attn.o_proj(attended)
        made: Tensor = x + self.mlp(self.post_attention_layernorm(x))
        return made


class EagleHead(nn.Module):
    """``fc``, one layer, a norm and an output projection over the head's own vocabulary."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.shape = shape
        self.fc = nn.Linear(3 * shape.hidden, shape.hidden, bias=False)
        self.midlayer = Midlayer(shape)
        self.norm = RMSNorm(shape.hidden, shape.eps)
        self.lm_head = nn.Linear(shape.hidden, shape.vocabulary, bias=False)

    @torch.no_grad()
    def start_from(self, target: Target, layer: int, ids: Tensor) -> None:
        """Begin as the target's own layer over its highest state, with its output projection's rows ``ids``.

        The embedding's half of the projections begins small: the state alone is what they were made for.
        """
        found: PlainLayer = target.layer(layer)
        width, attention, mlp = self.shape.hidden, self.midlayer.self_attn, self.midlayer.mlp
        queries, keys = self.shape.heads * self.shape.head_dim, self.shape.key_heads * self.shape.head_dim
        parts = torch.split(found.qkv_proj, [queries, keys, keys])
        for linear, part in zip((attention.q_proj, attention.k_proj, attention.v_proj), parts, strict=True):
            linear.weight[:, :width] *= 0.1
            linear.weight[:, width:] = part
        attention.o_proj.weight.copy_(found.o_proj)
        gate, up = found.gate_up_proj.chunk(2)
        mlp.gate_proj.weight.copy_(gate)
        mlp.up_proj.weight.copy_(up)
        mlp.down_proj.weight.copy_(found.down_proj)
        self.midlayer.hidden_norm.weight.copy_(found.input_layernorm)
        self.midlayer.post_attention_layernorm.weight.copy_(found.post_attention_layernorm)
        self.fc.weight.zero_()
        self.fc.weight[:, 2 * width :] = torch.eye(width)
        self.norm.weight.copy_(target.norm)
        self.lm_head.weight.copy_(target.lm_head(ids))
