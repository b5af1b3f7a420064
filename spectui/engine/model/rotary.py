"""Rotary position embeddings (Su et al., arXiv 2104.09864): a model's frequencies, and what turns queries and keys."""

from typing import Any, NamedTuple

import torch
from torch import Tensor
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS


class Rotary(NamedTuple):
    """Frequencies that do not depend on the length of the sequence."""

    inverse_frequencies: Tensor
    """float32 [head_dim / 2]."""
    scaling: float
    """By which cos and sin are multiplied."""


def rotary_of(config: Any) -> Rotary:
    """The frequencies that a configuration asks for; of those that depend on the length, the ones at its beginning."""
    rope = config.rope_parameters
    kind = rope.get("rope_type", "default")
    if kind != "default":
        frequencies, scaling = ROPE_INIT_FUNCTIONS[kind](config)
        return Rotary(frequencies.float(), float(scaling))
    dimension = head_dim(config)
    return Rotary(1.0 / rope["rope_theta"] ** (torch.arange(0, dimension, 2, dtype=torch.float) / dimension), 1.0)


def head_dim(config: Any) -> int:
    """How wide an attention head is."""
    return int(getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads)


def rope_cache(rotary: Rotary, like: Tensor, positions: int) -> tuple[Tensor, Tensor]:
    """cos and sin [positions, 1, head_dim] of the first positions, in the type of ``like`` and on its device.

    The first half of sin is negated. They are computed as transformers does it, so that they have the same bits.
    """
    places = torch.arange(positions, device=like.device)[:, None].float()
    angles = places * rotary.inverse_frequencies.to(like.device)
    both = torch.cat([angles, angles], -1)
    cos, sin = ((one * rotary.scaling).to(like.dtype)[:, None] for one in (both.cos(), both.sin()))
    half = angles.shape[-1]
    return cos, torch.cat([-sin[..., :half], sin[..., half:]], -1)
