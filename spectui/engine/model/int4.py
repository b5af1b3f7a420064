"""Weights of 4 bits in groups (W4A16): for models that come so, of which nothing is lost and half as much is read."""

import logging
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .linear import GROUP, Linear, project
from .rotary import head_dim

log = logging.getLogger(__name__)

LEVELS = 15
"""The largest step of a weight; 0 is the smallest."""
MIDDLE = 8
"""The step that torch's kernel counts from."""
SAME = 1e-3
"""By how much of a group's range a weight may be off and still count as the same: float16 scales round by less."""


def why_no_groups(config: Any) -> str | None:
    """Why the layers of a model of the Llama family cannot be run in int4, as a clause; None if they can."""
    heads = [head_dim(config) * count for count in (config.num_attention_heads, config.num_key_value_heads)]
    if any(side % GROUP for side in (config.hidden_size, config.intermediate_size, *heads)):
        return f"the widths of its layers are not multiples of {GROUP}"
    return None if int4_here() else "this build of torch has no products with weights of 4 bits"


@cache
def int4_here() -> bool:
    """Whether a kernel multiplies with weights of 4 bits here, and gives a row the same alone and among others."""
    generator = torch.Generator().manual_seed(0)
    weight = torch.randn(64, 256, generator=generator)
    x = torch.randn(7, 256, generator=generator).bfloat16().float()
    steps, groups = grouped(weight)
    try:
        linear = int4_linear(packed_nibbles(steps), groups, None)
        made, alone = project(x, linear), project(x[:1], linear)
    except (RuntimeError, AttributeError) as error:
        log.info("no int4 products: %s", error)
        return False
    near = torch.allclose(made, x @ ungrouped(steps, groups.float()).t(), rtol=0.02, atol=0.1)
    return near and torch.equal(made[:1], alone)


def grouped(weight: Tensor) -> tuple[Tensor, Tensor]:
    """Weights [out, in] to the nearest of 16 levels between the extremes of their group of ``GROUP`` inputs.

    Steps uint8 [out, in] of 0 to ``LEVELS``, and of each group scale and middle, bfloat16 [in / GROUP, out, 2].
    """
    parts = _in_groups(weight)
    lowest, highest = parts.amin(-1, True), parts.amax(-1, True)
    scale = ((highest - lowest) / LEVELS).clamp_min(1e-30)
    steps = ((parts - lowest) / scale).round_().clamp_(0, LEVELS)
    groups = torch.cat([scale, lowest + MIDDLE * scale], -1).transpose(0, 1)
    return steps.flatten(1).to(torch.uint8), groups.to(torch.bfloat16).contiguous()


def ungrouped(steps: Tensor, groups: Tensor) -> Tensor:
    """The weights [out, in] that steps and groups stand for."""
    scale, middle = groups.transpose(0, 1).chunk(2, -1)
    return torch.addcmul(middle, _in_groups(steps) - MIDDLE, scale).flatten(1)


def _in_groups(weight: Tensor) -> Tensor:
    """float32 [out, in / GROUP, GROUP]."""
    return weight.detach().float().view(len(weight), -1, GROUP)


def is_grouped(weight: Tensor) -> bool:
    """Whether weights [out, in] have been of 4 bits before, in groups of ``GROUP``, so that they lose nothing here.

    Then each group has its numbers at 16 levels of one distance at most.
    """
    if weight.shape[1] % GROUP:
        return False
    parts = _in_groups(weight)
    lowest = parts.amin(-1, True)
    scale = ((parts.amax(-1, True) - lowest) / LEVELS).clamp_min(1e-30)
    steps = (parts - lowest) / scale
    return bool(((steps - steps.round()).abs() <= LEVELS * SAME).all())


def packed_nibbles(steps: Tensor) -> Tensor:
    """Two steps a byte, [out, in / 2], the first one in the lower bits."""
    return steps[:, ::2] | steps[:, 1::2] << 4


def unpacked_nibbles(nibbles: Tensor) -> Tensor:
    """The steps [out, in] in ``packed_nibbles``."""
    return torch.stack([nibbles & LEVELS, nibbles >> 4], -1).flatten(1)


def int4_linear(nibbles: Tensor, groups: Tensor, bias: Tensor | None) -> Linear:
    """A layer from what ``packed_nibbles`` and ``grouped`` gave."""
    packed = torch.ops.aten._convert_weight_to_int4pack_for_cpu(unpacked_nibbles(nibbles).int(), 1)
    return Linear(packed, bias, groups=groups)


@torch.inference_mode()
def comes_in_int4(model: Any) -> bool:
    """Whether the weights of a model's decoder layers have been of 4 bits before."""
    layer = model.model.layers[0]
    return all(is_grouped(module.weight) for module in layer.modules() if isinstance(module, torch.nn.Linear))
