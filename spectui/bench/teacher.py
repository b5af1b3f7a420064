"""Running a model over text that is known already, to look at its logits there."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.model.causal_lm import CausalLM
from ..engine.model.forward import ForwardInput

CHUNK = 256


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that a target gave."""

    category: str
    prompt: Sequence[int]
    answer: Sequence[int]


def answer_rows(model: CausalLM, text: Text) -> Tensor:
    """Logits [tokens of the answer, model vocabulary] from which each was chosen, float32 or wider, on the CPU."""
    ids = [*text.prompt, *text.answer[:-1]]
    cache = model.new_cache(len(ids))
    rows = []
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        out = model.forward(cache, ForwardInput.chain(chunk, cache.length))
        cache.commit(range(len(chunk)))
        if start + len(chunk) > len(ids) - len(text.answer):
            rows.append(out.logits.cpu())
    return torch.cat(rows)[-len(text.answer) :]
