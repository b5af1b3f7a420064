"""Whether to draft at all: a part of the draft policy."""

from .decaying_mean import DecayingMean


class Gate:
    """Closes where drafting costs more than it brings, then probes again, with exponential backoff.

    Only ``BREAK_EVEN`` is a measurement; the other constants were chosen, and ``spectui bench`` tells how others do.
    """

    BREAK_EVEN = 0.98
    """The least speed-up: ``ar`` against itself is measured as 0.98 to 1.01 (docs/performance-log.md)."""
    IGNORED = 2
    """Steps that are not counted where drafting begins anew: the draft model has a text to read first."""
    PROBE = 5
    """Steps that are counted before anything is decided; twice as many of a mode that has never drafted."""
    FIRST_PAUSE, LAST_PAUSE = 32, 256
    """Steps without a draft: two per cent of a text are probes at worst (IGNORED + PROBE steps in 256)."""
    CHEAP_DIVISOR = 4
    """Pauses are so many times shorter where drafting is cheap."""
    OUTLIER = 4.0
    """A step counts for at most so many times the mean, so that one outlier in a probe closes nothing."""
    DECAY = 0.9
    """About twenty steps count: an answer of the demo pair has some sixty."""

    def __init__(self) -> None:
        self.cheap = False
        """Whether drafting takes a small part of a pass: another text, which may go differently, is a cheap probe."""
        self._ignored = self.IGNORED
        self._paused = 0
        """Steps until the next probe."""
        self._next_pause = 0
        self._begin_probe(2 * self.PROBE)

    def _begin_probe(self, steps: int = PROBE) -> None:
        self._probe = steps
        self._autoregressive_ms, self._ms = DecayingMean(self.DECAY), DecayingMean(self.DECAY)

    @property
    def open(self) -> bool:
        """Whether the next step should draft."""
        return self._paused == 0

    @property
    def opens_next(self) -> bool:
        """Whether the step after this one may draft."""
        return self._paused <= 1

    def begin(self) -> None:
        """Another text begins, or catching up with it."""
        self._ignored = self.IGNORED
        if self.cheap and not self.open:
            self._paused = 0
            self._begin_probe()

    def update(self, tokens: int, ms: float, plain_ms: float) -> None:
        """Take in a step: tokens emitted, its wall time, and what a step without a draft would have taken."""
        if not self.open:
            self._paused -= 1
            self._ignored = self.IGNORED
            return
        if self._ignored:
            self._ignored -= 1
            return
        if plain_ms <= 0.0:
            return
        self._autoregressive_ms.update(tokens * plain_ms)
        self._ms.update(min(ms, self.OUTLIER * max(plain_ms, self._ms.value)))
        self._probe = max(0, self._probe - 1)
        if self._probe:
            return
        if self._autoregressive_ms.value >= self.BREAK_EVEN * self._ms.value:
            self._next_pause = 0
        else:
            self._pause()

    def _pause(self) -> None:
        divisor = self.CHEAP_DIVISOR if self.cheap else 1
        self._paused = min(self.LAST_PAUSE // divisor, max(self.FIRST_PAUSE // divisor, self._next_pause))
        self._next_pause = 2 * self._paused
        self._begin_probe()
