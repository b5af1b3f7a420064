"""Whether a text goes round in circles."""

from collections.abc import Sequence

DISTINCT = 0.5
"""Below this share of distinct runs of three tokens a text loops."""
TAIL, EVERY = 48, 16
"""So many last tokens are looked at, after every so many."""


def distinct_3(tokens: Sequence[int]) -> float:
    """Distinct runs of three tokens over all of them; 1 for a text that has none."""
    runs = list(zip(tokens, tokens[1:], tokens[2:], strict=False))
    return len(set(runs)) / len(runs) if runs else 1.0


def loops(tokens: Sequence[int]) -> bool:
    """Whether a text repeats itself."""
    return distinct_3(tokens) < DISTINCT


def begins_to_loop(answer: Sequence[int]) -> bool:
    """Whether the end of an answer repeats itself; asked of a growing one, it looks only now and then."""
    return len(answer) >= TAIL and len(answer) % EVERY == 0 and loops(answer[-TAIL:])
