"""How well a draft fits its target, before any speed: the share of their distributions that they have in common."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from ..engine.target import Target, causal

CHUNK = 256


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
    texts: Iterable[tuple[Sequence[int], Sequence[int]]],
) -> Alpha | None:
    """Compare the two at each token of (prompt, answer) ids; at temperature 0 the overlap is taken at 1."""
    overlap = same = 0.0
    tokens = 0
    for prompt, answer in texts:
        ids = [*prompt, *answer[:-1]]
        p, q = (_answer_rows(model, ids, len(answer))[:, :vocabulary] for model in (target, draft))
        heat = temperature or 1.0
        overlap += float(torch.minimum((p / heat).softmax(-1), (q / heat).softmax(-1)).sum())
        same += float((p.argmax(-1) == q.argmax(-1)).sum())
        tokens += len(answer)
    return Alpha(overlap / tokens, same / tokens, tokens) if tokens else None


def _answer_rows(model: Target, ids: Sequence[int], count: int) -> Tensor:
    """Logits of the last ``count`` rows of a pass over ``ids``, in chunks; float32 on the CPU."""
    cache = model.new_cache(len(ids))
    rows = []
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        out = model.forward(cache, chunk, causal(len(chunk), cache.length), range(len(chunk)))
        cache.commit(range(len(chunk)))
        if start + len(chunk) > len(ids) - count:
            rows.append(out.logits.cpu())
    return torch.cat(rows)[-count:]
