"""The measured speed-up: the current mode and autoregressive decoding answer one prompt in turns."""

from collections.abc import Sequence
from dataclasses import replace

from ..engine.drafters.registry import MODES
from ..engine.values.events import Turn
from ..present.race_book import RaceBook
from ..record.events import EndText, Finished, Record, TurnText
from ..record.metrics import LOOPS, Speedup
from ..session.session import AGAIN, BASELINE


class Measurement:
    """The latest measurement, from the records of its two lanes, in order."""

    def __init__(self) -> None:
        self.running = False
        self._shown: Sequence[int] = ()
        self._turn: Turn | None = None
        self._book = RaceBook()
        self._failure: str | None = None

    def begin(self, shown: Sequence[int] = ()) -> None:
        """One was asked for; what the one before showed is forgotten.

        ``shown`` are the ids of the answer on the screen, where they must be the same; empty where they need not be.
        """
        self.__init__()  # type: ignore[misc]
        self.running, self._shown = True, shown

    def speedup(self, turn: Turn, mode: str) -> Speedup | None:
        """Of ``mode`` against autoregressive decoding for a turn like this; None if it was not measured."""
        if self.running or self._turn is None or self._turn.mode != mode:
            return None
        same = turn.prompt == self._turn.prompt
        same = same and replace(turn.options, max_new_tokens=self._turn.options.max_new_tokens) == self._turn.options
        return self._speedup if same else None

    @property
    def plain_ms(self) -> float | None:
        """What plain decoding took for a token, over all rounds."""
        numbers = self._book.numbers(BASELINE) if BASELINE in self._book.lanes else None
        return numbers.decode_ms / numbers.after_first if numbers and numbers.after_first > 0 else None

    @property
    def _speedup(self) -> Speedup | None:
        return self._book.speedup(AGAIN, BASELINE)

    def feed(self, record: Record) -> str | None:
        """Take in a record; at the end of the measurement, what it showed in one line."""
        self._book.feed(record)
        match record:
            case TurnText(lane=lane, turn=turn) if lane == AGAIN:
                self._turn = turn
            case EndText(end=end) if end.reason in ("stopped", "error"):
                self._failure = f"the measurement failed: {end.message}" if end.message else "measurement stopped"
            case Finished():
                self.running = False
                return self._verdict()
        return None

    def _verdict(self) -> str | None:
        if self._failure or self._turn is None:
            self._turn = None
            return self._failure
        from ..session.equivalence import difference

        mine, reference = (self._book.lanes[lane].tokens for lane in (AGAIN, BASELINE))
        places = (difference(tokens, reference) for tokens in (mine, self._shown or mine))
        place = min((place for place in places if place is not None), default=None)
        text = "same text ✓" if place is None else f"text differs at token {place}"
        mode = MODES[self._turn.mode]
        store = f", {_store(self._turn.remembers)}" if mode.looks_up else ""
        loops = f"   the answer goes in circles {LOOPS}" if self._book.lanes[AGAIN].meter.looping else ""
        return f"{mode.title}: {_times(self._speedup)}{store}   {text}{loops}"


def _times(speedup: Speedup | None) -> str:
    if speedup is None:
        return "too short to compare"
    doubt = f" (doubtful: {speedup.doubt})" if speedup.doubt else ""
    rounds = f"{speedup.rounds} rounds, {speedup.low:.2f} to {speedup.high:.2f}" if speedup.rounds > 1 else "1 round"
    return f"{speedup} × plain decoding (interleaved, {rounds}){doubt}"


def _store(remembers: int) -> str:
    return f"with a datastore of {remembers:,} tokens" if remembers else "with an empty datastore"
