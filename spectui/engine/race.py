"""Several lanes answer one prompt in turns, so that at every moment all have used the device for the same time."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from .values.events import End, Event

if TYPE_CHECKING:
    from .decoder import Decoder

MOST_LANES = 6


def furthest_behind(clocks: Mapping[str, float]) -> str:
    """The lane whose own clock shows least; the earlier of equals."""
    return min(clocks, key=clocks.__getitem__)


class Race:
    """Steps decoders that share a target, each with a cache and a LaneClock of its own.

    Always the unfinished lane that is furthest behind makes the next step, so the clocks of unfinished lanes differ
    by at most the longest step.
    """

    def __init__(
        self, lanes: Mapping[str, "Decoder"], emit: Callable[[str, Event], None], stopped: Callable[[], bool]
    ) -> None:
        self._lanes, self._emit, self._stopped = lanes, emit, stopped
        self.answers: dict[str, list[int]] = {}
        """Ids of each lane that has come to its own end."""
        self.clocks: dict[str, float] = {}
        """Milliseconds that each unfinished lane has used."""

    def run(self, prompt: Sequence[int], together: bool = True) -> None:
        """Race to the end, or until somebody stops it. Every lane gets its End.

        One lane fills its cache, the others copy it and are credited with the same time. Not ``together``, each
        lane runs alone and gives its memory back, for devices that cannot hold all caches; the clocks are the same.
        """
        groups = [list(self._lanes)] if together else [[lane] for lane in self._lanes]
        stopped = False
        for group in groups:
            if stopped or not self._start(group, prompt):
                stopped = True
                self._end(group)
                continue
            stopped = not self._finish()
            if not together:
                self._lanes[group[0]].forget()

    def _start(self, lanes: Sequence[str], prompt: Sequence[int]) -> bool:
        """Whoever needs the target's states in the prompt makes its pass: they cannot be had from a copy."""
        first = next((lane for lane in lanes if self._lanes[lane].needs.hidden), lanes[0])
        prefill = self._lanes[first].prefill(prompt, self._stopped)
        if prefill is None:
            return False
        for lane in lanes:
            made = prefill if lane == first else self._lanes[lane].take_prefill(self._lanes[first], prefill)
            self._enter(lane, made.time_ms, made)
        return True

    def _enter(self, lane: str, time_ms: float, event: Event) -> None:
        self._emit(lane, event)
        self.clocks[lane] = time_ms
        self._leave_at_end(lane)

    def _finish(self) -> bool:
        while self.clocks:
            if self._stopped():
                self._end(list(self.clocks))
                return False
            lane = furthest_behind(self.clocks)
            step = self._lanes[lane].step()
            self._enter(lane, step.time_ms, step)
        return True

    def _leave_at_end(self, lane: str) -> None:
        end = self._lanes[lane].answer.end
        if end is not None:
            del self.clocks[lane]
            self.answers[lane] = self._lanes[lane].answer.emitted
            self._emit(lane, End(end))

    def _end(self, lanes: Sequence[str]) -> None:
        for lane in lanes:
            self.clocks.pop(lane, None)
            self._emit(lane, End("stopped"))
