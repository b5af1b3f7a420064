"""Replaying a recording: forwards and backwards, at any speed, with what stands and counts at each moment."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

from .events import Compared, EndText, Ready, Record, ServedText, StepText, SwitchText, Told, TurnText
from .metrics import Meter
from .recording import Recording, Remembered
from .timeline import COMPARED, END, OTHER, STEP, TOLD, TURN, Take, Timeline

SPEEDS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Times as fast as it was."""
KEYFRAME = 256
"""Records from one kept state to the next; going back reads no more than so many again."""
MOST_AT_ONCE = 400
"""Records that a player takes in between two looks at the keyboard, however many are due."""
WINDOW, WINDOW_BYTES = 4096, 1 << 24
"""The most records, and bytes of them in a file, that ``shown`` gives of a take."""


@dataclass(slots=True)
class LaneState:
    """A lane at a moment."""

    turn: TurnText | None = None
    mode: str = ""
    """The mode that runs."""
    meter: Meter = field(default_factory=Meter)
    step: StepText | None = None
    """The last step."""
    piece: ServedText | None = None
    """The last piece that a server sent."""
    told: Told | None = None
    """What a server said at the end."""
    steps: int = 0
    """Steps so far, or pieces of a server's."""
    end: EndText | None = None
    compared: Compared | None = None

    @property
    def clock(self) -> float:
        """Milliseconds on the lane's own clock."""
        if self.step is not None:
            return self.step.step.time_ms
        return self.piece.time_ms if self.piece else self.meter.numbers.ttft_ms or 0.0

    def feed(self, record: Record) -> None:
        """Take in one of the lane's records."""
        self.meter.feed(record)
        match record:
            case TurnText():
                self.turn, self.mode = record, record.turn.mode
            case StepText():
                self.step = record
                self.steps += 1
            case ServedText():
                self.piece = record
                self.steps += 1
            case Told():
                self.told = record
            case SwitchText(switch=switch):
                self.mode = switch.mode
            case EndText():
                self.end = record
            case Compared():
                self.compared = record


@dataclass(frozen=True, slots=True)
class Kept:
    """A lane's state to come back to; what was said up to there stands elsewhere, once for all of them."""

    state: LaneState
    """Its meter has neither ids nor words."""
    ids: int
    words: int

    @classmethod
    def of(cls, state: LaneState) -> "Kept":
        """The state as it is now."""
        meter = state.meter
        return cls(replace(state, meter=meter.copy((), ())), len(meter.tokens), len(meter.words))

    def whole(self, ids: Sequence[int], words: Sequence[str]) -> LaneState:
        """The state with as much of the answer as there was."""
        return replace(self.state, meter=self.state.meter.copy(ids[: self.ids], words[: self.words]))


class Replay:
    """A place on the timeline of a recording, and the state of each lane there; the same moves give the same state."""

    def __init__(self, recording: Recording | Sequence[Record]) -> None:
        self.ating = Remembered(recording) if isinstance(recording, Sequence) else recording
        self.timeline = Timeline(self.ating.marks())
        self.place = 0
        """How many records have been handed out."""
        self.clock = 0.0
        """Milliseconds on the common clock."""
        self.number = 0
        """Which take it is."""
        self.lanes: dict[str, LaneState] = {}
        """The lanes of the take, as they stand."""
        self._keyframes: dict[int, dict[int, dict[str, Kept]]] = {}
        """Take -> place -> lane -> its state."""
        self._said: dict[tuple[int, str], tuple[list[int], list[str]]] = {}
        """Take and lane -> the ids and the words of its answer as far as it was played."""

    # -- where it stands

    @property
    def length(self) -> float:
        """Milliseconds until the last lane has ended."""
        return self.timeline.length_ms

    @property
    def done(self) -> bool:
        """Whether everything was handed out."""
        return self.place >= len(self.timeline.order)

    @property
    def takes(self) -> Sequence[Take]:
        """All takes."""
        return self.timeline.takes

    @property
    def take(self) -> Take:
        """The take that it stands in."""
        return self.takes[self.number] if self.takes else Take(0, 0, 0.0, 0.0, (), 0)

    @property
    def models(self) -> Ready | None:
        """The models of the take, if the recording names them."""
        made = None if self.take.header is None else self.at(self.take.header)
        return made if isinstance(made, Ready) else None

    def question(self, number: int) -> str:
        """What was asked in a take."""
        turn = next(
            (place for place in range(self.takes[number].begin, self.takes[number].end)
             if self.timeline.kinds[place] == TURN), None
        )  # fmt: skip
        record = self.at(turn) if turn is not None else None
        return record.question if isinstance(record, TurnText) else ""

    def records(self, number: int) -> Iterator[Record]:
        """The records of a take in order; the replay stays where it is."""
        return map(self.at, range(self.takes[number].begin, self.takes[number].end))

    @property
    def steps(self) -> int:
        """Steps of the take so far, of all lanes."""
        return sum(state.steps for state in self.lanes.values())

    def shown(self) -> list[Record]:
        """The records of the take so far, for a view that begins anew.

        Of a very long take only the last ones, behind the turns of its lanes; ``left_out`` says how many are missing.
        """
        first = self._window()
        turns = [state.turn for state in self.lanes.values() if state.turn] if first > self.take.begin else []
        return [*turns, *map(self.at, range(first, self.place))]

    @property
    def left_out(self) -> int:
        """Steps of the take that ``shown`` leaves out."""
        return self.timeline.kinds[self.take.begin : self._window()].count(STEP)

    def _window(self) -> int:
        first, room = self.place, WINDOW_BYTES
        least = max(self.take.begin, self.place - WINDOW)
        while first > least and room > 0:
            first -= 1
            room -= self.ating.size(self.timeline.order[first])
        return first

    # -- forwards

    def until(self, clock: float, most: int | None = None) -> list[Record]:
        """Everything that is due by ``clock`` and was not handed out yet; ``most`` records of it, and no further."""
        due = max(self.place, bisect_right(self.timeline.times, clock))
        end = due if most is None else min(due, self.place + most)
        taken = self._go_on(end)
        if end == due:
            self.clock = max(self.clock, min(clock, self.length))
        return taken

    def step(self) -> list[Record]:
        """Up to the next step of any lane."""
        return self._go_on(self._after_step(self.place))

    def _after_step(self, place: int) -> int:
        """The place behind the first step from a place on, and what ends with it; the end if there is none."""
        kinds, last = self.timeline.kinds, len(self.timeline.kinds)
        while place < last and kinds[place] != STEP:
            place += 1
        place = min(last, place + 1)
        while place < self.takes[self.timeline.take_at(place)].end and kinds[place] in (END, COMPARED, TOLD, OTHER):
            place += 1
        return place

    def _go_on(self, end: int) -> list[Record]:
        taken = list(self._fold(end))
        self.clock = max(self.clock, self._time())
        return taken

    # -- anywhere

    def back(self) -> None:
        """To before the last step of any lane; before the first one to where the take before ended."""
        kinds, begin = self.timeline.kinds, self.take.begin
        last = self.place - 1
        while last >= begin and kinds[last] != STEP:
            last -= 1
        before = last - 1
        while before >= begin and kinds[before] != STEP:
            before -= 1
        if last < begin:
            self.go_to(begin)
        elif before < begin:
            self.go_to(last)
        else:
            self.go_to(min(last, self._after_step(before)))

    def seek(self, clock: float) -> None:
        """To a moment; ``shown`` gives what stands there."""
        clock = max(0.0, min(clock, self.length))
        self.go_to(self.place_at(clock))
        self.clock = clock

    def go_to(self, place: int) -> None:
        """To a place on the timeline."""
        self.approach(place, len(self.timeline.order))

    def approach(self, place: int, most: int) -> bool:
        """Towards a place, reading so many records at most; whether it was reached."""
        place = max(0, min(place, len(self.timeline.order)))
        number = self.timeline.take_at(place)
        if place < self.place or number != self.number or self._nearer(number, place) > self.place:
            self._restore(number, place)
        for _ in self._fold(min(place, self.place + most)):
            pass
        self.clock = self._time()
        return self.place == place

    def place_at(self, clock: float) -> int:
        """How many records are due by a moment."""
        return bisect_right(self.timeline.times, clock) if clock > 0.0 else 0

    def go_to_take(self, number: int) -> None:
        """To the beginning of a take."""
        number = max(0, min(number, len(self.takes) - 1))
        if self.takes:
            self._restore(number, self.takes[number].begin)
            self.clock = self.takes[number].start_ms

    def _time(self) -> float:
        return self.timeline.times[self.place - 1] if self.place else 0.0

    # -- states

    def _fold(self, end: int) -> Iterator[Record]:
        """Take in everything up to a place, and hand it on."""
        while self.place < end:
            number = self.timeline.take_at(self.place + 1)
            if number != self.number or self.place == self.take.begin:
                self.number, self.lanes = number, {}
            record = self.at(self.place)
            self.place += 1
            self._feed(record)
            if self.place % KEYFRAME == 0:
                self._keep()
            yield record

    def _feed(self, record: Record) -> None:
        lane = getattr(record, "lane", None)
        if lane is None:
            return
        state = self.lanes.setdefault(lane, LaneState())
        state.feed(record)
        ids, words = self._said.setdefault((self.number, lane), ([], []))
        ids += state.meter.tokens[len(ids) :]
        words += state.meter.words[len(words) :]

    def _keep(self) -> None:
        frames = self._keyframes.setdefault(self.number, {})
        if self.place not in frames:
            frames[self.place] = {lane: Kept.of(state) for lane, state in self.lanes.items()}

    def _nearer(self, number: int, place: int) -> int:
        """The place of the last kept state up to a place; where the take begins if there is none."""
        return max((at for at in self._keyframes.get(number, ()) if at <= place), default=self.takes[number].begin)

    def _restore(self, number: int, place: int) -> None:
        self.number, self.place = number, self._nearer(number, place) if self.takes else 0
        kept = self._keyframes.get(number, {}).get(self.place, {})
        self.lanes = {lane: one.whole(*self._said[number, lane]) for lane, one in kept.items()}

    def at(self, place: int) -> Record:
        """The record at a place; the replay stays where it is."""
        return self.ating.record(self.timeline.order[place])


class Player:
    """A replay that goes on by itself: how fast, and whether it does."""

    def __init__(self, replay: Replay, speed: float = 1.0) -> None:
        self.replay, self.speed = replay, speed
        self.playing = False

    def pass_time(self, seconds: float) -> list[Record]:
        """What happens meanwhile; at the end it stops."""
        if not self.playing:
            return []
        records = self.replay.until(self.replay.clock + seconds * 1e3 * self.speed, MOST_AT_ONCE)
        self.playing = not self.replay.done
        return records

    def change_speed(self, by: int) -> None:
        """The next faster speed, or the next slower one if negative."""
        others = [speed for speed in SPEEDS if (speed > self.speed if by > 0 else speed < self.speed)]
        if others:
            self.speed = min(others) if by > 0 else max(others)
