"""Linear layers as a CPU's kernels read them: in floating point, in int8 with sums that are exact, or in int4."""

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    Packed = Any
else:
    Packed = torch.classes.quantized.LinearPackedParamsBase


STEPS = 127
"""The largest whole number that a weight or an input becomes: the range is the same either way."""
FEW = 16
"""Rows of a pass up to which FBGEMM's kernel was the faster one: whole passes of SmolLM2-135M on an Intel Xeon, two
threads, over 2, 4, 8, 16, 24 and 32 rows took 14.0, 16.4, 20.6, 27.4, 36.0, 41.7 ms, with oneDNN's 16.0, 19.7, 22.4,
28.9, 35.9, 40.4."""
GROUP = 32
"""Inputs that share a scale where weights have 4 bits, as in GGUF's Q4_0 and Q4_1."""
FINE = 2.0 * STEPS
"""What half a step, the most that rounding leaves over, is multiplied by to become ``STEPS``."""


class Linear(NamedTuple):
    """The weights of a linear layer [in] -> [out]."""

    weight: Tensor
    """[out, in]; in oneDNN's own layout if ``packed``."""
    bias: Tensor | None
    packed: bool = False
    scale: Tensor | None = None
    """float32 [out]: what one step of an int8 weight stands for, over ``STEPS``; None for floating point."""
    zero_point: Tensor | None = None
    """int64 [out], zeros, which oneDNN asks for beside ``scale``."""
    constants: Tensor | None = None
    """float32 [2]: 0 and 128, so that no number has to become a tensor in each pass."""
    for_few_rows: Optional[Packed] = None  # noqa: UP045 (torch's classes know no |)
    """The int8 weights once more, as FBGEMM has them: its kernel is the faster one up to ``FEW`` rows."""
    fine: bool = False
    """Whether inputs are rounded to some 15 bits instead of 8, as two rows of int8."""
    groups: Tensor | None = None
    """Scale and middle of each group of weights of 4 bits, bfloat16 [in / GROUP, out, 2]; None for other weights."""


def project(x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in]."""
    if linear.groups is not None:
        bias = linear.bias
        return int4_product(x, linear).float() if bias is None else bias + int4_product(x, linear)
    if linear.scale is not None:
        made, magnitude = int8_product(x, linear)
        bias = linear.bias
        return made * magnitude if bias is None else torch.addcmul(bias, made, magnitude)
    if linear.packed:
        none: list[int | float | complex | None] = []
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(x, linear.weight, linear.bias, "none", none, "")
        return packed
    return functional.linear(x, linear.weight, linear.bias)


def project_onto(onto: Tensor, x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in], added to ``onto`` [rows, out]."""
    if linear.groups is not None:
        bias = linear.bias
        return (onto if bias is None else onto + bias) + int4_product(x, linear)
    if linear.scale is not None:
        made, magnitude = int8_product(x, linear)
        bias = linear.bias
        return torch.addcmul(onto if bias is None else onto + bias, made, magnitude)
    if linear.packed:
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(x, onto, linear.weight, linear.bias, "add")
        return packed
    if x.is_cuda and linear.bias is None:  # one kernel, whose sum is rounded once
        return torch.addmm(onto, x, linear.weight.t())
    return onto + functional.linear(x, linear.weight, linear.bias)


def is_quantised(linear: Linear) -> bool:
    """Whether its weights are whole numbers."""
    return linear.scale is not None or linear.groups is not None


def int4_product(x: Tensor, linear: Linear, group: int = GROUP) -> Tensor:
    """Products of rows, rounded to bfloat16, with weights of 4 bits, bfloat16 [rows, out].

    The kernel sums a row in one order, whatever rows are beside it.
    """
    groups = linear.groups
    assert groups is not None
    made: Tensor = torch.ops.aten._weight_int4pack_mm_for_cpu(x.to(torch.bfloat16), linear.weight, group, groups)
    return made


def int8_product(x: Tensor, linear: Linear, most: float = float(STEPS), few: int = FEW) -> tuple[Tensor, Tensor]:
    """Products of quantised rows with quantised weights, float32 [rows, out], over each row's magnitude [rows, 1].

    A row is divided by its largest magnitude and rounded to ``STEPS`` steps either way (W8A8 with a scale per channel
    and per token, as SmoothQuant's section 2, arXiv 2211.10438). Sums are of whole numbers and every other operation is
    on single numbers, so that a row's result is the same to the bit whatever rows are beside it.
    """
    scale, zero_point, constants = linear.scale, linear.zero_point, linear.constants
    assert scale is not None
    assert zero_point is not None
    assert constants is not None
    magnitude = x.abs().amax(-1, True).clamp_min_(1e-30)
    steps = torch.addcdiv(constants[:1], x, magnitude, value=most)
    packed = linear.for_few_rows if x.shape[0] <= few else None
    if linear.fine:
        return joined(whole_product(fine_steps(steps), linear, scale, zero_point, constants, packed)), magnitude
    return whole_product(steps, linear, scale, zero_point, constants, packed), magnitude


def fine_steps(steps: Tensor, fine: float = FINE) -> Tensor:
    """Rows rounded to whole numbers, and below them what that left over, ``FINE`` times: [2 * rows, in]."""
    whole = steps.round()
    return torch.cat([whole, (steps - whole).mul_(fine)])


def joined(made: Tensor, fine: float = FINE) -> Tensor:
    """What the rows of ``fine_steps`` gave, as one: [rows, out]."""
    rows = made.shape[0] // 2
    return torch.add(made[:rows], made[rows:], alpha=1.0 / fine)


def whole_product(
    steps: Tensor,
    linear: Linear,
    scale: Tensor,
    zero_point: Tensor,
    constants: Tensor,
    packed: Optional[Packed],  # noqa: UP045 (torch's classes know no |)
) -> Tensor:
    """Products of int8 weights with numbers of at most ``STEPS`` either way, which are rounded; float32 [rows, out].

    By FBGEMM's kernel where its ``packed`` weights are given.
    """
    if packed is not None:
        found: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(steps, 1.0, 128, packed)
        return found
    # 128 is added before rounding, as FBGEMM does it, or a row would now and then be rounded otherwise alone.
    rounded = (steps + constants[1:]).round_().to(torch.uint8)
    none: list[int | float | complex | None] = []
    made: Tensor = torch.ops.onednn.qlinear_pointwise(
        rounded, 1.0, 128, linear.weight, scale, zero_point, None, 1.0, 0, torch.float32, "none", none, ""
    )
    return made
