"""Linear probes on a model's middle states, whose loss goes into the model."""

from typing import Any

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .batches import Batch
from .hints import OLD, PLACE, PLACES, START

RATE = 0.001


class Probes(nn.Module):
    """Read the hints from the middle states: what linear maps cannot find there, the layers below learn to put there.

    They are thrown away after training. Supervising inner layers is from Lee et al. 2015 (arXiv 1409.5185).
    """

    def __init__(self, width: int) -> None:
        super().__init__()
        self.start, self.old = nn.Linear(width, width, bias=False), nn.Linear(width, width, bias=False)
        self.place = nn.Linear(width, PLACES)
        for part in (self.start, self.old):
            nn.init.normal_(part.weight, 0, 0.02)
        self.optimiser = torch.optim.AdamW(self.parameters(), lr=RATE, betas=(0.9, 0.98), weight_decay=0.0)

    def loss(self, middle: Tensor, embedding: Tensor, batch: Batch) -> Tensor:
        """The sum of the three losses, in nats a place; ``middle`` is [rows, tokens, width], the embedding is not trained."""
        embedding = embedding.detach()
        told, exchanged = batch.hints[batch.looked], batch.hints[..., OLD] > 0
        seen = middle[batch.looked]
        loss = F.cross_entropy((self.start(seen) @ embedding.T).float(), told[:, START])
        loss = loss + F.cross_entropy(self.place(seen).float(), told[:, PLACE])
        if exchanged.any():
            old = self.old(middle[exchanged]) @ embedding.T
            loss = loss + F.cross_entropy(old.float(), batch.hints[exchanged][:, OLD])
        return loss

    def state(self) -> dict[str, object]:
        """What a later run needs to go on."""
        return {"weights": self.state_dict(), "optimiser": self.optimiser.state_dict()}

    def resume(self, found: dict[str, Any]) -> None:
        """Go on from ``state``."""
        self.load_state_dict(found["weights"])
        self.optimiser.load_state_dict(found["optimiser"])

    def update(self) -> None:
        """One step of the probes themselves, by the gradients that lie there."""
        self.optimiser.step()
        self.optimiser.zero_grad()
