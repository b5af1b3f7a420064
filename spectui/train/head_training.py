"""The training of an EAGLE-3 head."""

from pathlib import Path

import torch
from torch import Tensor
from torch.nn import functional

from .batch import Batch
from .distillation import cross_entropy
from .eagle_head import EagleHead, Shape
from .head_writer import head_config, write_head
from .held_out import CHAIN
from .learner import Learner
from .target import Target, aux_layers
from .unrolled import Context, drafts

STEPS = 4
"""Positions that are unrolled: what a head sees at each further one it has learnt to see."""
DISCOUNT = 0.8
"""How much less each further position counts: fewer drafts come so far."""


class HeadTraining(Learner):
    """Trains an EAGLE-3 head whose vocabulary is ``ids``."""

    depth = STEPS

    def __init__(self, target: Target, ids: Tensor) -> None:
        self.aux = aux_layers(target.layers)
        self.head = EagleHead(Shape.like(target, len(ids))).to(target.device)
        self.head.start_from(target, self.aux[-1], ids)
        super().__init__(target, ids, self.head)
        self._teacher = target.lm_head(ids).to(target.device, target.numbers)
        self._place = torch.full((target.vocabulary,), -1, device=target.device)
        self._place[self.ids] = torch.arange(len(ids), device=target.device)
        self._context = Context.of(target)

    def write(self, folder: Path) -> None:
        """Write the flat dialect."""
        write_head(folder, head_config(self.target, self.head.shape, self.aux), self.tensors(), self.ids)

    def _loss(self, batch: Batch) -> Tensor:
        """The discounted cross entropies of all steps, to what the target says over the head's vocabulary."""
        every, places = batch.rows, batch.places(0)
        exists = batch.exist(places)
        number = torch.zeros_like(places)
        number[exists] = torch.arange(int(exists.sum()), device=places.device)
        read = batch.last[every.expand_as(places)[exists], places[exists]]
        teacher = (read @ self._teacher.t()).float().softmax(-1).to(read.dtype)
        loss = torch.zeros((), device=places.device)
        for step, made in enumerate(drafts(self.head, self._context, batch, STEPS)):
            counts = batch.exist(batch.places(step)) & (self._place[batch.following(step)] >= 0)
            if counts.any():
                rows = functional.pad(number, (0, step))[:, step:][counts]
                x = self.head.norm(made[counts])
                loss = loss + DISCOUNT**step * cross_entropy(x, self.head.lm_head.weight, teacher, rows)
        return loss

    def _hits(self, batch: Batch) -> list[list[list[bool]]]:
        found = []
        for step, made in enumerate(drafts(self.head, self._context, batch, CHAIN)):
            best = self.ids[self.head.lm_head(self.head.norm(made)).argmax(-1)]
            found.append((best == batch.following(step)) & batch.exist(batch.places(step)))
        lengths = batch.exist(batch.places(0)).sum(1).tolist()
        return [one[:length].tolist() for one, length in zip(torch.stack(found, -1), lengths, strict=True)]
