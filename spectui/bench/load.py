"""Load: the same questions with more and more requests at a time, and what each of them then takes."""

from collections import deque
from collections.abc import Sequence
from threading import Event, Thread
from time import perf_counter

from ..engine.values.options import Options
from ..present.load_report import Level, Request
from ..session.served import ServedLane, messages_to
from ..system.errors import UserError
from .questions import Question
from .server_lane import ServerLane, ask_servers

EACH = 2
"""Requests of every place at a level, at least."""


def levels_up_to(most: int) -> list[int]:
    """1, 2, 4, … and the last one itself."""
    powers = [1 << n for n in range(most.bit_length()) if 1 << n < most]
    return [*powers, most]


class Load:
    """Asks one server; as soon as a request ends, its place takes the next question (a closed loop)."""

    def __init__(self, lane: ServedLane, questions: Sequence[Question], options: Options, system: str | None) -> None:
        self._lane, self._options = lane, options
        self._asked = [messages_to(system, (), question.turns[0]) for question in questions]
        self._stop = Event()

    def warm_up(self) -> None:
        """One answer that is thrown away; raises UserError if there is none."""
        (tally,) = ask_servers([ServerLane(self._lane)], self._asked[0], self._options).values()
        _ = tally.answered

    def level(self, places: int) -> Level:
        """Everything with so many requests at a time; raises UserError if all of them fail."""
        count = max(len(self._asked), EACH * places)
        waiting = deque(range(count))
        made: list[Request] = []
        lanes = [self._lane.another() for _ in range(places)]
        before, begun = self._lane.counters(), perf_counter()
        threads = [Thread(target=self._work, args=(lane, waiting, made), daemon=True) for lane in lanes]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                while thread.is_alive():  # so that an interrupt comes through
                    thread.join(0.1)
        finally:
            self._stop.set()
            for lane in lanes:
                lane.close()
        self._stop.clear()
        seconds = perf_counter() - begun
        if all(one.failed is not None for one in made):
            raise UserError(f"all {count} requests failed: {made[0].failed}")
        counted = self._lane.counters().since(before)
        return Level.of(self._lane.name, places, seconds, made, counted.drafted, counted.accepted)

    def _work(self, lane: ServedLane, waiting: "deque[int]", made: list[Request]) -> None:
        """One place: the next question as soon as the last is answered."""
        while waiting and not self._stop.is_set():
            try:
                messages = self._asked[waiting.popleft() % len(self._asked)]
            except IndexError:
                return
            (tally,) = ask_servers([ServerLane(lane)], messages, self._options).values()
            n = tally.meter.numbers
            known = {
                name: None if name in n.unknown else getattr(n, name) for name in ("emitted", "drafted", "accepted")
            }
            made.append(Request(tally.failed, tally.wall_ms, n.ttft_ms, n.tokens_per_second, **known))
