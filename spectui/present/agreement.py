"""What is said of two models before any speed: how well a draft fits, how far the last logits look ahead."""

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field, NonNegativeInt, with_config

from .runs import EXACT, Share

TOPS = (1, 8, 32, 60)
"""Numbers of highest logits among which the next-next token is looked for."""


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of a pair on text that the target wrote."""

    overlap: Share
    """Mean of sum_v min(p(v), q(v)) = 1 - total variation: the acceptance rate of one draft token (2211.17192, 3.2)."""
    top_1: Annotated[Share, Field(alias="top_1_agreement")]
    """How often both find the same token likeliest: the acceptance rate at temperature 0."""
    tokens: NonNegativeInt


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class NextNextRank:
    """Of one category: how often the next-next token is among the k highest logits, the token chosen then left out."""

    category: str
    tokens: NonNegativeInt
    """Tokens that have one before them in the answer."""
    top_1: Share
    top_8: Share
    top_32: Share
    top_60: Share
