"""A server as a lane of a bench: asked with messages, measured on the clock of whoever asks."""

from collections.abc import Sequence

from ..engine.values.options import Options
from ..present.runs import Answered
from ..record.events import EndText, Record, ServedText, Told
from ..record.metrics import Meter
from ..session.served import Messages, ServedLane, answer_all, turn_of
from ..system.errors import UserError
from .taking import BenchTrace


class ServerLane:
    """Answers conversations; knows neither the tokens of a prompt nor the other lanes."""

    mode: str | None = None
    peer: str | None = None
    keeps_promise = False

    def __init__(self, served: ServedLane) -> None:
        self.name, self.served = served.name, served

    def begin(self) -> None:
        """Nothing: each request holds the whole conversation."""

    def learn(self, turns: object) -> None:
        """Nothing: what a server keeps is its own affair."""


class Tally:
    """Adds up the records of one answer."""

    def __init__(self) -> None:
        self.meter = Meter()
        self.text: list[str] = []
        self.prompt_tokens: int | None = None
        self.wall_ms = 0.0
        self.failed: str | None = None
        """Why there is no whole answer."""

    def feed(self, record: Record) -> None:
        """Take in one record."""
        self.meter.feed(record)
        match record:
            case ServedText(text=text, time_ms=time):
                self.text.append(text)
                self.wall_ms = time
            case Told(prompt_tokens=tokens, time_ms=time):
                self.prompt_tokens, self.wall_ms = tokens, time
            case EndText(end=end) if end.reason in ("error", "stopped"):
                self.failed = end.message or "stopped"

    @property
    def answered(self) -> Answered:
        """The answer, measured; raises UserError if there is none."""
        if self.failed is not None:
            raise UserError(self.failed)
        meter = self.meter
        return Answered(tuple(meter.tokens), self.wall_ms, meter.numbers, meter.spread, "".join(self.text))


def ask_servers(
    lanes: Sequence[ServerLane],
    messages: Messages,
    options: Options,
    at_once: bool = False,
    trace: BenchTrace | None = None,
) -> dict[str, Tally]:
    """What each lane answers, one after another or all at once; an exception takes all requests back."""
    tallies = {lane.name: Tally() for lane in lanes}
    records: list[Record] = []

    def take(record: Record) -> None:
        tallies[getattr(record, "lane", "")].feed(record)
        if trace is not None:
            records.append(record)

    for lane in lanes:
        take(turn_of(lane.name, options, messages[-1]["content"]))
    try:
        answer_all([lane.served for lane in lanes], messages, options, take, lambda: False, at_once)
    except BaseException:
        for lane in lanes:
            lane.served.cancel()
        raise
    if trace is not None:
        trace.write_served(records)
    return tallies
