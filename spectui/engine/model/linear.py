"""Linear layers as a CPU's kernels read them: in floating point, or in int8 with sums that are exact."""

from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional


class Linear(NamedTuple):
    """The weights of a linear layer [in] -> [out]."""

    weight: Tensor
    """[out, in]; in oneDNN's own layout if ``packed``."""
    bias: Tensor | None
    packed: bool = False
    scale: Tensor | None = None
    """float32 [out]: what one step of an int8 weight stands for; None for weights in floating point."""
    zero_point: Tensor | None = None
    """int64 [out], zeros, which oneDNN asks for beside ``scale``."""
    row_weight: Tensor | None = None
    """The int8 weights once more, [in, out], for the kernel that is faster where there is but one row."""


def project(x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in]."""
    if linear.scale is not None:
        made, step = int8_product(x, linear)
        bias = linear.bias
        return made * step if bias is None else torch.addcmul(bias, made, step)
    if linear.packed:
        none: list[int | float | complex | None] = []
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(x, linear.weight, linear.bias, "none", none, "")
        return packed
    return functional.linear(x, linear.weight, linear.bias)


def project_onto(onto: Tensor, x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in], added to ``onto`` [rows, out]."""
    if linear.scale is not None:
        made, step = int8_product(x, linear)
        bias = linear.bias
        return torch.addcmul(onto if bias is None else onto + bias, made, step)
    if linear.packed:
        packed: Tensor = torch.ops.mkldnn._linear_pointwise(x, onto, linear.weight, linear.bias, "add")
        return packed
    return onto + functional.linear(x, linear.weight, linear.bias)


def int8_product(x: Tensor, linear: Linear) -> tuple[Tensor, Tensor]:
    """Products of quantised rows with quantised weights, float32 [rows, out], and each row's step [rows, 1].

    A row is divided by its largest magnitude and rounded to 127 steps either way (W8A8 with a scale per channel and per
    token, as SmoothQuant's section 2, arXiv 2211.10438). Sums are of whole numbers and every other operation is on
    single numbers, so that a row's result is the same to the bit whatever rows are beside it.
    """
    scale, zero_point, row_weight = linear.scale, linear.zero_point, linear.row_weight
    assert scale is not None
    step = torch.linalg.vector_norm(x, float("inf"), [-1], True).clamp_min(1e-30) / 127.0
    # Between 1.5 and 255.5: to cut off what is behind the point is to round, and needs no operation of its own.
    shifted = (x / step).add_(128.5).to(torch.uint8)
    if row_weight is not None and x.shape[0] == 1:
        rounded = shifted.add_(128).to(torch.int8)  # both wrap around: 128 less
        return torch._int_mm(rounded, row_weight).to(torch.float32) * scale, step
    assert zero_point is not None
    none: list[int | float | complex | None] = []
    made: Tensor = torch.ops.onednn.qlinear_pointwise(
        shifted, 1.0, 128, linear.weight, scale, zero_point, None, 1.0, 0, torch.float32, "none", none, ""
    )
    return made, step
