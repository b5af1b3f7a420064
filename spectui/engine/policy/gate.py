"""Whether to draft at all: a part of the draft policy."""

from .decaying_mean import DecayingMean

BREAK_EVEN = 0.98
"""The least speed-up: ``ar`` against itself is measured as 0.98 to 1.01 (docs/performance-log.md)."""
PROBE = 5
"""Steps that are counted before anything is decided, twice as many at first (``benchmarks.constants``)."""
FIRST_PAUSE, LAST_PAUSE = 32, 256
"""Steps without a draft, ever more of them (``benchmarks.constants``)."""
OUTLIER = 4.0
"""Plain passes that a step counts for, at most: one that stalls closes nothing (``benchmarks.constants``)."""


class Gate:
    """Closes where drafting costs more than it brings, then probes again, with exponential backoff."""

    def __init__(self) -> None:
        self._paused = 0
        """Steps until the next probe."""
        self._next_pause = FIRST_PAUSE
        self._begin_probe(2 * PROBE)

    def _begin_probe(self, steps: int) -> None:
        self._first, self._probe = True, steps
        self._speed_up = DecayingMean()

    @property
    def open(self) -> bool:
        """Whether the next step should draft."""
        return self._paused == 0

    def begin(self) -> None:
        """Another text begins, or this mode takes over: its first step reads what there is, and is not counted."""
        self._first = True

    def update(self, tokens: int, ms: float, plain_ms: float) -> None:
        """Take in a step: tokens emitted, its wall time, and what a step without a draft would have taken."""
        if self._paused:
            self._paused -= 1
        elif self._first:
            self._first = False
        elif plain_ms > 0.0:
            self._count(tokens, ms / plain_ms)

    def _count(self, tokens: int, ratio: float) -> None:
        self._speed_up.update(tokens, min(OUTLIER, ratio))
        self._probe -= 1
        if self._probe > 0:
            return
        if self._speed_up.value >= BREAK_EVEN:
            self._next_pause = FIRST_PAUSE
            return
        self._paused, self._next_pause = self._next_pause, min(LAST_PAUSE, 2 * self._next_pause)
        self._begin_probe(PROBE)
