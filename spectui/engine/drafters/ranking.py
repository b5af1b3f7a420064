"""A draft model's best tokens for a position, ranked as the target will rank its own."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from ..model.causal_lm import CausalLM
from ..model.torchscript import scripted
from ..verification.sampler import Sampler, penalise
from .drafter import Context, Resources

LIKELY = 256
"""Of the tokens of a head's own vocabulary only so many may be drawn: to sort all for top-p takes as long as a pass,
and what is less likely is nearly never the target's choice."""


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


def ranking_of(resources: Resources, draft: CausalLM, beside: bool = False) -> "Ranking":
    """That of a draft model, which may have outputs for some tokens alone."""
    return Ranking(resources, draft.device, beside, draft.output_token_ids)


class Ranking:
    """Ranks by log q + noise where the rule lets drafts share the target's noise, else by log q.

    ``beside`` says that it runs in another thread than the target. On CUDA it is then queued on another stream, and
    must not read noise that is still to be computed on the target's. ``ids`` are the target's ids of the columns of the
    logits, for a model with a vocabulary of its own.
    """

    def __init__(
        self, resources: Resources, device: torch.device, beside: bool = False, ids: Tensor | None = None
    ) -> None:
        self._own = beside and device.type != "cpu"
        self._ids = ids
        self._column = {token: column for column, token in enumerate(ids.tolist() if ids is not None else ())}
        never = sorted(resources.never)
        if ids is not None:
            unfit = (token for token in self._column if token in resources.never or token >= resources.vocabulary)
            never = [self._column[token] for token in unfit]
        self._never = torch.tensor(never, dtype=torch.long, device=device)
        self._device = device
        self._likeliest = scripted(likeliest, device)
        self._sampler: Sampler | None = None

    def best(
        self, context: Context, logits: Tensor, behind: Sequence[Sequence[int]], width: int
    ) -> list[tuple[Candidate, ...]]:
        """The ``width`` best candidates for each row of logits [rows, vocabulary], best first; one transfer.

        ``behind`` are the drafted tokens behind the sequence that each row has read.
        """
        sampler, allowed, seen = self._sampler_for(context), self._allowed(logits), self._seen(context, behind)
        ids = self._ids
        if ids is not None and not sampler.greedy:
            if seen is not None:
                allowed, seen = penalise(allowed, seen, sampler.sampling.repetition_penalty), None
            allowed, columns = allowed.topk(min(LIKELY, allowed.shape[-1]), -1)
            ids = ids[columns]
        if context.rule_is_coupled:
            places = [len(context.tokens) + len(tokens) for tokens in behind]
            scores = sampler.scores(allowed, places, seen, ids)
        else:
            scores = sampler.processed(allowed, seen)
        raw = None if scores is allowed else allowed
        packed = self._likeliest(scores, raw, min(width, scores.shape[-1]))
        if ids is not None:
            packed[0] = ids.expand(len(packed[0]), -1).gather(-1, packed[0].long())
        return [
            tuple(Candidate(int(token), share, confidence) for token, share, confidence in zip(*row, strict=True))
            for row in zip(*packed.tolist(), strict=True)
        ]

    def probabilities(self, context: Context, logits: Tensor, behind: Sequence[Sequence[int]]) -> Tensor:
        """The distributions after the sampling settings [rows, target's vocabulary], for independent draws."""
        sampler = self._sampler_for(context)
        own = sampler.probabilities(self._allowed(logits), self._seen(context, behind)).double()
        if self._ids is None:
            return own
        return own.new_zeros(len(own), sampler.vocabulary).index_copy_(1, self._ids, own)

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

    def _seen(self, context: Context, behind: Sequence[Sequence[int]]) -> list[list[int]] | None:
        """The columns of all tokens that each row has read, if the choice depends on them."""
        if not context.sampler.needs_seen:
            return None
        seen = [[*context.tokens, *tokens] for tokens in behind]
        if self._ids is None:
            return seen
        return [[self._column[token] for token in row if token in self._column] for row in seen]
