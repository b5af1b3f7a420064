"""The numbers of an answer, each defined once, computed from its records alone."""

from collections import Counter
from collections.abc import Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from statistics import median
from time import perf_counter

from ..engine.values.events import Event, Prefill, Turn
from ..engine.values.step import Step
from .events import PrefillText, Record, ServedText, StepText, Told, TurnText


@dataclass(frozen=True, slots=True)
class Numbers:
    """The numbers of one answer so far; None is unknown."""

    answers: int = 1
    """How many answers these numbers add up."""
    emitted: int = 0
    """Tokens of the answer, the one that prefill yields included."""
    steps: int = 0
    """Target passes after the prefill."""
    drafted: int = 0
    """Drafted tokens that the target verified: accepted + rejected + unreached + cut."""
    accepted: int = 0
    rejected: int = 0
    unreached: int = 0
    """Verified below a rejected token; counted in ``drafted``."""
    cut: int = 0
    confirmed: int = 0
    """Drafted tokens that the target chose by itself: the first ones of winning branches."""
    dropped: int = 0
    """Tokens drafted ahead on the chain that was followed, and thrown away unverified."""
    waste: int = 0
    """Tokens of branches that lost."""
    ttft_ms: float | None = None
    """Time to first token: from the command to the token that prefill yields."""
    decode_ms: float = 0.0
    """From the first token to the end of the last step, on the lane's own clock."""
    draft_ms: float = 0.0
    verify_ms: float = 0.0
    draft_idle_ms: float = 0.0
    """Time of the steps in which nothing was drafted."""
    target_idle_ms: float = 0.0
    """Time of the steps in which the target verified nothing."""
    unknown: tuple[str, ...] = ()
    """Names of counts that nobody told, as some of a server's; they are 0 here and null where they are written."""

    @property
    def after_first(self) -> int:
        """Emitted tokens without those that a prefill yields."""
        return self.emitted - self.answers

    @property
    def tokens_per_second(self) -> float | None:
        """(emitted - 1) / time after the first token."""
        return self.after_first / self.decode_ms * 1e3 if self.after_first > 0 and self.decode_ms > 0 else None

    @property
    def tokens_per_step(self) -> float | None:
        """Emitted tokens / steps, the token that prefill yields in neither."""
        return self.after_first / self.steps if self.steps else None

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted / drafted."""
        return self.accepted / self.drafted if self.drafted else None

    @property
    def rollback(self) -> float | None:
        """Drafted tokens of the chain that were discarded / all that were drafted on it (Shen et al., 2506.01979)."""
        chain = self.drafted + self.confirmed + self.dropped
        return (self.drafted - self.accepted + self.dropped) / chain if chain else None


REFERENCE = "ar"
"""The lane that every other is compared with."""
COUNTED = tuple(entry.name for entry in fields(Numbers) if entry.name not in ("ttft_ms", "unknown"))
NEVER_SERVED = ("rejected", "unreached", "cut", "confirmed", "dropped", "waste", "draft_ms", "verify_ms",
                "draft_idle_ms", "target_idle_ms")  # fmt: skip
"""Counts that no server tells."""


def total(numbers: Sequence[Numbers]) -> Numbers:
    """The sums over several answers; the time to first token is not a thing to add up."""
    unknown = dict.fromkeys(name for one in numbers for name in one.unknown)
    sums = {name: sum(getattr(one, name) for one in numbers) for name in COUNTED if name not in unknown}
    return Numbers(**sums, unknown=tuple(unknown))


def served(
    tokens: int | None, drafted: int | None, accepted: int | None, passes: int | None, ttft_ms: float, decode_ms: float
) -> Numbers:
    """The numbers of a server's answer from what it told.

    Each pass adds what it accepted and one token of its own, so that the passes follow from the tokens where the
    server does not count them.
    """
    if passes is None and tokens is not None and accepted is not None:
        passes = max(0, tokens - 1 - accepted)
    told = {"emitted": tokens, "drafted": drafted, "accepted": accepted, "steps": passes}
    unknown = tuple(name for name, value in told.items() if value is None)
    known = {name: value for name, value in told.items() if value is not None}
    return Numbers(**known, ttft_ms=ttft_ms, decode_ms=decode_ms, unknown=(*unknown, *NEVER_SERVED))


def idle_ms(step: Step, who: str) -> float:
    """A bubble: the time of a step in which one of the two, ``draft`` or ``verify``, did not work."""
    return max(0.0, step.ms.wall - sum(span.end - span.start for span in step.spans if span.who == who))


class Meter:
    """Adds up the events of one answer; ``numbers`` is an immutable snapshot."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self.spread = Spread()
        self.tokens: list[int] = []
        """Ids of the answer so far."""
        self.words: list[str] = []
        """The words of a server's answer, whose ids may be unknown."""
        self._first_ms = 0.0

    @property
    def looping(self) -> bool:
        """Whether the answer goes in circles."""
        return is_looping(distinct(self.tokens or self.words))

    def copy(self, tokens: Sequence[int], words: Sequence[str]) -> "Meter":
        """The same so far, but for the ids and the words of the answer, which are these."""
        made = Meter()
        made.numbers, made._first_ms = self.numbers, self._first_ms
        made.tokens, made.words = list(tokens), list(words)
        made.spread.add(self.spread)
        return made

    def feed(self, record: Record) -> None:
        """Take in one record; a new turn starts from zero."""
        match record:
            case TurnText(turn=event) | PrefillText(prefill=event) | StepText(step=event):
                self.count(event)
            case ServedText():
                self._take(record)
            case Told():
                self._end(record)

    def count(self, event: Event) -> None:
        """Take in one event of the engine."""
        match event:
            case Turn():
                self.__init__()  # type: ignore[misc]
            case Prefill(time_ms=time, token=token):
                self._first_ms = time
                self.tokens = [token]
                self.numbers = Numbers(emitted=1, ttft_ms=time)
            case Step():
                self.tokens += [token.token for token in event.emitted]
                self.spread.count(event)
                self.numbers = self._after(event)

    def _take(self, piece: ServedText) -> None:
        """What a server sent."""
        if self.numbers.ttft_ms is None:
            self._first_ms = piece.time_ms
        self.tokens += piece.ids
        self.words += piece.text.split()
        decode = piece.time_ms - self._first_ms
        self.numbers = served(piece.tokens, piece.drafted, piece.accepted, None, self._first_ms, decode)

    def _end(self, told: Told) -> None:
        """What a server says at the end; the answer's time is that of its last piece."""
        if self.numbers.ttft_ms is not None:
            decode = self.numbers.decode_ms
            self.numbers = served(told.tokens, told.drafted, told.accepted, told.passes, self._first_ms, decode)
        for drafted, accepted in told.by_step:
            self.spread.offered.update(range(1, drafted + 1))
            self.spread.accepted.update(range(1, accepted + 1))
            self.spread.emitted[accepted + 1] += 1
        if told.by_step and (without := self.numbers.steps - len(told.by_step)) > 0:
            self.spread.emitted[1] += without

    def _after(self, step: Step) -> Numbers:
        n = self.numbers
        fates = [node.fate for node in step.nodes]
        ahead = step.branches
        return Numbers(
            emitted=n.emitted + len(step.emitted),
            steps=n.steps + 1,
            drafted=n.drafted + len(fates),
            accepted=n.accepted + fates.count("accepted"),
            rejected=n.rejected + fates.count("rejected"),
            unreached=n.unreached + fates.count("unreached"),
            cut=n.cut + fates.count("cut"),
            confirmed=n.confirmed + (ahead is not None and ahead.won is not None),
            dropped=n.dropped + (ahead.dropped if ahead else 0),
            waste=n.waste + (ahead.waste if ahead else 0),
            ttft_ms=n.ttft_ms,
            decode_ms=step.time_ms - self._first_ms,
            draft_ms=n.draft_ms + step.ms.draft,
            verify_ms=n.verify_ms + step.ms.verify,
            draft_idle_ms=n.draft_idle_ms + idle_ms(step, "draft"),
            target_idle_ms=n.target_idle_ms + idle_ms(step, "verify"),
        )


@dataclass(slots=True)
class Spread:
    """The shapes of drafts: how deep they are accepted, and how many tokens steps emit; adds up any answers."""

    offered: Counter[int] = field(default_factory=Counter)
    """Depth (1 is a child of the pending token) -> steps whose draft reached it."""
    accepted: Counter[int] = field(default_factory=Counter)
    """Depth -> steps in which a token of that depth was accepted."""
    emitted: Counter[int] = field(default_factory=Counter)
    """Number of tokens -> steps that emitted so many."""
    chains: bool = True
    """Whether in every draft each token follows the one before it."""

    def count(self, step: Step) -> None:
        """Take in one step."""
        depths: list[int] = []
        for node in step.nodes:
            depths.append(1 if node.parent < 0 else depths[node.parent] + 1)
        self.offered.update(set(depths))
        self.accepted.update(d for d, node in zip(depths, step.nodes, strict=True) if node.fate == "accepted")
        self.emitted[len(step.emitted)] += 1
        self.chains = self.chains and all(node.parent == index - 1 for index, node in enumerate(step.nodes))

    def add(self, other: "Spread") -> None:
        """Take in the steps of another."""
        self.offered.update(other.offered)
        self.accepted.update(other.accepted)
        self.emitted.update(other.emitted)
        self.chains = self.chains and other.chains

    @property
    def acceptance_by_position(self) -> list[float]:
        """For each depth from 1 on: steps that accepted a token there / steps that drafted one there."""
        return [self.accepted[depth] / self.offered[depth] for depth in range(1, max(self.offered, default=0) + 1)]


LOOPING = 0.3
"""Below this distinct-3 an answer goes in circles, which flatters methods that copy."""


def distinct(tokens: Sequence[Hashable], n: int = 3) -> float | None:
    """Different n-grams / n-grams of tokens or words (Li et al., 1510.03055); None if there are fewer than n."""
    grams = [tuple(tokens[start : start + n]) for start in range(len(tokens) - n + 1)]
    return len(set(grams)) / len(grams) if grams else None


def is_looping(distinct_3: float | None) -> bool:
    """Whether an answer with this distinct-3 goes in circles."""
    return distinct_3 is not None and distinct_3 < LOOPING


ENOUGH_MS, ENOUGH_STEPS = 100.0, 20
"""Below this decode time or these steps, over all rounds, the ratio of two lanes is mostly chance."""
ROUNDS, MOST_ROUNDS = 3, 50
"""Rounds that show a spread, and the most of one measurement."""
BRIEF, MOST_SECONDS = 3.0, 10.0
"""What a measurement may take to show a spread, and what it may take until there is enough to measure."""
TOO_LITTLE = "too little was measured"
TOO_HIGH = "above the tokens per step, so the times are off"


def is_enough(numbers: Numbers) -> bool:
    """Whether so many steps in so much time can be compared with others."""
    return numbers.decode_ms >= ENOUGH_MS and (numbers.steps >= ENOUGH_STEPS or "steps" in numbers.unknown)


def is_round_due(rounds: Sequence[Mapping[str, Numbers]], seconds: float) -> bool:
    """Whether a measurement of these rounds by lane, which took ``seconds``, should go on and has time to."""
    if not rounds or len(rounds) >= MOST_ROUNDS or any(one.after_first < 1 for one in rounds[-1].values()):
        return False
    sums = [total([lanes[lane] for lanes in rounds if lane in lanes]) for lane in rounds[-1]]
    with_next = seconds * (1 + 1 / len(rounds))
    if not all(map(is_enough, sums)):
        return with_next <= MOST_SECONDS
    return len(rounds) < ROUNDS and with_next <= BRIEF


class Rounds:
    """The rounds of a measurement while it runs."""

    def __init__(self) -> None:
        self._begun = perf_counter()
        self._rounds: list[dict[str, Meter]] = []

    def begin(self) -> None:
        """The lanes answer once more."""
        self._rounds.append({})

    def count(self, lane: str, event: Event) -> None:
        """Take in an event of a lane."""
        if self._rounds:
            self._rounds[-1].setdefault(lane, Meter()).count(event)

    @property
    def due(self) -> bool:
        """Whether there should be another one."""
        numbers = [{lane: meter.numbers for lane, meter in lanes.items()} for lanes in self._rounds]
        return is_round_due(numbers, perf_counter() - self._begun)


def doubt(ratio: float, ours: Numbers, reference: Numbers) -> str:
    """Why a ratio of these two, each over all rounds or questions, cannot be trusted; empty if it can.

    A pass over several tokens takes at least the time of one, so that a speed-up above the tokens per step is an error
    of the measurement; compared as it is shown, to a hundredth.
    """
    if not (is_enough(ours) and is_enough(reference)):
        return TOO_LITTLE
    per_step = ours.tokens_per_step if not ours.unknown else None  # a server may be another machine
    return TOO_HIGH if per_step is not None and round(ratio, 2) > round(per_step, 2) else ""


@dataclass(frozen=True, slots=True)
class Speedup:
    """A lane's tokens per second over the reference's, round by round on one prompt."""

    value: float
    """The median of the rounds."""
    low: float
    high: float
    rounds: int
    doubt: str
    """Why it cannot be trusted; empty if it can."""

    @property
    def spread(self) -> str:
        """``[2.10, 2.31] n=5``; the count alone where there was one round."""
        return f"[{self.low:.2f}, {self.high:.2f}] n={self.rounds}" if self.rounds > 1 else f"n={self.rounds}"

    def __str__(self) -> str:
        """``2.22``, with the mark of doubt if there is one."""
        return f"{self.value:.2f}{DOUBTFUL if self.doubt else ''}"


DOUBTFUL, LOOPS = "?", "↻"
"""Marks behind a ratio that cannot be trusted, and for an answer that goes in circles."""


def speedup(pairs: Iterable[tuple[Numbers, Numbers]]) -> Speedup | None:
    """From (lane, reference) of each round; None if nothing could be measured."""
    known = [
        (ours.tokens_per_second / theirs.tokens_per_second, ours, theirs)
        for ours, theirs in pairs
        if ours.tokens_per_second and theirs.tokens_per_second
    ]
    if not known:
        return None
    ratios = [ratio for ratio, _, _ in known]
    value = median(ratios)
    ours, theirs = (total(side) for side in ([one for _, one, _ in known], [one for _, _, one in known]))
    return Speedup(value, min(ratios), max(ratios), len(ratios), doubt(value, ours, theirs))
