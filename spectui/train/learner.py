"""What the training of every kind of drafter is: weights, their optimiser, and what was learnt so far."""

import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from ..engine.model.linear import project
from ..system.errors import UserError
from .batch import Batch, batched
from .batch_forward import as_read_by
from .generator import Conversation
from .held_out import CHAIN, Worth, worth
from .target import Target

WARM_UP = 40
"""Steps until the full learning rate."""
RATE, LEAST = 1e-3, 0.02
"""The full learning rate, and the share of it that is left at the end."""
BETAS, CLIP = (0.9, 0.95), 1.0
MEMORY = 0.998
"""The weights that are measured and kept are a mean over some 500 steps."""


@torch.inference_mode()
def frequent_tokens(target: Target, answers: Iterable[Conversation], size: int) -> Tensor:
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


class Learner(ABC):
    """Trains the parameters of ``drafter`` by batches of conversations; ``ids`` are the target's frequent tokens."""

    depth: int
    """How many drafts behind each entry of a batch ``_loss`` looks at."""

    def __init__(self, target: Target, ids: Tensor, drafter: nn.Module) -> None:
        self.target, self.ids = target, ids.to(target.device)
        self.steps = 0
        self._losses: list[float] = []
        self._names = [name for name, _ in drafter.named_parameters()]
        self._parameters = list(drafter.parameters())
        self.mean = [parameter.detach().clone() for parameter in self._parameters]
        self._optimiser = torch.optim.AdamW(self._parameters, RATE, BETAS, weight_decay=0.0, fused=True)

    @abstractmethod
    def _loss(self, batch: Batch) -> Tensor:
        """What is made smaller."""

    @abstractmethod
    def _hits(self, batch: Batch) -> list[list[list[bool]]]:
        """For ``worth``: of each answer at each place whether the first, second, ... draft token is right."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write the mean weights as others load them; raises UserError if they cannot be written."""

    def learn(self, conversations: Sequence[Conversation], share: float) -> float:
        """One step; ``share`` of the time is over. The loss; raises UserError if it is no number."""
        for group in self._optimiser.param_groups:
            group["lr"] = RATE * min(1.0, (self.steps + 1) / WARM_UP) * max(LEAST, 1.0 - share)
        with self._autocast():
            loss = self._loss(batched(conversations, self.depth, self.target.device, self.target.numbers))
        value = float(loss.detach())
        if not math.isfinite(value):
            raise UserError("training broke down: the loss is no number any more; the best drafter so far is kept")
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
        """The mean weights by name."""
        return dict(zip(self._names, self.mean, strict=True))

    def state(self) -> dict[str, Tensor]:
        """All that a training needs to go on."""
        found = {"ids": self.ids} | {f"mean.{name}": value for name, value in self.tensors().items()}
        for name, one in zip(self._names, self._parameters, strict=True):
            found[f"weight.{name}"] = one.detach()
            found |= {f"{key}.{name}": value for key, value in self._optimiser.state.get(one, {}).items()}
        return found

    def restore(self, state: Mapping[str, Tensor], steps: int) -> None:
        """Go on from ``state``; raises UserError if it is of another drafter."""
        try:
            for mine, name, one in zip(self.mean, self._names, self._parameters, strict=True):
                self._put(one, state[f"weight.{name}"])
                self._put(mine, state[f"mean.{name}"])
                if f"exp_avg.{name}" in state:
                    keys = ("step", "exp_avg", "exp_avg_sq")
                    self._optimiser.state[one] = {key: state[f"{key}.{name}"].to(mine.device).clone() for key in keys}
        except (KeyError, RuntimeError) as error:
            raise UserError(
                "what was begun there is a drafter of another kind, size or target; choose another --output"
            ) from error
        self.steps = steps

    def _set(self, values: Sequence[Tensor]) -> None:
        for parameter, value in zip(self._parameters, values, strict=True):
            self._put(parameter, value)

    @torch.no_grad()
    def _put(self, parameter: Tensor, value: Tensor) -> None:
        parameter.copy_(value)

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.target.device.type, torch.bfloat16, enabled=self.target.numbers == torch.bfloat16)
