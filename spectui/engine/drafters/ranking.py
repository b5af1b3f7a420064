"""A draft model's best tokens for a position, ranked as the target will rank its own."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..model.torchscript import scripted
from ..verification.sampler import Sampler
from .drafter import Context, Resources


class Candidate(NamedTuple):
    """A token that a draft model proposes for a position."""

    token: int
    share: float
    """Its probability after the sampling settings and noise: how likely the target agrees, as the draft sees it."""
    confidence: float
    """Its raw probability, at temperature 1 whatever the settings."""


def likeliest(scores: Tensor, logits: Tensor | None, width: int) -> Tensor:
    """Ids, shares and confidences [3, rows, width] of the highest scores [rows, vocabulary].

    Without ``logits`` the scores are the logits themselves.
    """
    best, ids = scores.log_softmax(-1).topk(width, -1)
    shares = best.exp()
    confidences = shares if logits is None else logits.softmax(-1).gather(-1, ids)
    return torch.stack([ids.double(), shares.double(), confidences.double()])


class Ranking:
    """Ranks by log q + noise where the rule lets drafts share the target's noise, else by log q.

    ``beside`` says that it runs in another thread than the target. On CUDA it is then queued on another stream, and
    must not read noise that is still to be computed on the target's.
    """

    def __init__(self, resources: Resources, device: torch.device, beside: bool = False) -> None:
        self._own = beside and device.type != "cpu"
        self._never = torch.tensor(sorted(resources.never), dtype=torch.long, device=device)
        self._device = device
        self._likeliest = scripted(likeliest, device)
        self._sampler: Sampler | None = None

    def best(
        self, context: Context, logits: Tensor, behind: Sequence[Sequence[int]], width: int
    ) -> list[tuple[Candidate, ...]]:
        """The ``width`` best candidates for each row of logits [rows, vocabulary], best first; one transfer.

        ``behind`` are the drafted tokens behind the sequence that each row has read.
        """
        sampler, allowed, seen = self._sampler_for(context), self._allowed(logits), _seen(context, behind)
        if context.rule_is_coupled:
            scores = sampler.scores(allowed, [len(context.tokens) + len(tokens) for tokens in behind], seen)
        else:
            scores = sampler.processed(allowed, seen)
        raw = None if scores is allowed else allowed
        packed = self._likeliest(scores, raw, min(width, scores.shape[-1])).tolist()
        return [
            tuple(Candidate(int(token), share, confidence) for token, share, confidence in zip(*row, strict=True))
            for row in zip(*packed, strict=True)
        ]

    def probabilities(self, context: Context, logits: Tensor, behind: Sequence[Sequence[int]]) -> Tensor:
        """The distributions after the sampling settings [rows, vocabulary], for independent draws."""
        return self._sampler_for(context).probabilities(self._allowed(logits), _seen(context, behind)).double()

    def _allowed(self, logits: Tensor) -> Tensor:
        """The logits without the ids that must not be drafted."""
        return logits.index_fill(-1, self._never, float("-inf")) if len(self._never) else logits

    def _sampler_for(self, context: Context) -> Sampler:
        """The target's choice, with the same noise where the draft model's logits are."""
        sampler = context.sampler
        if sampler.noise.device == self._device and not self._own:
            return sampler
        if self._sampler is None or self._sampler.sampling != sampler.sampling:
            self._sampler = Sampler(sampler.sampling, sampler.vocabulary, self._device)
        return self._sampler


def _seen(context: Context, behind: Sequence[Sequence[int]]) -> list[list[int]] | None:
    """All tokens that each row has read, if the choice depends on them."""
    return [[*context.tokens, *tokens] for tokens in behind] if context.sampler.needs_seen else None
