"""Running models over answers that the target gave, to look at their logits there."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..engine.model.causal_lm import CausalLM
from ..engine.model.forward import ForwardInput
from ..present.report import TOPS, NextNextRank, PairAgreement

CHUNK = 256


@dataclass(frozen=True, slots=True)
class Text:
    """An answer that a target gave."""

    category: str
    prompt: Sequence[int]
    answer: Sequence[int]


def answer_rows(model: CausalLM, text: Text) -> Tensor:
    """Logits [tokens of the answer, model vocabulary] from which each was chosen, float32 or wider, on the CPU.

    Those of tokens that a model has no output for are minus infinity.
    """
    ids = [*text.prompt, *text.answer[:-1]]
    cache = model.new_cache(len(ids))
    rows = []
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        out = model.forward(cache, ForwardInput.chain(chunk, cache.length))
        cache.commit(range(len(chunk)))
        if start + len(chunk) > len(ids) - len(text.answer):
            rows.append(out.logits.cpu())
    made, columns = torch.cat(rows)[-len(text.answer) :], model.output_token_ids
    if columns is None:
        return made
    return made.new_full((len(made), model.config.vocab_size), float("-inf")).index_copy_(1, columns.cpu(), made)


@torch.inference_mode()
def measure_pair_agreement(
    target: CausalLM, draft: CausalLM, vocabulary: int, temperature: float, texts: Iterable[Text]
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


@torch.inference_mode()
def measure_next_next_rank(target: CausalLM, vocabulary: int, texts: Iterable[Text]) -> list[NextNextRank]:
    """LogitSpec's premise on a user's own model: how high the last logits rank the token after the next one.

    By category, in the order in which they come (2507.01449, section 3).
    """
    ranks: dict[str, list[Tensor]] = {}
    for text in texts:
        mine = ranks.setdefault(text.category, [])
        if len(text.answer) < 2:
            continue
        logits = answer_rows(target, text)[:-1, :vocabulary].clone()
        chosen, following = torch.tensor(text.answer[:-1]), torch.tensor(text.answer[1:])
        wanted = logits.gather(1, following[:, None])
        logits.scatter_(1, chosen[:, None], float("-inf"))
        higher = (logits > wanted).sum(1)
        higher[following == chosen] = vocabulary
        mine.append(higher)
    return [_next_next_rank(category, torch.cat(mine) if mine else torch.zeros(0)) for category, mine in ranks.items()]


def _next_next_rank(category: str, ranks: Tensor) -> NextNextRank:
    within = (float((ranks < top).float().mean()) if len(ranks) else 0.0 for top in TOPS)
    return NextNextRank(category, len(ranks), *within)
