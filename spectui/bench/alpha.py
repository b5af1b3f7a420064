"""How well a draft fits its target, before any speed: the share of their distributions that they have in common."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from ..engine.target import Target
from .teacher import Text, answer_rows


@dataclass(frozen=True, slots=True)
class Alpha:
    """Agreement of a pair on text that the target wrote."""

    overlap: float
    """Mean of sum_v min(p(v), q(v)) = 1 - total variation: the acceptance rate of one draft token (2211.17192, 3.2)."""
    top_1: float
    """How often both find the same token likeliest: the acceptance rate at temperature 0."""
    tokens: int

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        return {"overlap": self.overlap, "top_1_agreement": self.top_1, "tokens": self.tokens}


@torch.inference_mode()
def measure_alpha(
    target: Target,
    draft: Target,
    vocabulary: int,
    temperature: float,
    texts: Iterable[Text],
) -> Alpha | None:
    """Compare the two at each token of the answers; at temperature 0 the overlap is taken at 1."""
    overlap = same = 0.0
    tokens = 0
    for text in texts:
        p, q = (answer_rows(model, text)[:, :vocabulary] for model in (target, draft))
        heat = temperature or 1.0
        overlap += float(torch.minimum((p / heat).softmax(-1), (q / heat).softmax(-1)).sum())
        same += float((p.argmax(-1) == q.argmax(-1)).sum())
        tokens += len(text.answer)
    return Alpha(overlap / tokens, same / tokens, tokens) if tokens else None
