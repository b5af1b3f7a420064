"""The architecture of transformers' Llama with tied embeddings, lean enough to be compiled for training."""

import math

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .recipe import Shape
from .tokenizer import POSITIONS

THETA = 10_000.0
EPSILON = 1e-5
EMBEDDING_SCALE = 0.5


class Norm(nn.Module):
    """Root-mean-square norm."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        """Norm the last dimension."""
        return F.rms_norm(x, (x.shape[-1],), self.weight, EPSILON)


def _turned(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    first, second = x.chunk(2, -1)
    return x * cos + torch.cat((-second, first), -1) * sin


class Attention(nn.Module):
    """Self-attention with rotary positions."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.q_proj, self.k_proj, self.v_proj, self.o_proj = (nn.Linear(width, width, bias=False) for _ in range(4))

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """[rows, tokens, width] to the same."""
        rows, tokens, width = x.shape
        q, k, v = (
            part(x).view(rows, tokens, self.heads, -1).transpose(1, 2)
            for part in (self.q_proj, self.k_proj, self.v_proj)
        )
        mixed = F.scaled_dot_product_attention(_turned(q, cos, sin), _turned(k, cos, sin), v, attn_mask=mask)
        return self.o_proj(mixed.transpose(1, 2).reshape(rows, tokens, width))


class Inner(nn.Module):
    """The gated feed-forward part."""

    def __init__(self, width: int, inner: int) -> None:
        super().__init__()
        self.gate_proj, self.up_proj = nn.Linear(width, inner, bias=False), nn.Linear(width, inner, bias=False)
        self.down_proj = nn.Linear(inner, width, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """[..., width] to the same."""
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """One layer."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.input_layernorm, self.post_attention_layernorm = Norm(shape.width), Norm(shape.width)
        self.self_attn, self.mlp = Attention(shape.width, shape.heads), Inner(shape.width, shape.inner)

    def forward(self, x: Tensor, cos: Tensor, sin: Tensor, mask: Tensor) -> Tensor:
        """[rows, tokens, width] to the same."""
        x = x + self.self_attn(self.input_layernorm(x), cos, sin, mask)
        return x + self.mlp(self.post_attention_layernorm(x))


class Llama(nn.Module):
    """The parameter names and the arithmetic of ``LlamaForCausalLM``.

    The embedding starts large, and the last norm small: Muon makes the layers' outputs large, which would otherwise
    drown the tokens.
    """

    cos: Tensor
    sin: Tensor

    def __init__(self, shape: Shape, vocabulary: int) -> None:
        super().__init__()
        self.shape = shape
        self.embed_tokens = nn.Embedding(vocabulary, shape.width)
        self.layers = nn.ModuleList(Block(shape) for _ in range(shape.layers))
        self.norm = Norm(shape.width)
        self._initialise()
        head = shape.width // shape.heads
        angles = torch.outer(torch.arange(POSITIONS).float(), 1 / THETA ** (torch.arange(0, head, 2).float() / head))
        both = torch.cat((angles, angles), -1)
        self.register_buffer("cos", both.cos(), persistent=False)
        self.register_buffer("sin", both.sin(), persistent=False)

    def _initialise(self) -> None:
        for name, parameter in self.named_parameters():
            if name.endswith(("o_proj.weight", "down_proj.weight")):
                nn.init.zeros_(parameter)
            elif parameter.dim() == 2:
                scale = EMBEDDING_SCALE if "embed" in name else 0.5 / math.sqrt(parameter.shape[1])
                nn.init.normal_(parameter, 0, scale)
        nn.init.constant_(self.norm.weight, 1 / math.sqrt(self.shape.width))

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        """The normed hidden states [rows, tokens, width] of ids [rows, tokens] under mask [rows, 1, tokens, tokens]."""
        return self.with_middle(ids, mask)[0]

    def with_middle(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """The same, and the states behind the first half of the layers, normed without weights."""
        x = middle = self.embed_tokens(ids)
        for number, layer in enumerate(self.layers, 1):
            x = layer(x, self.cos[: ids.shape[1]], self.sin[: ids.shape[1]], mask)
            if number == len(self.layers) // 2:
                middle = x
        return self.norm(x), F.rms_norm(middle, (middle.shape[-1],))

    def logits(self, hidden: Tensor) -> Tensor:
        """[..., vocabulary]."""
        return hidden @ self.embed_tokens.weight.T
