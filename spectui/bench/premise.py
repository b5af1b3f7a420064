"""LogitSpec's premise on a user's own model: how high the last logits rank the token after the next one."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import torch

from ..engine.target import Target
from .teacher import Text, answer_rows

TOPS = (1, 8, 32, 60)


@dataclass(slots=True)
class Premise:
    """Counts for one category of questions."""

    category: str
    tokens: int = 0
    """Tokens that have one before them in the answer."""
    within: dict[int, int] = field(default_factory=lambda: dict.fromkeys(TOPS, 0))
    """k -> how many of them were among the k highest logits one step earlier, the token chosen then left out."""

    def share(self, top: int) -> float:
        """How often the next-next token is among the ``top`` highest."""
        return self.within[top] / self.tokens if self.tokens else 0.0

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        shares = {f"top_{top}": self.share(top) for top in TOPS}
        return {"category": self.category, "tokens": self.tokens, **shares}


@torch.inference_mode()
def measure_premise(target: Target, vocabulary: int, texts: Iterable[Text]) -> list[Premise]:
    """Count on answers that the target wrote, by category, in the order in which they come (2507.01449, section 3)."""
    made: dict[str, Premise] = {}
    for text in texts:
        one = made.setdefault(text.category, Premise(text.category))
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
