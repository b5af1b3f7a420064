"""Checks that a decoder gives the reference text, and whether rounding alone explains where it does not.

The promise is for float32 and wider. bfloat16 keeps 8 bits: neighbours near a logit of 20 are 0.125 apart, and a pass
over several tokens rounds otherwise than one over a single token. SmolLM2-135M-Instruct, 12 prompts, up to 80 tokens,
draft, pld, logitspec and sssd against AR: in float32 none of 48 texts differs, in bfloat16 19, in a second run 14. At
those 33 places the two best scores are at most 0.25 apart, and equal at 12; the logits of the two passes, seen in the
second run, differ by 0.3 to 0.8. Rounding explains them all: so tolerances are those of the numbers that a model
computes with.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from ..engine.decoder import Decoder
from ..engine.model.causal_lm import CausalLM
from ..engine.values.draft_tree import DraftTree
from ..engine.values.options import Sampling
from ..engine.verification.sampler import Sampler


class Tolerance(NamedTuple):
    """How far apart two passes and two choices may be for rounding to explain that the texts differ."""

    logits: float
    """Between the logits of the passes; for 16 bits a share of the largest of them."""
    gap: float
    """Between the two best scores; for 16 bits as many times what the logits differ by."""
    border: float
    """To the border of a filter."""


EXACT = Tolerance(1e-4, 1e-4, 1e-5)
"""For float32 and wider."""
EPSILONS = 8.0
"""For 16 bits: how many steps of rounding, of the largest logit, two passes may differ by. In bfloat16 that is 1.25 at
a logit of 20."""


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first place where two runs of the same prompt differ."""

    position: int
    """Index in the answer."""
    logit_difference: float
    """The largest difference of the two passes' logits at that place."""
    gap: float
    """Between the two highest final scores (log p + noise) of the reference pass."""
    border: float
    """Distance of the nearest token from being kept or dropped by top-k, top-p or min-p."""
    tolerance: Tolerance = EXACT

    @property
    def explained(self) -> bool:
        """Whether rounding of the model's numbers alone explains it."""
        allowed = self.tolerance
        return self.logit_difference <= allowed.logits and (self.gap < allowed.gap or self.border < allowed.border)


def tolerance(dtype: torch.dtype, difference: float, largest: float, temperature: float = 0.0) -> Tolerance:
    """What rounding explains where passes differ by ``difference`` and the largest logit is ``largest``.

    In 16 bits two scores may each have moved by what the passes differ by, so that a larger gap cannot have closed.
    """
    if dtype.itemsize > 2:
        return EXACT
    epsilon = torch.finfo(dtype).eps
    closed = 2.0 * difference / (temperature or 1.0)
    return Tolerance(EPSILONS * epsilon * largest, closed + EXACT.gap, EPSILONS * epsilon)


def reference(decoder: Decoder, prompt: Sequence[int]) -> list[int]:
    """The answer's ids, decoded to the end."""
    decoder.prefill(prompt)
    while decoder.answer.end is None:
        decoder.step()
    return decoder.answer.emitted


def compare(
    decoder: Decoder,
    prompt: Sequence[int],
    expected: Sequence[int],
    before_step: Callable[[Decoder], None] = lambda decoder: None,
) -> Divergence | None:
    """Decode and compare id by id; None if everything agrees, else the first difference, examined."""
    decoder.prefill(prompt)
    known = 0
    with _Watch(decoder.target) as watch:
        while True:
            emitted = decoder.answer.emitted
            place = first_difference(emitted, expected)
            ended = decoder.answer.end is not None
            if place is not None or ended:
                break
            before_step(decoder)
            known = len(emitted)
            decoder.step()
    if place is None and len(emitted) < len(expected):
        place = len(emitted)
    return _examine(decoder, prompt, expected, place, watch.row(expected[known:place])) if place is not None else None


def first_difference(a: Sequence[int], b: Sequence[int]) -> int | None:
    """Where two sequences first differ; a longer ``a`` differs where ``b`` ends."""
    for index, (one, other) in enumerate(zip(a, b, strict=False)):
        if one != other:
            return index
    return len(b) if len(a) > len(b) else None


def difference(tokens: Sequence[int], expected: Sequence[int]) -> int | None:
    """Where a finished answer differs from the finished reference, by a token or by its length."""
    place = first_difference(tokens, expected)
    return len(tokens) if place is None and len(tokens) < len(expected) else place


class _Watch:
    """Keeps the logits of a target's latest pass, by the path of tokens that leads to each row."""

    def __init__(self, target: CausalLM) -> None:
        self._target, self._step = target, target.step
        self.tree, self.logits = DraftTree(), torch.zeros(0)

    def __enter__(self) -> "_Watch":
        def step(cache: object, token: int, tree: DraftTree, hidden: Sequence[int] = ()) -> object:
            out = self._step(cache, token, tree, hidden)  # type: ignore[arg-type]
            self.tree, self.logits = tree, out.logits
            return out

        self._target.step = step  # type: ignore[assignment, method-assign]
        return self

    def __exit__(self, *_: object) -> None:
        self._target.step = self._step  # type: ignore[method-assign]

    def row(self, path: Sequence[int]) -> Tensor | None:
        """Logits after a path of tokens below the root; None if the pass did not look there."""
        for node in range(-1, min(len(self.tree), len(self.logits) - 1)):
            if self.tree.path_tokens(node) == list(path):
                return self.logits[node + 1].clone()
        return None


def _examine(
    decoder: Decoder, prompt: Sequence[int], expected: Sequence[int], place: int, row: Tensor | None
) -> Divergence:
    """``row`` holds the logits from which the decoder chose its token; None if its pass had none for that place."""
    sampling = decoder.options.sampling
    plain, gap = _plain(decoder.target, decoder.vocabulary, sampling, prompt, expected, place)
    difference = float((row - plain).abs().max()) if row is not None else float("inf")
    border = border_distance(plain[: decoder.vocabulary], sampling)
    allowed = tolerance(decoder.target.dtype, difference, float(plain.abs().max()), sampling.temperature)
    return Divergence(place, difference, gap, border, allowed)


def gap_at(
    target: CausalLM, vocabulary: int, sampling: Sampling, prompt: Sequence[int], expected: Sequence[int], place: int
) -> float:
    """How far apart the two highest final scores are, in a plain pass, for the token at ``place`` of the answer."""
    return _plain(target, vocabulary, sampling, prompt, expected, place)[1]


def _plain(
    target: CausalLM, vocabulary: int, sampling: Sampling, prompt: Sequence[int], expected: Sequence[int], place: int
) -> tuple[Tensor, float]:
    """Logits of a plain pass for the token at ``place``, and the gap of the two highest final scores."""
    tokens = [*prompt, *expected[:place]]
    cache = target.new_cache()
    target.prefill(cache, tokens[:-1])
    logits = target.step(cache, tokens[-1], DraftTree()).logits[0]
    target.take_back(cache)
    sampler = Sampler(sampling, min(len(logits), vocabulary), target.device)
    best = sampler.scores(logits[None], [len(tokens)], [tokens])[0].topk(2).values
    return logits, float(best[0] - best[1])


def border_distance(logits: Tensor, sampling: Sampling) -> float:
    """How close any token is to the border of top-k, top-p or min-p; infinite without such a filter."""
    if sampling.temperature == 0.0:
        return float("inf")
    ordered = (logits / sampling.temperature).sort(descending=True).values
    p = ordered.softmax(-1)
    distances = []
    if 0 < sampling.top_k < len(ordered):
        distances.append(ordered[sampling.top_k - 1] - ordered[sampling.top_k])
    if sampling.top_p < 1.0:
        distances.append((p.cumsum(-1) - sampling.top_p).abs().min())
    if sampling.min_p > 0.0:
        distances.append((p - sampling.min_p * p[0]).abs().min())
    return min((float(distance) for distance in distances), default=float("inf"))
