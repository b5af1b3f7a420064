"""Why decoding is fast or slow here, in one line of numbers."""

from typing import NamedTuple

from ..record.metrics import Numbers, Speedup

ESTIMATED = "≈"
"""Before what was not measured."""
OVERLAP = 1.05
"""From this share of a step on, draft and check took more time together than the step has: they ran side by side."""


class Why(NamedTuple):
    """The parts of the line, most important last."""

    cost: str
    """What a step costs, and the tokens that it gives."""
    plain: str
    """What plain decoding takes for as many; empty if unknown."""
    ratio: str
    """The second over the first; empty if unknown."""
    is_slow: bool
    """Whether plain decoding would be faster."""


def why(numbers: Numbers, plain_ms: float | None, speedup: Speedup | None = None) -> Why | None:
    """Of the answer so far, as means over its steps; None before the first step.

    ``plain_ms`` is what plain decoding takes for a token: measured if there is a ``speedup``, else an estimate.
    """
    tokens, steps = numbers.tokens_per_step, numbers.steps
    if tokens is None or not steps or numbers.decode_ms <= 0:
        return None
    wall, draft, check = (ms / steps for ms in (numbers.decode_ms, numbers.draft_ms, numbers.verify_ms))
    if not numbers.drafted:
        return Why(f"check {check:.1f} ms → 1 token; nothing is drafted", "", "", False)
    joined = "beside" if draft + check > OVERLAP * wall else "+"
    cost = f"draft {draft:.1f} ms {joined} check {check:.1f} ms → {tokens:.1f} tokens;"
    if not plain_ms:
        return Why(cost.rstrip(";"), "", "", False)
    ratio = speedup.value if speedup else tokens * plain_ms / wall
    mark = "" if speedup else f"{ESTIMATED} "
    return Why(cost, f"plain {mark}{tokens:.1f} × {plain_ms:.1f} ms:", f"{mark}×{ratio:.2f}", round(ratio, 2) < 1.0)
