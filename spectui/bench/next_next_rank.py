"""LogitSpec's premise on a user's own model: how high the last logits rank the token after the next one."""

from collections.abc import Iterable

import torch

from ..engine.model.causal_lm import CausalLM
from ..present.agreement import TOPS, NextNextRank
from .teacher import Text, answer_rows


@torch.inference_mode()
def measure_next_next_rank(target: CausalLM, vocabulary: int, texts: Iterable[Text]) -> list[NextNextRank]:
    """Count on answers that the target wrote, by category, in the order in which they come (2507.01449, section 3)."""
    made: dict[str, NextNextRank] = {}
    for text in texts:
        one = made.setdefault(text.category, NextNextRank(text.category))
        if len(text.answer) < 2:
            continue
        logits = answer_rows(target, text)[:-1, :vocabulary].clone()
        chosen, following = torch.tensor(text.answer[:-1]), torch.tensor(text.answer[1:])
        wanted = logits.gather(1, following[:, None])
        logits.scatter_(1, chosen[:, None], float("-inf"))
        ranks = (logits > wanted).sum(1)
        ranks[following == chosen] = vocabulary
        one.tokens += len(following)
        for top in TOPS:
            one.within[top] += int((ranks < top).sum())
    return list(made.values())
