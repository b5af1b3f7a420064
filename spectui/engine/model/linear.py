"""Linear layers as a CPU's kernels read them: in floating point, or in int8 with sums that are exact."""

from typing import TYPE_CHECKING, Any, NamedTuple, Optional

import torch
from torch import Tensor
from torch.nn import functional

if TYPE_CHECKING:
    Packed = Any
else:
    Packed = torch.classes.quantized.LinearPackedParamsBase


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
    """float32 [2]: 0 and 128, as tensors because an operation with a number takes twice as long."""
    for_one_row: Optional[Packed] = None  # noqa: UP045 (torch's classes know no |)
    """The int8 weights once more, as FBGEMM has them: its kernel is the faster one where there is but one row."""


def project(x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in]."""
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
    if linear.scale is not None:
        made, magnitude = int8_product(x, linear)
        bias = linear.bias
        return torch.addcmul(onto if bias is None else onto + bias, made, magnitude)
    if linear.packed:
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(x, onto, linear.weight, linear.bias, "add")
        return packed
    return onto + functional.linear(x, linear.weight, linear.bias)


def int8_product(x: Tensor, linear: Linear) -> tuple[Tensor, Tensor]:
    """Products of quantised rows with quantised weights, float32 [rows, out], over each row's magnitude [rows, 1].

    A row is divided by its largest magnitude and rounded to 127 steps either way (W8A8 with a scale per channel and per
    token, as SmoothQuant's section 2, arXiv 2211.10438). Sums are of whole numbers and every other operation is on
    single numbers, so that a row's result is the same to the bit whatever rows are beside it.
    """
    scale, zero_point, constants, packed = linear.scale, linear.zero_point, linear.constants, linear.for_one_row
    assert scale is not None
    assert zero_point is not None
    assert constants is not None
    magnitude = x.abs().amax(-1, True).clamp_min_(1e-30)
    if packed is not None and x.shape[0] == 1:
        steps = torch.addcdiv(constants[:1], x, magnitude, value=127.0)
        single: Tensor = torch.ops.quantized.linear_with_input_q_dq_qweight_dq_output_fp32(steps, 1.0, 128, packed)
        return single, magnitude
    # 128 is added before rounding, as FBGEMM does it, or a row would now and then be rounded otherwise alone.
    rounded = torch.addcdiv(constants[1:], x, magnitude, value=127.0).round_().to(torch.uint8)
    none: list[int | float | complex | None] = []
    made: Tensor = torch.ops.onednn.qlinear_pointwise(
        rounded, 1.0, 128, linear.weight, scale, zero_point, None, 1.0, 0, torch.float32, "none", none, ""
    )
    return made, magnitude
