"""The numbers of an answer, each defined once, computed from its records alone."""

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, field, fields

from .engine.events import Event, Prefill, Turn
from .engine.step import Step
from .record.events import PrefillText, Record, StepText, TurnText


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
        """Mean accepted tokens: emitted tokens / steps, prefill's token in neither."""
        return self.after_first / self.steps if self.steps else None

    @property
    def acceptance_rate(self) -> float | None:
        """Accepted / drafted."""
        return self.accepted / self.drafted if self.drafted else None

    @property
    def rollback(self) -> float | None:
        """Drafted tokens of the chain that were discarded / all that were drafted on it (METHODS 5)."""
        chain = self.drafted + self.confirmed + self.dropped
        return (self.drafted - self.accepted + self.dropped) / chain if chain else None

    def speedup(self, baseline: "Numbers | None") -> float | None:
        """Tokens per second over those of a measured autoregressive run of the same prompt."""
        mine, reference = self.tokens_per_second, baseline.tokens_per_second if baseline else None
        return mine / reference if mine and reference else None


COUNTED = tuple(entry.name for entry in fields(Numbers) if entry.name != "ttft_ms")


def total(numbers: Sequence[Numbers]) -> Numbers:
    """The sums over several answers; the time to first token is not a thing to add up."""
    return Numbers(**{name: sum(getattr(one, name) for one in numbers) for name in COUNTED})


def idle_ms(step: Step, who: str) -> float:
    """A bubble: the time of a step in which one of the two, ``draft`` or ``verify``, did not work."""
    return max(0.0, step.ms.wall - sum(span.end - span.start for span in step.spans if span.who == who))


class Meter:
    """Adds up the events of one answer; ``numbers`` is an immutable snapshot."""

    def __init__(self) -> None:
        self.numbers = Numbers()
        self._first_ms = 0.0

    def feed(self, record: Record) -> None:
        """Take in one record; a new turn starts from zero."""
        match record:
            case TurnText(turn=event) | PrefillText(prefill=event) | StepText(step=event):
                self.count(event)

    def count(self, event: Event) -> None:
        """Take in one event of the engine."""
        match event:
            case Turn():
                self.__init__()  # type: ignore[misc]
            case Prefill(time_ms=time):
                self._first_ms = time
                self.numbers = Numbers(emitted=1, ttft_ms=time)
            case Step():
                self.numbers = self._after(event)

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
    """How accepted drafts spread over the depths of drafts, and emitted tokens over steps; adds up any answers."""

    offered: Counter[int] = field(default_factory=Counter)
    """Depth (1 is a child of the pending token) -> steps whose draft reached it."""
    accepted: Counter[int] = field(default_factory=Counter)
    """Depth -> steps in which a token of that depth was accepted."""
    emitted: Counter[int] = field(default_factory=Counter)
    """Number of tokens -> steps that emitted so many."""

    def count(self, step: Step) -> None:
        """Take in one step."""
        depths: list[int] = []
        for node in step.nodes:
            depths.append(1 if node.parent < 0 else depths[node.parent] + 1)
        self.offered.update(set(depths))
        self.accepted.update(d for d, node in zip(depths, step.nodes, strict=True) if node.fate == "accepted")
        self.emitted[len(step.emitted)] += 1

    def add(self, other: "Spread") -> None:
        """Take in the steps of another."""
        self.offered.update(other.offered)
        self.accepted.update(other.accepted)
        self.emitted.update(other.emitted)

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
