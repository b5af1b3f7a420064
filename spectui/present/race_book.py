"""What a race has shown so far, from its records alone: live, after it, or from its trace."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median
from time import perf_counter

from ..record.events import Compared, EndText, PrefillText, Record, ServedText, StepText, Told, TurnText
from ..record.metrics import Meter, Numbers, Speedup, is_round_due, speedup, total

SERVED = "server"
"""The mode of a lane that is a server."""


@dataclass(slots=True)
class LaneBook:
    """One lane in one round."""

    mode: str
    prompt_tokens: int | None = 0
    remembers: int = 0
    """Tokens of the datastore that it may look up."""
    meter: Meter = field(default_factory=Meter)
    step_ms: list[float] = field(default_factory=list)
    clock: float = 0.0
    """Milliseconds on the lane's own clock."""
    end: str | None = None
    compared: Compared | None = None
    text: str = ""
    """Of a server, which may not tell its tokens."""

    @property
    def numbers(self) -> Numbers:
        """The lane's numbers so far."""
        return self.meter.numbers

    @property
    def tokens(self) -> list[int]:
        """Ids of its answer so far."""
        return self.meter.tokens

    @property
    def finished(self) -> bool:
        """Whether it came to its own end."""
        return self.end not in (None, "stopped", "error")

    def feed(self, record: Record) -> None:
        """Take in one of the lane's records."""
        self.meter.feed(record)
        match record:
            case PrefillText(prefill=prefill):
                self.clock = prefill.time_ms
            case StepText(step=step):
                self.step_ms.append(step.ms.wall)
                self.clock = step.time_ms
            case ServedText(time_ms=time, text=text):
                self.step_ms.append(time - self.clock)
                self.clock = time
                self.text += text
            case Told(prompt_tokens=prompt_tokens):
                self.prompt_tokens = prompt_tokens
            case EndText(end=end, tail=tail):
                self.end = end.reason
                self.text += tail if self.text else ""
            case Compared():
                self.compared = record


class RaceBook:
    """All rounds of a race; a round begins when a lane is given a turn that it has had already."""

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self.rounds: list[dict[str, LaneBook]] = []
        for record in records:
            self.feed(record)

    @property
    def lanes(self) -> dict[str, LaneBook]:
        """The latest round, by lane."""
        return self.rounds[-1] if self.rounds else {}

    @property
    def finished(self) -> bool:
        """Whether every lane of the latest round has ended."""
        return bool(self.lanes) and all(lane.end is not None for lane in self.lanes.values())

    def feed(self, record: Record) -> None:
        """Take in a record; those of no lane are left alone."""
        if isinstance(record, TurnText):
            if not self.rounds or self._has_begun(record.lane):
                self.rounds.append({})
            prompt_tokens = len(record.turn.prompt) if record.turn.mode != SERVED else None
            self.lanes[record.lane] = LaneBook(record.turn.mode, prompt_tokens, record.turn.remembers)
        book = self.lanes.get(getattr(record, "lane", ""))
        if book is not None:
            book.feed(record)

    def _has_begun(self, lane: str) -> bool:
        return lane in self.lanes and self.lanes[lane].numbers.ttft_ms is not None

    @property
    def measured(self) -> bool:
        """Whether a lane of some round came to its own end."""
        return any(lane.finished for lanes in self.rounds for lane in lanes.values())

    def drop_unfinished(self) -> None:
        """Take the latest round back if it was cut off and there are others."""
        if len(self.rounds) > 1 and not all(lane.finished for lane in self.lanes.values()):
            self.rounds.pop()

    def is_round_due(self, begun: float) -> bool:
        """Whether a measurement that began at this moment of ``perf_counter`` should go on and has time to."""
        numbers = [{name: lane.numbers for name, lane in books.items()} for books in self.rounds]
        return is_round_due(numbers, perf_counter() - begun)

    def done(self, lane: str) -> list[LaneBook]:
        """The rounds that a lane has finished."""
        return [books[lane] for books in self.rounds if lane in books and books[lane].finished]

    def places(self) -> dict[str, int]:
        """Finish position of each lane that came to its own end, by the median of its own clock; 1 is the first."""
        clocks = {name: median(book.clock for book in done) for name in self.lanes if (done := self.done(name))}
        return {name: place for place, name in enumerate(sorted(clocks, key=clocks.__getitem__), 1)}

    def numbers(self, lane: str) -> Numbers:
        """A lane's numbers over the rounds that it has finished, else those of the running one."""
        done = self.done(lane)
        return total([book.numbers for book in done]) if done else self.lanes[lane].numbers

    def rates(self, lane: str) -> list[float]:
        """Tokens per second of a lane in each round that it has finished."""
        rates = [book.numbers.tokens_per_second for book in self.done(lane)]
        return [rate for rate in rates if rate is not None]

    def speedup(self, lane: str, reference: str) -> Speedup | None:
        """A lane's tokens per second over the reference's, over the rounds that both have finished."""
        pairs = [(books[lane], books[reference]) for books in self.rounds if {lane, reference} <= books.keys()]
        return speedup((ours.numbers, theirs.numbers) for ours, theirs in pairs if ours.finished and theirs.finished)

    @property
    def remembers(self) -> int:
        """Tokens of the datastore that a lane may look up."""
        return max((lane.remembers for lane in self.lanes.values()), default=0)
