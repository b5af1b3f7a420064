"""What the screen remembers of a conversation: steps, numbers, the measured baseline."""

from ..metrics import Meter, Numbers
from ..record.events import EndText, PrefillText, Record, StepText, TurnText
from ..run import summary

REASONS = {
    "stopped": "stopped",
    "length": "cut by the length limit",
    "context": "the context is full",
    "error": "failed",
}
MOST_STEPS = 50_000


class Ledger:
    """Fed with the records of both lanes, in order."""

    def __init__(self) -> None:
        self.measuring = False
        self.can_measure = False
        self._meter, self._reference = Meter(), Meter()
        self._turn: TurnText | None = None
        self._measured: TurnText | None = None
        self._pending: TurnText | None = None
        self._tokens: list[int] = []
        self._reference_tokens: list[int] = []
        self._answer = -1
        self._steps: dict[tuple[int, int], StepText] = {}

    @property
    def numbers(self) -> Numbers:
        """The numbers of the latest answer."""
        return self._meter.numbers

    @property
    def baseline(self) -> Numbers | None:
        """The numbers of a finished autoregressive run of the same prompt and sampling; None if there is none."""
        if self._turn is None or self._measured is None or self.measuring:
            return None
        same = self._turn.turn.prompt == self._measured.turn.prompt
        same = same and self._turn.turn.options.sampling == self._measured.turn.options.sampling
        return self._reference.numbers if same else None

    def feed(self, record: Record) -> None:
        """Take in a record of the chat's lane."""
        self._meter.feed(record)
        match record:
            case TurnText():
                self._turn = record
                self._answer += 1
                self._tokens = []
            case PrefillText(prefill=prefill):
                self._tokens = [prefill.token]
                self.can_measure = True
            case StepText(step=step):
                self._tokens += [token.token for token in step.emitted]
                self._steps[self._answer, step.index] = record
                if len(self._steps) > MOST_STEPS:
                    del self._steps[next(iter(self._steps))]
            case EndText(end=end):
                self.can_measure = self.can_measure and end.reason != "error"

    def feed_baseline(self, record: Record) -> str | None:
        """Take in a record of the baseline's lane; at its end, what it showed in one line."""
        self._reference.feed(record)
        match record:
            case TurnText():
                self._measured, self._reference_tokens = None, []
                self._pending = record
            case PrefillText(prefill=prefill):
                self._reference_tokens = [prefill.token]
            case StepText(step=step):
                self._reference_tokens += [token.token for token in step.emitted]
            case EndText(end=end):
                self.measuring = False
                if end.reason == "stopped":
                    return "measurement stopped"
                if end.reason == "error":
                    return f"the measurement failed: {end.message}"
                self._measured = self._pending
                return self._verdict()
        return None

    def _verdict(self) -> str:
        pairs = zip(self._tokens, self._reference_tokens, strict=False)
        place = next((index for index, (a, b) in enumerate(pairs) if a != b), None)
        if place is None and len(self._tokens) != len(self._reference_tokens):
            place = min(len(self._tokens), len(self._reference_tokens))
        speedup = self.numbers.speedup(self.baseline)
        times = f"×{speedup:.2f} against AR" if speedup else "too short to compare"
        return f"same text as AR ✓   {times}" if place is None else f"text differs from AR at token {place}   {times}"

    def step(self, answer: int, index: int) -> StepText | None:
        """A step of an answer, as long as it is remembered."""
        return self._steps.get((answer, index))

    def drop(self) -> None:
        """The last answer is gone."""
        self._answer -= 1

    def summary(self, reason: str) -> str:
        """The line under a finished answer."""
        words = REASONS.get(reason)
        return f"{summary(self.numbers)}{f' · {words}' if words else ''}"
