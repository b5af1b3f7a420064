"""One head, its optimiser, and what it has learnt so far."""

import math
from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor
from torch.nn import functional

from ..engine.model.linear import project
from ..system.errors import UserError
from .batch import Batch, batched
from .batch_forward import as_read_by
from .distillation import cross_entropy
from .eagle_head import EagleHead, Shape
from .generator import Conversation
from .held_out import CHAIN, Worth, worth
from .target import Target, aux_layers
from .unrolled import Context, drafts

STEPS = 4
"""Positions that are unrolled: what a head sees at each further one it has learnt to see."""
DISCOUNT = 0.8
"""How much less each further position counts: fewer drafts come so far."""
WARM_UP = 40
"""Steps until the full learning rate."""
RATE, LEAST = 1e-3, 0.02
"""The full learning rate, and the share of it that is left at the end."""
BETAS, CLIP = (0.9, 0.95), 1.0
MEMORY = 0.998
"""The weights that are measured and kept are a mean over some 500 steps."""


@torch.inference_mode()
def head_vocabulary(target: Target, answers: Iterable[Conversation], size: int) -> Tensor:
    """Ids of the tokens that the target says most often, ascending, int64 [size] or as many as it has.

    Counted are the tokens of its answers, and with them all that it might have said there, by its probabilities: so
    few answers are enough.
    """
    head = target.weights.lm_head
    counts = torch.zeros(target.vocabulary, device=target.device)
    for one in answers:
        read = one.last[one.prompt - 1 :].to(target.device)
        likely = project(as_read_by(read, head), head)[:, : target.vocabulary].float().softmax(-1)
        counts += likely.sum(0) + torch.bincount(one.tokens[one.prompt :].to(counts.device), minlength=len(counts))
    return counts.topk(min(size, len(counts))).indices.sort().values.cpu().clone()


class HeadTraining:
    """Trains an EAGLE-3 head by batches of conversations."""

    def __init__(self, target: Target, ids: Tensor) -> None:
        self.target, self.ids = target, ids.to(target.device)
        self.aux = aux_layers(target.layers)
        self.head = EagleHead(Shape.like(target, len(ids))).to(target.device)
        self.head.start_from(target, self.aux[-1], ids)
        self.steps = 0
        self._losses: list[float] = []
        self._teacher = target.lm_head(ids).to(target.device, target.numbers)
        self._place = torch.full((target.vocabulary,), -1, device=target.device)
        self._place[self.ids] = torch.arange(len(ids), device=target.device)
        weights = target.weights
        self._context = Context(weights.embed_tokens.float(), weights.rope_cache, weights.config.scaling)
        self._parameters = list(self.head.parameters())
        self.mean = [parameter.detach().clone() for parameter in self._parameters]
        self._optimiser = torch.optim.AdamW(self._parameters, RATE, BETAS, weight_decay=0.0, fused=True)

    def learn(self, conversations: Sequence[Conversation], share: float) -> float:
        """One step; ``share`` of the time is over. The loss; raises UserError if it is no number."""
        for group in self._optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (self.steps + 1) / WARM_UP) * max(LEAST, 1.0 - share)
        with self._autocast():
            batch = batched(conversations, STEPS, self.target.device, self.target.numbers)
            loss = self._loss(batch)
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError("training broke down: the loss is no number any more; the best head so far is kept")
        self._optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._parameters, CLIP)
        self._optimiser.step()
        self.steps += 1
        self._losses.append(value)
        keep = min(MEMORY, self.steps / (self.steps + 10))
        torch._foreach_lerp_(self.mean, [one.detach() for one in self._parameters], 1 - keep)
        return value

    def mean_loss(self) -> float | None:
        """Of the steps since it was last asked for; None if there were none."""
        losses, self._losses = self._losses, []
        return sum(losses) / len(losses) if losses else None

    def measure(self, conversations: Sequence[Conversation], together: int = 8) -> Worth:
        """What the mean of the last steps' weights is worth on greedy answers."""
        answers = []
        learnt = [parameter.detach().clone() for parameter in self._parameters]
        self._set(self.mean)
        with torch.no_grad(), self._autocast():
            for begin in range(0, len(conversations), together):
                some = conversations[begin : begin + together]
                answers += self._hits(batched(some, CHAIN, self.target.device, self.target.numbers))
        self._set(learnt)
        return worth(answers)

    def tensors(self) -> dict[str, Tensor]:
        """The mean weights, by their names in the flat dialect."""
        return dict(zip(dict(self.head.named_parameters()), self.mean, strict=True))

    def state(self) -> dict[str, Tensor]:
        """All that a training needs to go on."""
        names = list(dict(self.head.named_parameters()))
        found = {f"mean.{name}": value for name, value in self.tensors().items()}
        found |= {f"weight.{name}": one.detach() for name, one in zip(names, self._parameters, strict=True)}
        for name, one in zip(names, self._parameters, strict=True):
            for key, value in self._optimiser.state.get(one, {}).items():
                found[f"{key}.{name}"] = value
        return found

    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from ``state``; raises KeyError or RuntimeError if it is of another head."""
        names = list(dict(self.head.named_parameters()))
        self._set([state[f"weight.{name}"] for name in names])
        for mine, name, one in zip(self.mean, names, self._parameters, strict=True):
            mine.copy_(state[f"mean.{name}"])
            if f"exp_avg.{name}" in state:
                keys = ("step", "exp_avg", "exp_avg_sq")
                self._optimiser.state[one] = {key: state[f"{key}.{name}"].to(mine.device).clone() for key in keys}
        self.steps = steps

    @torch.no_grad()
    def _set(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            parameter.copy_(value)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.target.device.type, torch.bfloat16, enabled=self.target.numbers == torch.bfloat16)

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
        """For ``worth``: of each answer at each place whether the first, second, ... draft token is right."""
        found = []
        for step, made in enumerate(drafts(self.head, self._context, batch, CHAIN)):
            best = self.ids[self.head.lm_head(self.head.norm(made)).argmax(-1)]
            found.append((best == batch.following(step)) & batch.exist(batch.places(step)))
        lengths = batch.exist(batch.places(0)).sum(1).tolist()
        return [one[:length].tolist() for one, length in zip(torch.stack(found, -1), lengths, strict=True)]
