"""What is said of two models before any speed: how well a draft fits, how far the last logits look ahead."""

from dataclasses import dataclass, field
from typing import Any

TOPS = (1, 8, 32, 60)
"""Numbers of highest logits among which the next-next token is looked for."""


@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of a pair on text that the target wrote."""

    overlap: float
    """Mean of sum_v min(p(v), q(v)) = 1 - total variation: the acceptance rate of one draft token (2211.17192, 3.2)."""
    top_1: float
    """How often both find the same token likeliest: the acceptance rate at temperature 0."""
    tokens: int

    def to_json(self) -> dict[str, Any]:
        """As in a report."""
        return {"overlap": self.overlap, "top_1_agreement": self.top_1, "tokens": self.tokens}


@dataclass(slots=True)
class NextNextRank:
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
