"""Trains the head, and says how often it is right."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..engine.drafters.hrad import Head

UNITS, FEW_UNITS = (256, 64, 3), (64, 32, 3)
NARROW = 4096
"""Below so many features the head has few units: it is read from memory in every step, beside a small target."""
DROPOUT, EPOCHS, BATCH, RATE, DECAY = 0.2, 20, 32, 5e-4, 1e-2
"""As published (Shen et al., 2506.01979, appendix): 20 epochs of batches of 32, dropout 0.2; the optimiser is AdamW."""


@dataclass(frozen=True, slots=True)
class Trained:
    """A head's weights, on the CPU in float32."""

    weights: Sequence[tuple[Tensor, Tensor]]
    mean: Tensor
    scale: Tensor


def train(x: Tensor, y: Tensor, done: Callable[[], None], seed: int = 0) -> Trained:
    """Fit features [n, in] to labels [n]; ``done`` is called after each epoch. The same input gives the same head."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        mean, scale = x.mean(0), x.std(0).clamp_min(1e-4)
        units = UNITS if x.shape[1] >= NARROW else FEW_UNITS
        layers = [nn.Linear(*sizes) for sizes in zip((x.shape[1], *units), units, strict=False)]
        parts = [part for layer in layers for part in (layer, nn.ReLU(), nn.Dropout(DROPOUT))]
        network = nn.Sequential(*parts[:-2])
        optimiser = torch.optim.AdamW(network.parameters(), RATE, weight_decay=DECAY)
        normal = (x - mean) / scale
        for _ in range(EPOCHS):
            network.train()
            for batch in torch.randperm(len(y)).split(BATCH):  # type: ignore[no-untyped-call]
                optimiser.zero_grad()
                loss = nn.functional.cross_entropy(network(normal[batch]), y[batch])
                loss.backward()  # type: ignore[no-untyped-call]
                optimiser.step()
            done()
    weights = [(layer.weight.detach().clone(), layer.bias.detach().clone()) for layer in layers]
    return Trained(weights, mean, scale)


def confusion(head: Head, x: Tensor, y: Tensor) -> list[list[int]]:
    """Counts [what happened][what the head said], in the order none, some, all."""
    said = head.scores(x.to(head.mean.device)).argmax(-1).cpu()
    return [[int(((y == row) & (said == column)).sum()) for column in range(3)] for row in range(3)]
