"""How well a draft fits its target, before any speed: the share of their distributions that they have in common."""

from collections.abc import Iterable

import torch

from ..engine.model.causal_lm import CausalLM
from ..present.agreement import PairAgreement
from .teacher import Text, answer_rows


@torch.inference_mode()
def measure_pair_agreement(
    target: CausalLM,
    draft: CausalLM,
    vocabulary: int,
    temperature: float,
    texts: Iterable[Text],
) -> PairAgreement | None:
    """Compare the two at each token of the answers; at temperature 0 the overlap is taken at 1."""
    overlap = same = 0.0
    tokens = 0
    for text in texts:
        p, q = (answer_rows(model, text)[:, :vocabulary] for model in (target, draft))
        heat = temperature or 1.0
        overlap += float(torch.minimum((p / heat).softmax(-1), (q / heat).softmax(-1)).sum())
        same += float((p.argmax(-1) == q.argmax(-1)).sum())
        tokens += len(text.answer)
    return PairAgreement(overlap / tokens, same / tokens, tokens) if tokens else None
