"""Muon: momentum whose update is made orthogonal (Jordan et al. 2024), for the hidden matrices."""

from collections import defaultdict

import torch
from torch import Tensor, nn

# The quintic Newton-Schulz coefficients of the method's authors.
_A, _B, _C = 3.4445, -4.7750, 2.0315


def orthogonalise(matrices: Tensor, steps: int = 5) -> Tensor:
    """The nearest matrices with singular values near one, of a batch [count, rows, columns]."""
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    tall = x.shape[1] > x.shape[2]
    x = x.transpose(1, 2) if tall else x
    for _ in range(steps):
        square = x @ x.transpose(1, 2)
        x = _A * x + (_B * square + _C * square @ square) @ x
    return (x.transpose(1, 2) if tall else x).to(matrices.dtype)


class Muon:
    """Steps all matrices of one shape together; queries and keys decay less than the others."""

    def __init__(self, matrices: dict[str, nn.Parameter], momentum: float = 0.95) -> None:
        self.momentum = momentum
        self.groups: dict[tuple[torch.Size, float], list[nn.Parameter]] = defaultdict(list)
        for name, parameter in matrices.items():
            self.groups[parameter.shape, 0.05 if "q_proj" in name or "k_proj" in name else 0.4].append(parameter)
        self.velocity = [torch.zeros(len(group), *key[0], device=group[0].device) for key, group in self.groups.items()]

    @torch.no_grad()
    def step(self, rate: float) -> None:
        """One step with Nesterov momentum."""
        for ((shape, decay), group), velocity in zip(self.groups.items(), self.velocity, strict=True):
            gradient = torch.stack([parameter.grad for parameter in group if parameter.grad is not None])
            velocity.lerp_(gradient, 1 - self.momentum)
            update = orthogonalise(gradient.lerp(velocity, self.momentum)) * max(1.0, shape[0] / shape[1]) ** 0.5
            for parameter, change in zip(group, update, strict=True):
                parameter.mul_(1 - rate * decay).sub_(change, alpha=rate)
