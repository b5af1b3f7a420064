"""The cross entropy between a drafter's distribution and the target's, without keeping either."""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor

from .sizes import sizes


def _chunks(x: Tensor) -> Iterator[slice]:
    """Rows of which the logits are made together."""
    chunk = sizes(x.device).chunk
    return (slice(begin, begin + chunk) for begin in range(0, len(x), chunk))


class _CrossEntropy(torch.autograd.Function):
    """The gradient of a row's logits is what the drafter says minus what the target says: made on the way."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, teacher: Tensor, rows: Tensor) -> Tensor:
        narrow = weight.to(x.dtype)
        gradients = x.new_empty(len(x), len(weight))
        for some in _chunks(x):
            logits, wanted = x[some] @ narrow.t(), teacher[rows[some]].to(x.dtype)
            torch.sub(logits.softmax(-1), wanted, out=gradients[some])
            if not some.start:
                loss = -(wanted.float() * logits.float().log_softmax(-1)).sum(-1).mean()
        ctx.save_for_backward(x, narrow, gradients)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        x, narrow, gradients = ctx.saved_tensors
        share = (grads[0] / len(x)).to(x.dtype)
        return (gradients @ narrow) * share, (gradients.t() @ (x * share)).float(), None, None


def cross_entropy(x: Tensor, weight: Tensor, teacher: Tensor, rows: Tensor) -> Tensor:
    """Mean cross entropy of the softmax of ``x @ weight.T`` to ``teacher[rows]``, for training.

    The number is that of the first chunk of rows, which takes a third of the time; the gradient is that of all.
    x [n, hidden] float32 or bfloat16, n > 0; weight float32 [vocabulary, hidden]; teacher [m, vocabulary]
    probabilities; rows int64 [n]. Nothing of size [n, vocabulary] is kept but one gradient in x's numbers.
    """
    made: Tensor = _CrossEntropy.apply(x, weight, teacher, rows)  # type: ignore[no-untyped-call]
    return made


class _ToTarget(torch.autograd.Function):
    """As above, for an output projection that both share and that stays as it is: only ``x`` has a gradient."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, wanted: Tensor, weight: Tensor, weighted: Tensor) -> Tensor:
        gradient, loss = torch.empty_like(x), x.new_zeros((), dtype=torch.float32)
        for some in _chunks(x):
            told = (wanted[some] @ weight.t() + weighted).softmax(-1)
            said = x[some] @ weight.t() + weighted
            if not some.start:
                loss = -(told.float() * said.float().log_softmax(-1)).sum(-1).mean()
            gradient[some] = (said.softmax(-1) - told) @ weight
        ctx.save_for_backward(gradient)
        return loss

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        (gradient,) = ctx.saved_tensors
        return gradient * (grads[0] / len(gradient)).to(gradient.dtype), None, None, None


def cross_entropy_to_target(x: Tensor, wanted: Tensor, weight: Tensor, weighted: Tensor) -> Tensor:
    """Mean cross entropy of what a drafter says to what the target says, both by the target's output projection.

    The number is that of the first chunk of rows. x and wanted [n, hidden], what the projection reads of each, n > 0;
    weight [tokens, hidden], its rows of some tokens; all in the same numbers. weighted [tokens]: the logarithm of how
    many tokens each stands for.
    """
    made: Tensor = _ToTarget.apply(x, wanted, weight, weighted)  # type: ignore[no-untyped-call]
    return made
