"""What the screen remembers of a conversation: steps, numbers, the measured speed-up."""

from collections import deque
from dataclasses import dataclass
from statistics import median

from ..engine.values.events import Turn
from ..present.answer_line import AnswerLine, answer_line
from ..present.why_line import Why, why
from ..record.events import (
    ChangedText,
    EndText,
    PrefillText,
    Ready,
    Record,
    ServedText,
    StepText,
    SwitchText,
    Told,
    TurnText,
)
from ..record.metrics import Meter, Numbers, Speedup
from .measurement import Measurement

REASONS = {
    "stopped": "stopped",
    "length": "cut by the length limit",
    "context": "the context is full",
    "error": "failed",
    "killed": "the program ended in the middle of this answer",
}
MOST_STEPS = 50_000
PLAIN_STEPS = 64
"""Steps without a draft whose time is an estimate of plain decoding."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A question that was asked."""

    text: str
    before: int
    """Earlier questions of the conversation that the models know, with their answers."""


class Ledger:
    """Fed with the records of the chat's lane, in order; those of a measurement go to ``measurement``."""

    def __init__(self) -> None:
        self.answered = False
        """Whether the latest question has an answer, so that it can be answered again."""
        self.can_measure = False
        """Whether that answer has tokens."""
        self.measurement = Measurement()
        self._meter = Meter()
        self._turn: Turn | None = None
        self._shown: list[int] | None = None
        """The ids of the latest answer; None if its sampling was changed, so that another answer would differ."""
        self._mode = ""
        self.asked: list[Asked] = []
        """The question of each answer that is shown."""
        self.beside: dict[int, int] = {}
        """Questions before an answer -> how many answers stand at its place, all but it are kept and not shown."""
        self._plain_ms: deque[float] = deque(maxlen=PLAIN_STEPS)
        """What the latest steps without a draft took."""
        self.told: list[Record] = []
        """The records of the latest answer, to be played again."""
        self._begun: dict[int, list[Record]] = {}
        """Answer -> its turn and its first token."""
        self.steps: dict[tuple[int, int], StepText] = {}
        """(answer, number) -> step, the latest ones."""

    @property
    def numbers(self) -> Numbers:
        """The numbers of the latest answer."""
        return self._meter.numbers

    @property
    def looping(self) -> bool:
        """Whether the latest answer goes in circles."""
        return self._meter.looping

    @property
    def speedup(self) -> Speedup | None:
        """Of the current mode against autoregressive decoding, on the latest prompt; None if it was not measured."""
        return self.measurement.speedup(self._turn, self._mode) if self._turn is not None else None

    def why(self, ready: Ready | None) -> Why | None:
        """Why the latest answer is fast or slow."""
        speedup = self.speedup
        measured = self.measurement.plain_ms if speedup else None
        usual = median(self._plain_ms) if self._plain_ms else ready.plain_ms if ready else None
        return why(self.numbers, measured or usual, speedup)

    def feed(self, record: Record) -> None:
        """Take in a record."""
        self._meter.feed(record)
        if isinstance(record, TurnText):
            self.told = []
        if hasattr(record, "lane") and not (self.told and isinstance(self.told[-1], EndText)):
            self.told.append(record)
        match record:
            case TurnText(turn=turn):
                self._turn, self._mode = turn, turn.mode
                self._place(record)
                self._shown = []
                self.answered = self.can_measure = False
                self._begun[self.answer] = [record]
            case PrefillText(prefill=prefill):
                self._begun.setdefault(self.answer, []).append(record)
                self.can_measure = True
                self._extend([prefill.token])
            case StepText(step=step):
                self._extend([token.token for token in step.emitted])
                self.steps[len(self.asked) - 1, step.index] = record
                if not step.nodes:
                    self._plain_ms.append(step.ms.wall)
                if len(self.steps) > MOST_STEPS:
                    del self.steps[next(iter(self.steps))]
            case SwitchText(switch=switch):
                self._mode = switch.mode
            case ChangedText(changed=changed):
                if self._turn is not None and changed.options.sampling != self._turn.options.sampling:
                    self._shown = None
            case EndText(end=end):
                self.answered = end.reason != "error"
                if not self.answered and self.asked:
                    self.beside[self.asked[-1].before] -= 1
                self.can_measure = self.can_measure and self.answered

    def records(self, answer: int) -> list[Record]:
        """What is remembered of an answer."""
        return [*self._begun.get(answer, ()), *(step for (number, _), step in self.steps.items() if number == answer)]

    @property
    def is_served(self) -> bool:
        """Whether the latest answer came from a server."""
        return any(isinstance(record, ServedText) for record in self.told)

    @property
    def is_told(self) -> bool:
        """Whether that server has said how the answer went."""
        return any(isinstance(record, Told) for record in self.told)

    @property
    def answer(self) -> int:
        """Number of the latest answer; -1 before the first."""
        return len(self.asked) - 1

    def _extend(self, tokens: list[int]) -> None:
        if self._shown is not None:
            self._shown += tokens

    def begin_measurement(self) -> None:
        """The latest answer's prompt is about to be answered again, in two lanes."""
        self.measurement.begin(self._shown or ())

    def drop(self) -> None:
        """The last answer is gone."""
        self.rewind(len(self.asked) - 1)

    def rewind(self, answers: int) -> None:
        """Only the first answers are left."""
        del self.asked[max(0, answers) :]
        self.steps = {place: step for place, step in self.steps.items() if place[0] < answers}

    @property
    def place_note(self) -> str:
        """Which one the latest answer is of all that stand at its place, as ``2/2``; empty where it is alone."""
        of = self.beside.get(self.asked[-1].before, 1) if self.asked else 1
        return f"{of}/{of}" if of > 1 else ""

    def _place(self, record: TurnText) -> None:
        before = record.turn.before or 0
        self.asked.append(Asked(record.question, before))
        self.beside = {place: of for place, of in self.beside.items() if place <= before}
        self.beside[before] = self.beside.get(before, 0) + 1

    def summary(self, reason: str) -> AnswerLine:
        """The line under a finished answer."""
        return answer_line(self._meter, REASONS.get(reason, ""))
