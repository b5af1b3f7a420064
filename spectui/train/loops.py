"""Whether a text goes round in circles."""

from collections.abc import Sequence

from ..record.metrics import distinct

DISTINCT = 0.5
"""Below this share of distinct runs of three tokens a text loops."""
TAIL, EVERY = 48, 16
"""So many last tokens are looked at, after every so many."""


def loops(tokens: Sequence[int]) -> bool:
    """Whether a text repeats itself."""
    share = distinct(tokens)
    return share is not None and share < DISTINCT


def begins_to_loop(answer: Sequence[int]) -> bool:
    """Whether the end of an answer repeats itself; asked of a growing one, it looks only now and then."""
    return len(answer) >= TAIL and len(answer) % EVERY == 0 and loops(answer[-TAIL:])
