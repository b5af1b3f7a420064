"""The numbers of an answer in one line, as under it on every screen."""

from dataclasses import dataclass

from ..record.metrics import LOOPING, LOOPS, Meter, Numbers

GAP = " · "
TIED = "\xa0"
"""The space inside a part, where no line breaks."""


def percent(share: float) -> str:
    """``69 %``."""
    return f"{share * 100:.0f} %"


@dataclass(frozen=True, slots=True)
class AnswerLine:
    """Numbers of an answer, of which as many are shown as there is room for."""

    parts: tuple[str, ...]
    least: tuple[str, ...] = ()
    """The parts that may be left out, what can be missed most easily first."""

    def __str__(self) -> str:
        return GAP.join(self.parts)

    def within(self, room: int) -> str:
        """What fits into so many cells; what is important stays even if it does not."""
        parts = list(self.parts)
        for least in self.least:
            if len(GAP.join(parts)) > room:
                parts.remove(least)
        return GAP.join(parts)


def answer_line(meter: Meter, more: str = "") -> AnswerLine:
    """The numbers of an answer in one line, and what else is to be said; unknown is –."""
    numbers = [_tied(part) for part in _numbers(meter)]
    said = (*_unsent(meter.numbers), *_loops(meter), *([more] if more else []))
    return AnswerLine((*numbers, *map(_tied, said)), tuple(numbers[:1:-1]))


def _tied(part: str) -> str:
    return part.replace(" ", TIED)


def _numbers(meter: Meter) -> list[str]:
    """The most important first."""
    numbers = meter.numbers
    rate, per_step, share = numbers.tokens_per_second, numbers.tokens_per_step, numbers.acceptance_rate
    return [
        f"{rate:.1f} tok/s" if rate else "– tok/s",
        f"{per_step:.2f} tokens per step" if per_step else "– tokens per step",
        _accepted(numbers, share),
        f"{numbers.emitted} tokens" if "emitted" not in numbers.unknown else "– tokens",
        f"first token {numbers.ttft_ms:.0f} ms" if numbers.ttft_ms is not None else "first token –",
    ]


def _accepted(numbers: Numbers, share: float | None) -> str:
    if share is None:
        return "accepted – (not told)" if "drafted" in numbers.unknown else "accepted –"
    return f"accepted {numbers.accepted}/{numbers.drafted} ({percent(share)})"


def _unsent(numbers: Numbers) -> list[str]:
    """What a server drafted in vain, which it only counts."""
    if "rejected" not in numbers.unknown or numbers.drafted <= numbers.accepted:
        return []
    return [f"{numbers.drafted - numbers.accepted} drafted in vain (never sent)"]


def _loops(meter: Meter) -> list[str]:
    return [f"goes in circles {LOOPS} (distinct-3 below {LOOPING:g})"] if meter.looping else []
