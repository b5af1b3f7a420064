"""What one lane did with one turn of one question."""

from dataclasses import dataclass, field
from typing import Any

from ..engine.values.step import Step
from ..record.metrics import Numbers, Spread, distinct, is_looping

REFERENCE = "ar"
"""The lane that every other is compared with."""


@dataclass(frozen=True, slots=True)
class Skipped:
    """A question that was not asked, or not to its end."""

    question_id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Answered:
    """One answer, measured."""

    tokens: tuple[int, ...]
    wall_ms: float
    """The whole call: prefill, decode, and what is between the steps."""
    numbers: Numbers
    """What is not known of a peer is None or 0 there."""
    spread: Spread = field(default_factory=Spread)
    chains: bool = True
    """Whether every draft was a chain."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which run: lane, question and turn; unique in a bench."""

    lane: str
    question_id: str
    turn: int


@dataclass(frozen=True, slots=True)
class Run:
    """One line of a bench; the fields of ``to_json``."""

    place: Place
    mode: str | None
    peer: str | None
    category: str
    prompt_tokens: int
    answered: Answered
    identical: bool | None = None
    """To the autoregressive lane's answer, id by id; None if there is no such promise or answer."""
    divergence: int | None = None
    """Index in the answer of the first token that differs."""
    gap: float | None = None
    """Between the two highest scores of the target there."""

    @property
    def distinct_3(self) -> float | None:
        """Different trigrams of ids / trigrams."""
        return distinct(self.answered.tokens)

    def to_json(self) -> dict[str, Any]:
        """As in a report; unknown is null."""
        n, spread = self.answered.numbers, self.answered.spread
        is_mode = self.mode is not None
        circling = self.distinct_3
        return {
            "lane": self.place.lane,
            "mode": self.mode,
            "peer": self.peer,
            "question_id": self.place.question_id,
            "category": self.category,
            "turn": self.place.turn,
            "prompt_tokens": self.prompt_tokens,
            "new_tokens": len(self.answered.tokens),
            "steps": n.steps if is_mode else None,
            "mean_accepted_tokens": n.tokens_per_step,
            "acceptance_rate": n.acceptance_rate,
            "drafted": n.drafted if is_mode else None,
            "accepted": n.accepted if is_mode else None,
            "rejected": n.rejected if is_mode else None,
            "unreached": n.unreached if is_mode else None,
            "cut": n.cut if is_mode else None,
            "confirmed": n.confirmed if is_mode else None,
            "dropped": n.dropped if is_mode else None,
            "branch_waste": n.waste if is_mode else None,
            "rollback": n.rollback if self.answered.chains else None,
            "ttft_ms": n.ttft_ms,
            "decode_ms": n.decode_ms if is_mode else None,
            "wall_ms": self.answered.wall_ms,
            "tokens_per_second": n.tokens_per_second,
            "draft_ms": n.draft_ms if is_mode else None,
            "verify_ms": n.verify_ms if is_mode else None,
            "draft_idle_ms": n.draft_idle_ms if is_mode else None,
            "target_idle_ms": n.target_idle_ms if is_mode else None,
            "identical_to_ar": self.identical,
            "first_divergence": self.divergence,
            "logit_gap": self.gap,
            "distinct_3": circling,
            "looping": None if circling is None else is_looping(circling),
            "offered_by_position": [spread.offered[d] for d in range(1, max(spread.offered, default=0) + 1)],
            "accepted_by_position": [spread.accepted[d] for d in range(1, max(spread.offered, default=0) + 1)],
            "tokens_per_step_histogram": {str(size): count for size, count in sorted(spread.emitted.items())},
            "tokens": list(self.answered.tokens),
        }


def from_json(value: dict[str, Any]) -> Run:
    """The run of a line that ``to_json`` made; raises KeyError, TypeError or ValueError for anything else."""
    numbers = Numbers(
        emitted=int(value["new_tokens"]),
        steps=int(value["steps"] or 0),
        drafted=int(value["drafted"] or 0),
        accepted=int(value["accepted"] or 0),
        rejected=int(value["rejected"] or 0),
        unreached=int(value["unreached"] or 0),
        cut=int(value["cut"] or 0),
        confirmed=int(value["confirmed"] or 0),
        dropped=int(value["dropped"] or 0),
        waste=int(value["branch_waste"] or 0),
        ttft_ms=None if value["ttft_ms"] is None else float(value["ttft_ms"]),
        decode_ms=float(value["decode_ms"] or 0.0),
        draft_ms=float(value["draft_ms"] or 0.0),
        verify_ms=float(value["verify_ms"] or 0.0),
        draft_idle_ms=float(value["draft_idle_ms"] or 0.0),
        target_idle_ms=float(value["target_idle_ms"] or 0.0),
    )
    spread = Spread()
    spread.offered.update({depth: int(count) for depth, count in enumerate(value["offered_by_position"], 1)})
    spread.accepted.update({depth: int(count) for depth, count in enumerate(value["accepted_by_position"], 1)})
    spread.emitted.update({int(size): int(count) for size, count in value["tokens_per_step_histogram"].items()})
    tokens = tuple(int(token) for token in value["tokens"])
    chains = value["rollback"] is not None or not numbers.drafted
    return Run(
        Place(str(value["lane"]), str(value["question_id"]), int(value["turn"])),
        value["mode"],
        value["peer"],
        str(value["category"]),
        int(value["prompt_tokens"]),
        Answered(tokens, float(value["wall_ms"]), numbers, spread, chains),
        value["identical_to_ar"],
        value["first_divergence"],
        value["logit_gap"],
    )


def whole_turns(runs: list[Run], lanes: int) -> list[Run]:
    """The runs of turns that all lanes have answered."""
    counts: dict[tuple[str, int], int] = {}
    for run in runs:
        turn = (run.place.question_id, run.place.turn)
        counts[turn] = counts.get(turn, 0) + 1
    return [run for run in runs if counts[run.place.question_id, run.place.turn] >= lanes]


def is_chain(step: Step) -> bool:
    """Whether each drafted token follows the one before it."""
    return all(node.parent == index - 1 for index, node in enumerate(step.nodes))
