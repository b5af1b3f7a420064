"""The numbers of an answer in one line, as under it on every screen."""

from ..record.metrics import LOOPING, LOOPS, Meter


def answer_line(meter: Meter) -> str:
    """The numbers of an answer in one line; unknown is –."""
    numbers = meter.numbers
    rate, per_step, share = numbers.tokens_per_second, numbers.tokens_per_step, numbers.acceptance_rate
    parts = [
        f"{numbers.emitted} tokens" if "emitted" not in numbers.unknown else "– tokens",
        f"{rate:.1f} tok/s" if rate else "– tok/s",
        f"first after {numbers.ttft_ms:.0f} ms" if numbers.ttft_ms is not None else "first after –",
        f"{per_step:.2f} tok/step" if per_step else "– tok/step",
        f"accepted {numbers.accepted}/{numbers.drafted}" + (f" ({share:.0%})" if share is not None else "")
        if "drafted" not in numbers.unknown
        else "accepted – (not told)",
    ]
    if "rejected" in numbers.unknown and numbers.drafted > numbers.accepted:
        parts.append(f"{numbers.drafted - numbers.accepted} drafted in vain, which a server does not send")
    if meter.looping:
        parts.append(f"goes in circles {LOOPS} (distinct-3 below {LOOPING:g})")
    return " · ".join(parts)
