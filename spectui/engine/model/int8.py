"""Linear layers in int8: made, and tried out for sums that are exact."""

import logging
import warnings
from functools import cache
from typing import Any

import torch
from torch import Tensor

from .linear import STEPS, Linear, project

log = logging.getLogger(__name__)


@cache
def exact_here(for_few_rows: bool) -> bool:
    """Whether a kernel multiplies whole numbers without an error here, at the largest values too.

    On processors without VNNI some saturate in between. ``for_few_rows`` asks for the kernel of few rows.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-STEPS, STEPS + 1, (64, 256), dtype=torch.int8, generator=generator)
    rows = torch.randint(-STEPS, STEPS + 1, (8, 256), dtype=torch.int8, generator=generator)
    weight[0], weight[1], rows[0] = STEPS, -STEPS, STEPS
    rows[:, 0] = STEPS  # then a row's steps are its numbers
    try:
        made = project(rows.float(), int8_linear(weight, torch.ones(64), None, for_few_rows)).round()
    except (RuntimeError, AttributeError) as error:
        log.info("no int8 products: %s", error)
        return False
    return torch.equal(made.long(), rows.long() @ weight.long().t())


def int8_linear(weight: Tensor, scale: Tensor, bias: Tensor | None, for_few_rows: bool, fine: bool = False) -> Linear:
    """A layer from int8 weights [out, in]; ``for_few_rows`` keeps them a second time, for the kernel of few rows."""
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    step, zero_point, constants = scale / STEPS, torch.zeros(len(weight), dtype=torch.int64), torch.tensor([0.0, 128.0])
    single = _fbgemm(weight, step, zero_point) if for_few_rows else None
    return Linear(packed, bias, False, step, zero_point, constants, single, fine)


def _fbgemm(weight: Tensor, scale: Tensor, zero_point: Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that quantised tensors will go; without them this kernel is unused
        known = torch._make_per_channel_quantized_tensor(weight, scale.double(), zero_point, 0)
        return torch.ops.quantized.linear_prepack(known, None)


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 weights [out, in] and the scale of each output channel, float32 [out]; symmetric, to the nearest."""
    scale = weight.float().abs().amax(1).clamp_min(1e-30) / STEPS
    return (weight.float() / scale[:, None]).round_().to(torch.int8), scale
