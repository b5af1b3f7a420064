"""Training of one model: warm-up, constant rates, a linear decay; checkpoints from which it goes on."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel

from .batches import Batch, batch_of, batches
from .llama import Llama
from .muon import Muon
from .probes import Probes
from .recipe import Recipe, Schedule, Stage
from .rows import Rows

EVERY = 300.0  # seconds between checkpoints
ALONE = 0.2  # the share of the plain loss while a teacher is followed
Forward = Callable[[Tensor, Tensor], Tensor]
Made = TypeVar("Made", bound=Callable[..., object])


@dataclass(frozen=True)
class Progress:
    """How far a run has come; the loss is in nats per counted token, smoothed."""

    tokens: int
    of: int
    loss: float
    speed: float


def rate_at(schedule: Schedule, step: int, tokens: int) -> float:
    """The factor on all rates: linear warm-up, one, then linear to nothing over the last part."""
    left = (1 - tokens / schedule.tokens) / schedule.decay
    return max(0.0, min((step + 1) / schedule.warm_up, 1.0, left))


def half(device: str) -> torch.autocast:
    """bfloat16 products where they are fast."""
    fast = device != "cpu" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device, dtype=torch.bfloat16, enabled=fast)


def compiled(forward: Made, recipe: Recipe) -> Made:
    """A forward, compiled for the shapes that it meets if the recipe says so."""
    return cast(Made, torch.compile(forward, dynamic=False)) if recipe.compiled else forward


class Fit:
    """One model, its optimisers and where the run stands."""

    def __init__(self, model: Llama, recipe: Recipe, stage: Stage, device: str, teacher: Llama | None = None) -> None:
        schedule = stage.schedule
        self.model, self.schedule, self.device = model.to(device), schedule, device
        self.mean = AveragedModel(model) if stage.averaged else None
        self.averaged_from = schedule.tokens * (1 - stage.averaged)
        self.teacher = teacher and teacher.to(device)
        self.distilled_from = schedule.tokens * (1 - recipe.distilled)
        self.step, self.tokens = 0, 0
        matrices = {name: each for name, each in model.named_parameters() if each.dim() == 2 and "embed" not in name}
        norms = [each for each in model.parameters() if each.dim() == 1]
        rates = schedule.rates
        self.muon = Muon(matrices)
        self.adam = torch.optim.AdamW(
            [{"params": [model.embed_tokens.weight], "base": rates.embedding}, {"params": norms, "base": rates.norm}],
            betas=(0.9, 0.98),
            weight_decay=0.0,
        )
        self.probes = Probes(model.shape.width).to(device) if schedule.hints else None
        self._forward = compiled(model.with_middle, recipe)
        self._teach = compiled(teacher, recipe) if teacher else None

    def loss(self, batch: Batch) -> tuple[Tensor, float]:
        """The loss to go down, and the plain cross-entropy."""
        with half(self.device):
            states, middle = self._forward(batch.ids, batch.mask)
            logits = self.model.logits(states[:, :-1][batch.counted])
        plain = F.cross_entropy(logits.float(), batch.wanted)
        loss = plain
        if self._teach is not None and self.tokens >= self.distilled_from:
            loss = ALONE * plain + (1 - ALONE) * self.followed(logits, batch)
        if self.probes is not None:
            loss = loss + self.schedule.hints * self.hinted(middle, batch)
        return loss, plain.item()

    def followed(self, logits: Tensor, batch: Batch) -> Tensor:
        """How far the teacher's distribution is from the model's, in nats a token."""
        assert self.teacher is not None
        assert self._teach is not None
        with torch.no_grad(), half(self.device):
            taught = self.teacher.logits(self._teach(batch.ids, batch.mask)[:, :-1][batch.counted])
        own, other = logits.float().log_softmax(-1), taught.float().log_softmax(-1)
        return F.kl_div(own, other, log_target=True, reduction="batchmean")

    def hinted(self, middle: Tensor, batch: Batch) -> Tensor:
        """The loss of the hints; while the rates warm up, only the probes learn from it."""
        assert self.probes is not None
        with half(self.device):
            seen = middle.detach() if self.step < self.schedule.warm_up else middle
            return self.probes.loss(seen, self.model.embed_tokens.weight, batch)

    def update(self, batch: Batch) -> float:
        """One step; the plain loss."""
        loss, plain = self.loss(batch)
        loss.backward()
        rest = [each for group in self.adam.param_groups for each in group["params"]]
        nn.utils.clip_grad_norm_(rest, 1.0)
        factor = rate_at(self.schedule, self.step, self.tokens)
        self.muon.step(self.schedule.rates.matrix * factor)
        for group in self.adam.param_groups:
            group["lr"] = group["base"] * factor
        self.adam.step()
        if self.probes is not None:
            self.probes.update()
        self.model.zero_grad()
        self.step += 1
        self.tokens += batch.ids.numel()
        if self.mean is not None and self.tokens >= self.averaged_from:
            self.mean.update_parameters(self.model)
        return plain

    def state(self) -> dict[str, object]:
        """What a later run needs to go on."""
        return {"model": self.model.state_dict(), "adam": self.adam.state_dict(), "velocity": self.muon.velocity,
                "step": self.step, "tokens": self.tokens, "mean": self.mean and self.mean.state_dict(),
                "probes": self.probes and self.probes.state()}  # fmt: skip

    def resume(self, path: Path) -> None:
        """Go on from a checkpoint, if there is one."""
        if not path.exists():
            return
        found = torch.load(path, map_location=self.device, weights_only=True)
        self.model.load_state_dict(found["model"])
        self.adam.load_state_dict(found["adam"])
        self.muon.velocity = found["velocity"]
        if self.mean is not None:
            self.mean.load_state_dict(found["mean"])
        if self.probes is not None:
            self.probes.resume(found["probes"])
        self.step, self.tokens = found["step"], found["tokens"]

    def save(self, path: Path) -> None:
        """Write a checkpoint, in one piece or not at all."""
        partial = path.with_suffix(".partial")
        torch.save(self.state(), partial)
        partial.replace(path)

    def run(self, packed: dict[int, Rows], seed: int, checkpoint: Path, told: Callable[[Progress], None]) -> None:
        """Train until the schedule's tokens are used up; the model then is the last one, or the mean of the last ones."""
        self.resume(checkpoint)
        schedule, vocabulary = self.schedule, self.model.embed_tokens.num_embeddings
        start, before, saved, smooth = time.monotonic(), self.tokens, time.monotonic(), 0.0
        for batch in batches(packed, schedule, seed, vocabulary, self.step):
            if self.tokens >= schedule.tokens:
                break
            loss = self.update(batch.to(self.device))
            smooth = loss if smooth == 0 else 0.95 * smooth + 0.05 * loss
            told(Progress(self.tokens, schedule.tokens, smooth, (self.tokens - before) / (time.monotonic() - start)))
            if time.monotonic() - saved > EVERY:
                self.save(checkpoint)
                saved = time.monotonic()
        self.save(checkpoint)
        if self.mean is not None:
            self.model.load_state_dict(self.mean.module.state_dict())


@torch.no_grad()
def held_out_loss(model: Llama, rows: Rows) -> tuple[float, float]:
    """The loss in nats and the share of right next tokens, over the assistant's tokens."""
    total, right, count = 0.0, 0, 0
    for at in range(0, len(rows), 8):
        batch = batch_of(rows.take(np.arange(at, min(at + 8, len(rows)))))
        logits = model.logits(model(batch.ids, batch.mask)[:, :-1][batch.counted])
        total += F.cross_entropy(logits, batch.wanted, reduction="sum").item()
        right += int((logits.argmax(-1) == batch.wanted).sum())
        count += len(batch.wanted)
    return total / count, right / count
