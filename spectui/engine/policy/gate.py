"""Whether to draft at all."""


class Gate:
    """Whether drafting is worth its own time; when it is not, it is tried again every 32 steps, backing off to 256."""

    IGNORED, WARM_UP, PROBE, FIRST_PAUSE, LAST_PAUSE = 2, 10, 5, 32, 256
    CHEAP_IGNORED, CHEAP_PROBE, CHEAP_FIRST_PAUSE, CHEAP_LAST_PAUSE = 1, 2, 8, 32

    def __init__(self) -> None:
        self.cheap = False
        """Whether trying costs so little that it may happen more often: an answer is short."""
        self._tokens = self._ms = self._steps = self._plain_ms = 0.0
        self._ignore = self.IGNORED
        self._due = self.WARM_UP
        self._closed_for = 0
        self._pause = self.FIRST_PAUSE

    @property
    def open(self) -> bool:
        """Whether the next step should draft."""
        return self._closed_for == 0

    @property
    def opens_next(self) -> bool:
        """Whether the step after this one may draft."""
        return self._closed_for <= 1

    def begin(self) -> None:
        """Another text begins, or catching up with it: the next steps say little, and a cheap try is worth making."""
        self._ignore = max(self._ignore, self.CHEAP_IGNORED if self.cheap else self.IGNORED)
        if self.cheap and not self.open:
            self._closed_for = 0
            self._due = self.CHEAP_PROBE

    def note(self, tokens: int, ms: float, plain_ms: float) -> None:
        """Take in a step: tokens emitted, its wall time, and what a step without a draft would take.

        A single step that took very long (another program, the garbage collector) says little and counts less.
        """
        if not self.open:
            self._closed_for -= 1
            self._due = self.CHEAP_PROBE if self.cheap else self.PROBE
            self._ignore = self.CHEAP_IGNORED if self.cheap else self.IGNORED
            return
        if self._ignore:
            self._ignore -= 1
            return
        usual = max(plain_ms, self._ms / self._steps if self._steps else 0.0)
        if usual > 0.0:
            ms = min(ms, 4.0 * usual)
        self._tokens = 0.9 * self._tokens + tokens
        self._ms = 0.9 * self._ms + ms
        self._steps = 0.9 * self._steps + 1.0
        self._plain_ms = 0.9 * self._plain_ms + plain_ms
        self._due = max(0, self._due - 1)
        if self._due == 0 and plain_ms > 0.0:
            self._decide(worth=self._tokens / self._ms >= 0.98 * self._steps / self._plain_ms)

    def _decide(self, worth: bool) -> None:
        first, last = (
            (self.CHEAP_FIRST_PAUSE, self.CHEAP_LAST_PAUSE) if self.cheap else (self.FIRST_PAUSE, self.LAST_PAUSE)
        )
        if worth:
            self._pause = first
            return
        self._closed_for = min(last, max(first, self._pause))
        self._pause = min(last, 2 * self._closed_for)
        self._tokens = self._ms = self._steps = self._plain_ms = 0.0
