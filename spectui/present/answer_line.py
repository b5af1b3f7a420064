"""The numbers of an answer in one line, as under it on every screen."""

from ..record.metrics import LOOPING, LOOPS, Meter

GAP = " · "
TIED = "\xa0"
"""The space inside a part, where no line breaks."""


def percent(share: float) -> str:
    """``69 %``."""
    return f"{share * 100:.0f} %"


def answer_line(meter: Meter, more: str = "", room: int = 1000) -> str:
    """The numbers of an answer in one line, and what else is to be said; unknown is –.

    Where ``room`` cells do not hold all of it, the least important numbers are left out.
    """
    parts = [part.replace(" ", TIED) for part in (*_numbers(meter), *_loops(meter), *([more] if more else []))]
    for least in _numbers(meter)[::-1][:3]:
        if len(GAP.join(parts)) > room:
            parts.remove(least.replace(" ", TIED))
    return GAP.join(parts)


def _numbers(meter: Meter) -> list[str]:
    """The most important first."""
    numbers = meter.numbers
    rate, per_step, share = numbers.tokens_per_second, numbers.tokens_per_step, numbers.acceptance_rate
    return [
        f"{rate:.1f} tok/s" if rate else "– tok/s",
        f"{per_step:.2f} tokens per step" if per_step else "– tokens per step",
        f"accepted {numbers.accepted}/{numbers.drafted} ({percent(share)})" if share is not None else "accepted –",
        f"{numbers.emitted} tokens",
        f"first token {numbers.ttft_ms:.0f} ms" if numbers.ttft_ms is not None else "first token –",
    ]


def _loops(meter: Meter) -> list[str]:
    return [f"goes in circles {LOOPS} (distinct-3 below {LOOPING:g})"] if meter.looping else []
