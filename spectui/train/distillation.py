"""The cross entropy between a drafter's distribution and the target's, without keeping either."""

from typing import Any

import torch
from torch import Tensor

CHUNK = 128
"""Rows at a time: their logits stay in the processor's cache."""


class _CrossEntropy(torch.autograd.Function):
    """The gradient of a row's logits is what the drafter says minus what the target says: made on the way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, teacher: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
        narrow = weight.to(x.dtype)
        losses, best = [], []
        gradients = x.new_empty(len(x), len(weight)) if ctx.needs_input_grad[0] else None
        for begin in range(0, len(x), CHUNK):
            some = slice(begin, begin + CHUNK)
            wanted = teacher[rows[some]]
            logits = (x[some] @ narrow.t()).float()
            total = logits.logsumexp(-1, keepdim=True)
            losses.append(total[:, 0] - torch.linalg.vecdot(logits, wanted.float()))
            best.append(logits.argmax(-1))
            if gradients is not None:
                gradients[some] = (logits - total).exp_() - wanted
        ctx.save_for_backward(x, narrow, gradients)
        found = torch.cat(best)
        ctx.mark_non_differentiable(found)
        return torch.cat(losses), found

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        x, narrow, gradients = ctx.saved_tensors
        share = grads[0][:, None].to(x.dtype)
        return (gradients @ narrow) * share, (gradients.t() @ (x * share)).float(), None, None


def cross_entropy(x: Tensor, weight: Tensor, teacher: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Cross entropy [n] of the softmax of ``x @ weight.T`` to ``teacher[rows]``, and the likeliest tokens, int64 [n].

    x [n, hidden] float32 or bfloat16, weight float32 [vocabulary, hidden], teacher [m, vocabulary] probabilities, rows
    int64 [n]. Nothing of size [n, vocabulary] is kept but one gradient in x's numbers.
    """
    made: tuple[Tensor, Tensor] = _CrossEntropy.apply(x, weight, teacher, rows)  # type: ignore[no-untyped-call]
    return made
