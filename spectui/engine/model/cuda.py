"""What torch is told before a model runs on a CUDA device."""

import torch
from torch import Tensor

from .linear import Linear, project

HALVES = (torch.bfloat16, torch.float16)


def settle(device: torch.device) -> None:
    """Switch off what is slow or inexact for passes over few rows; does nothing for other devices.

    cuDNN plans its attention anew for each exact shape, and a sequence has another length in each pass. Partial sums
    that are rounded to 16 bits depend on how a kernel splits a product, which depends on the number of rows.
    """
    if device.type != "cuda":
        return
    torch.backends.cuda.enable_cudnn_sdp(False)
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False


def wide_product(x: Tensor, linear: Linear) -> Tensor:
    """Linear layer on [rows, in] whose products of 16 bits are handed out in float32 on CUDA.

    In bfloat16 neighbours near 20 are 0.125 apart, so that the two best logits are often the same number.
    """
    if x.device.type in ("cuda", "meta") and x.dtype in HALVES and linear.bias is None:
        return torch.mm(x, linear.weight.t(), out_dtype=torch.float32)
    return project(x, linear)
