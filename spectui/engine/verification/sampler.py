"""The target's choice: from logits to one token, a function of logits, index, seed, settings and path alone."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ..values.options import Sampling
from .noise import PositionNoise

NEVER = float("-inf")


def penalise(logits: Tensor, seen: Sequence[Sequence[int]], penalty: float) -> Tensor:
    """Divide positive and multiply negative logits of seen tokens by ``penalty`` (Keskar et al., 1909.05858).

    logits [rows, vocabulary]; ``seen`` holds for each row the token ids of prompt, output and the row's own path.
    """
    logits = logits.clone()
    for row, ids in enumerate(seen):
        index = torch.as_tensor(sorted(set(ids)), device=logits.device)
        values = logits[row, index]
        logits[row, index] = torch.where(values > 0, values / penalty, values * penalty)
    return logits


def keep_top_k(logits: Tensor, k: int) -> Tensor:
    """Rule out all but the k highest logits of each row; ties at the border stay in."""
    if not 0 < k < logits.shape[-1]:
        return logits
    border = logits.topk(k, dim=-1).values[..., -1:]
    return logits.masked_fill(logits < border, NEVER)


def keep_top_p(logits: Tensor, p: float) -> Tensor:
    """Keep the smallest set of tokens whose probabilities reach ``p`` (Holtzman et al., 1904.09751)."""
    if p >= 1.0:
        return logits
    ordered, order = logits.sort(dim=-1, descending=True, stable=True)
    before = ordered.softmax(-1).cumsum(-1).roll(1, -1)
    before[..., 0] = 0.0
    beyond = before >= p
    return logits.masked_fill(torch.zeros_like(beyond).scatter(-1, order, beyond), NEVER)


def keep_min_p(logits: Tensor, p: float) -> Tensor:
    """Rule out tokens less likely than ``p`` times the likeliest one (Nguyen et al., 2407.01082)."""
    if p <= 0.0:
        return logits
    probabilities = logits.softmax(-1)
    return logits.masked_fill(probabilities < p * probabilities.amax(-1, keepdim=True), NEVER)


class Sampler:
    """Applies one set of sampling settings to rows of logits.

    ``vocabulary`` is the number of ids that have text; padding above it is never chosen. Rows are independent of
    each other: a row's result does not depend on which rows it is batched with.
    """

    def __init__(self, sampling: Sampling, vocabulary: int, device: torch.device | str = "cpu") -> None:
        self.sampling = sampling
        self.vocabulary = vocabulary
        self.greedy = sampling.temperature == 0.0
        """Whether the likeliest token is always chosen."""
        self.needs_seen = sampling.repetition_penalty != 1.0
        """Whether the choice depends on which tokens came before."""
        self.noise = PositionNoise(sampling.seed, vocabulary, device)

    def processed(self, logits: Tensor, seen: Sequence[Sequence[int]] | None = None) -> Tensor:
        """Logits after every processor: [rows, model vocabulary] -> [rows, vocabulary]; ruled-out ids are -inf."""
        s = self.sampling
        if logits.shape[-1] > self.vocabulary:
            logits = logits[:, : self.vocabulary]
        if self.needs_seen and seen is not None:
            logits = penalise(logits, seen, s.repetition_penalty)
        if self.greedy:
            return logits
        logits = keep_top_k(logits / s.temperature, s.top_k)
        return keep_min_p(keep_top_p(logits, s.top_p), s.min_p)

    def probabilities(self, logits: Tensor, seen: Sequence[Sequence[int]] | None = None) -> Tensor:
        """The distribution p that the choice is a sample of; one-hot at temperature 0. [rows, vocabulary]."""
        processed = self.processed(logits, seen)
        if not self.greedy:
            return processed.softmax(-1)
        return torch.zeros_like(processed).scatter_(-1, processed.argmax(-1, keepdim=True), 1.0)

    def scores(
        self,
        logits: Tensor,
        indices: Sequence[int],
        seen: Sequence[Sequence[int]] | None = None,
        ids: Tensor | None = None,
    ) -> Tensor:
        """What the choice maximises: log p + noise up to a constant a row, or the logits at temperature 0.

        ``indices`` are the sequence indices of the tokens being chosen, one a row; ``ids`` the tokens of the columns
        or, [rows, columns], of those of each row, where these are not all.
        """
        processed = self.processed(logits, seen)
        if self.greedy:
            return processed
        if ids is not None:
            noise = [self.noise(index, processed.dtype) for index in indices]
            owns = ids.expand(len(noise), -1)
            return processed + torch.stack([row[own] for row, own in zip(noise, owns, strict=True)])
        rows = {index: self.noise(index, processed.dtype) for index in set(indices)}
        if len(rows) == 1:
            return processed + rows[indices[0]]
        return processed + torch.stack([rows[index] for index in indices])

    def choose(self, logits: Tensor, indices: Sequence[int], seen: Sequence[Sequence[int]] | None = None) -> Tensor:
        """The chosen token of each row, int64 [rows], ties to the lowest id; stays on the device."""
        return self.scores(logits, indices, seen).argmax(-1)

    def chosen(self, logits: Tensor, indices: Sequence[int], seen: Sequence[Sequence[int]] | None = None) -> list[int]:
        """The same as a list; on a CPU numpy's search is several times as fast as torch's."""
        scores = self.scores(logits, indices, seen)
        found: list[int] = (scores.numpy() if scores.is_cpu else scores).argmax(-1).tolist()
        return found
