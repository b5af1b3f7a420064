"""What a race has shown so far, from its records alone: live, after it, or from its trace."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from statistics import median

from ..metrics import Meter, Numbers, Spread
from ..record.events import Compared, EndText, PrefillText, Record, StepText, TurnText
from .measured import Answered, Place, Run, is_chain

QUESTION = "race"


@dataclass(slots=True)
class LaneBook:
    """One lane in one round."""

    mode: str
    prompt_tokens: int = 0
    meter: Meter = field(default_factory=Meter)
    spread: Spread = field(default_factory=Spread)
    tokens: list[int] = field(default_factory=list)
    step_ms: list[float] = field(default_factory=list)
    chains: bool = True
    clock: float = 0.0
    """Milliseconds on the lane's own clock."""
    end: str | None = None
    compared: Compared | None = None

    @property
    def numbers(self) -> Numbers:
        """The lane's numbers so far."""
        return self.meter.numbers

    def feed(self, record: Record) -> None:
        """Take in one of the lane's records."""
        self.meter.feed(record)
        match record:
            case PrefillText(prefill=prefill):
                self.tokens.append(prefill.token)
                self.clock = prefill.time_ms
            case StepText(step=step):
                self.tokens += [token.token for token in step.emitted]
                self.spread.count(step)
                self.chains = self.chains and is_chain(step)
                self.step_ms.append(step.ms.wall)
                self.clock = step.time_ms
            case EndText(end=end):
                self.end = end.reason
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
            if not self.rounds or (record.lane in self.lanes and self.lanes[record.lane].tokens):
                self.rounds.append({})
            self.lanes[record.lane] = LaneBook(record.turn.mode, len(record.turn.prompt))
        book = self.lanes.get(getattr(record, "lane", ""))
        if book is not None:
            book.feed(record)

    def places(self) -> dict[str, int]:
        """Finish position of each lane that came to its own end, by its own clock; 1 is the first."""
        done = [name for name, lane in self.lanes.items() if lane.end not in (None, "stopped", "error")]
        done.sort(key=lambda name: self.lanes[name].clock)
        return {name: place for place, name in enumerate(done, 1)}

    def rates(self, lane: str) -> list[float]:
        """Tokens per second of a lane in each round that it has finished."""
        books = [books[lane] for books in self.rounds if lane in books]
        rates = [book.numbers.tokens_per_second for book in books if book.end not in (None, "stopped", "error")]
        return [rate for rate in rates if rate is not None]

    def speedups(self, lane: str, reference: str) -> list[float]:
        """A lane's tokens per second over the reference's, round by round."""
        pairs = [(books[lane], books[reference]) for books in self.rounds if {lane, reference} <= books.keys()]
        ratios = [ours.numbers.speedup(theirs.numbers) for ours, theirs in pairs if ours.end and theirs.end]
        return [ratio for ratio in ratios if ratio is not None]

    def runs(self) -> list[Run]:
        """The finished lanes of all rounds as runs of a report."""
        made = []
        for number, books in enumerate(self.rounds):
            for name, book in books.items():
                if book.end in (None, "stopped", "error"):
                    continue
                same = None if book.compared is None else book.compared.place is None
                made.append(
                    Run(
                        Place(name, f"{QUESTION} {number + 1}", 0),
                        book.mode,
                        None,
                        QUESTION,
                        book.prompt_tokens,
                        Answered(tuple(book.tokens), book.clock, book.numbers, book.spread, book.chains),
                        same,
                        book.compared.place if book.compared else None,
                        book.compared.gap if book.compared else None,
                    )
                )
        return made


def middle(values: list[float]) -> tuple[float, float, float] | None:
    """Median, lowest and highest; None of nothing."""
    return (median(values), min(values), max(values)) if values else None
