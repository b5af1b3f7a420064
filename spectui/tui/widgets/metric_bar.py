"""The numbers of the answer in one line, as many as there is room for."""

from typing import Any

from ...present.answer_line import percent
from ...record.metrics import LOOPS, Numbers, Speedup
from .parts import Part, PartsLine

BLOCKS = " ▁▂▃▄▅▆▇█"
STEPS = 16
"""Steps whose tokens are drawn as bars."""


class MetricBar(PartsLine):
    """The numbers of the answer; unknown is –, a speed-up only against a measured run."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.rates: list[float] = []

    def show(
        self,
        numbers: Numbers,
        speedup: Speedup | None,
        measuring: bool,
        follow: bool,
        key: str,
        looping: bool = False,
    ) -> None:
        """Draw the numbers that fit; the width of a number does not decide which ones do.

        A speed-up that is doubtful, or of an answer that goes in circles, is grey.
        """
        rate = numbers.tokens_per_second if numbers.emitted > 10 or numbers.decode_ms > 250 else None
        share, per = numbers.acceptance_rate, numbers.tokens_per_step
        accepted = f"{numbers.accepted}/{numbers.drafted}" if numbers.drafted else "–"
        rate_of = f" {percent(share)}" if share is not None else ""
        first = f"{numbers.ttft_ms:.0f} ms" if numbers.ttft_ms is not None else "–"
        against = f"{speedup} × plain" if speedup else "measuring …" if measuring else f"speed-up: press {key}"
        parts: list[Part] = [
            Part(0, f"{rate:.0f} tok/s" if rate else "– tok/s", 10, "bold"),
            Part(5, self._bars(), STEPS, "$token-accepted"),
            Part(4, f"accepted {accepted}{rate_of}", 20),
            Part(3, f"{per:.2f} tokens per step" if per else "– tokens per step", 20),
            Part(6, f"first token {first}", 17),
            Part(2, against, 12, "$text-muted" if speedup and (speedup.doubt or looping) else ""),
        ]
        if speedup:
            parts.append(Part(7, speedup.spread))
        if looping:
            parts.append(Part(2, f"loops {LOOPS}", 7, "$text-warning"))
        if not follow:
            parts.append(Part(1, "↓ more (end follows)", 20, "$text-warning"))
        self.draw(parts)

    def note(self, tokens: int) -> None:
        """Remember how many tokens a step gave, for the bars."""
        self.rates = [*self.rates[1 - STEPS :], float(tokens)]

    def _bars(self) -> str:
        """Tokens of the last steps on a fixed scale: a full block is 8 or more."""
        return "".join(BLOCKS[min(8, int(value))] for value in self.rates)
