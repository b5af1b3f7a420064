"""What a drafter is worth on answers that it has never learnt from."""

from collections.abc import Sequence
from dataclasses import dataclass

CHAIN = 4
"""Tokens drafted a step: a greedy chain."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a greedy chain of ``CHAIN`` would do over greedy answers."""

    tokens_per_step: float
    """The target's own token of each step included."""
    by_position: tuple[float, ...]
    """The share of steps in which the draft's first, second, ... token was accepted."""
    agreement: float
    """How often the first drafted token was right, over all places in the answers."""


def worth(answers: Sequence[Sequence[Sequence[bool]]]) -> Worth:
    """Decode answers as a chain would: ``answers[a][t][k]``, whether from place t on the k-th draft token is right."""
    steps = tokens = first = places = 0
    accepted = [0] * CHAIN
    for answer in answers:
        at = 0
        while at < len(answer):
            right = next((k for k, hit in enumerate(answer[at]) if not hit), len(answer[at]))
            right = min(right, len(answer) - at)
            for position in range(right):
                accepted[position] += 1
            steps += 1
            tokens += min(right + 1, len(answer) - at)
            at += right + 1
        first += sum(place[0] for place in answer)
        places += len(answer)
    return Worth(tokens / max(1, steps), tuple(count / max(1, steps) for count in accepted), first / max(1, places))
