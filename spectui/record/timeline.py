"""When each record of a recording happened: lanes that answer together share a clock, and answers follow each other."""

from array import array
from bisect import bisect_left
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from .events import CHAT, Compared, EndText, PrefillText, Ready, Record, ServedText, StepText, Told, TurnText

HEADER, TURN, PREFILL, STEP, TOLD = "header", "turn", "prefill", "step", "told"
END, COMPARED, OTHER = "end", "compared", "other"
"""A piece that a server sent is a step of its lane."""
TIMED = (PREFILL, STEP, TOLD)
"""Kinds with a time on their lane's own clock."""


class Mark(NamedTuple):
    """What a timeline needs to know of a record."""

    kind: str
    lane: str | None
    """None for a record of no lane."""
    clock: float = 0.0
    """Milliseconds on the lane's own clock; only kinds that are ``TIMED`` have one."""


def mark_of(record: Record) -> Mark:
    """The mark of a record in memory."""
    lane = getattr(record, "lane", None)
    match record:
        case Ready():
            return Mark(HEADER, None)
        case TurnText():
            return Mark(TURN, lane)
        case PrefillText(prefill=event):
            return Mark(PREFILL, lane, event.time_ms)
        case StepText(step=event):
            return Mark(STEP, lane, event.time_ms)
        case ServedText(time_ms=time):
            return Mark(STEP, lane, time)
        case Told(time_ms=time):
            return Mark(TOLD, lane, time)
        case EndText():
            return Mark(END, lane)
        case Compared():
            return Mark(COMPARED, lane)
    return Mark(OTHER, lane)


@dataclass(frozen=True, slots=True)
class Take:
    """An answer, or the answers of several lanes to one prompt, side by side."""

    begin: int
    """Place of its first record on the timeline."""
    end: int
    """Place after its last record."""
    start_ms: float
    length_ms: float
    lanes: tuple[str, ...]
    steps: int
    header: int | None = None
    """Place of the record that names its models."""


class Timeline:
    """The order in which records are played, as a sequence of takes.

    A take begins with a turn of a lane that has had one, and wherever the chat's own lane meets other lanes: those of a
    measurement begin when the chat's answer is over.
    """

    def __init__(self, marks: Iterable[Mark]) -> None:
        self.order = array("L")
        """Place -> number of the record in the recording."""
        self.times = array("d")
        """Place -> milliseconds since the first take began, never falling."""
        self.kinds: list[str] = []
        """Place -> kind."""
        self.takes: list[Take] = []
        self._ends: list[int] = []
        waiting: list[tuple[float, int, str]] = []
        open_: list[tuple[float, int, str]] = []
        clocks: dict[str, float] = {}
        lanes: dict[str, None] = {}
        for number, mark in enumerate(marks):
            if mark.lane is None:
                waiting.append((0.0, number, mark.kind))
                continue
            if mark.kind == TURN:
                if mark.lane in lanes or (lanes and (mark.lane == CHAT or CHAT in lanes)):
                    self._close(open_, lanes)
                    open_, clocks, lanes = [], {}, {}
                lanes[mark.lane] = None
                open_ += waiting
                waiting = []
            elif mark.kind in TIMED:
                clocks[mark.lane] = max(mark.clock, clocks.get(mark.lane, 0.0))
            elif mark.kind == COMPARED:
                clocks[mark.lane] = max(clocks.values(), default=0.0)
            open_.append((clocks.get(mark.lane, 0.0), number, mark.kind))
        self._close(open_ + waiting, lanes)

    def _close(self, records: list[tuple[float, int, str]], lanes: dict[str, None]) -> None:
        if not records:
            return
        records.sort()
        start, begin = self.length_ms, len(self.order)
        for clock, number, kind in records:
            self.order.append(number)
            self.times.append(start + clock)
            self.kinds.append(kind)
        steps = sum(kind == STEP for _, _, kind in records)
        headers = [begin + index for index, (_, _, kind) in enumerate(records) if kind == HEADER]
        header = headers[-1] if headers else self.takes[-1].header if self.takes else None
        self.takes.append(Take(begin, len(self.order), start, records[-1][0], tuple(lanes), steps, header))
        self._ends.append(len(self.order))

    @property
    def length_ms(self) -> float:
        """Milliseconds from the first record to the last."""
        return self.times[-1] if self.times else 0.0

    def take_at(self, place: int) -> int:
        """Number of the take that a place is in; one between two takes is the end of the first."""
        return min(bisect_left(self._ends, place), max(0, len(self.takes) - 1))
