"""The clock of a lane: milliseconds since the command to answer."""

from time import perf_counter_ns
from typing import Protocol


class Clock(Protocol):
    """Tells the time that an event is stamped with."""

    def start(self) -> None:
        """A command to answer has come."""
        ...

    def stamp(self, spent_ms: float) -> float:
        """The time now, after work that took ``spent_ms``."""
        ...

    def leave_out(self, ms: float) -> None:
        """A time that has passed without anything being decoded, because somebody held it."""
        ...


class RealClock:
    """Time as the user feels it, everything included."""

    def __init__(self) -> None:
        self.start()

    def start(self) -> None:
        """A command to answer has come."""
        self._begin = perf_counter_ns()

    def stamp(self, spent_ms: float) -> float:
        """Milliseconds since ``start``."""
        return (perf_counter_ns() - self._begin) / 1e6

    def leave_out(self, ms: float) -> None:
        """Begin so much later."""
        self._begin += int(ms * 1e6)


class LaneClock:
    """Time that this lane alone has used the device, for lanes that take turns."""

    def __init__(self) -> None:
        self.elapsed = 0.0

    def start(self) -> None:
        """A command to answer has come."""
        self.elapsed = 0.0

    def stamp(self, spent_ms: float) -> float:
        """The sum of all that was spent so far."""
        self.elapsed += spent_ms
        return self.elapsed

    def leave_out(self, ms: float) -> None:
        """Nothing was spent."""


class Stopwatch:
    """Splits the wall time of a step into laps."""

    __slots__ = ("_begin", "laps")

    def __init__(self) -> None:
        self.laps: list[float] = []
        """When each lap ended, in milliseconds since the beginning; the next one begins there."""
        self._begin = perf_counter_ns()

    def lap(self) -> None:
        """End a lap."""
        self.laps.append((perf_counter_ns() - self._begin) / 1e6)

    def now(self) -> float:
        """Milliseconds since the beginning."""
        return (perf_counter_ns() - self._begin) / 1e6

    def at(self, moment: int) -> float:
        """A moment of ``perf_counter_ns`` in milliseconds since the beginning."""
        return (moment - self._begin) / 1e6
