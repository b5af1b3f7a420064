"""From runs to the numbers of a report: totals over totals, with intervals over questions."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Any

import numpy as np

from ..record.metrics import DOUBTFUL, ENOUGH_MS, TOO_LITTLE, Spread, doubt, is_looping, total
from .runs import REFERENCE, Run

RESAMPLES = 2000
HF = "hf"


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two lanes over the questions that both have answered."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    """The 95 % interval, by bootstrap over questions; None below two questions."""
    questions: int = 0
    doubt: str = ""
    """Why it cannot be trusted; empty if it can."""

    def __str__(self) -> str:
        """``1.62``, with the mark of doubt if there is one; unknown is –."""
        return "–" if self.value is None else f"{self.value:.2f}{DOUBTFUL if self.doubt else ''}"

    def to_json(self) -> list[float] | None:
        """The interval."""
        return None if self.low is None or self.high is None else [self.low, self.high]


@dataclass(frozen=True, slots=True)
class Summary:
    """One lane over all questions, or over those of a category."""

    lane: str
    category: str | None
    questions: int
    runs: int
    tokens_per_second: float | None
    """Total tokens / total decode time; None for peers, whose decode time is not known."""
    tokens_per_wall_second: float | None
    """Total tokens / total time of the whole calls."""
    speedup_vs_ar: Ratio
    wall_vs_ar: Ratio
    wall_vs_hf: Ratio
    mean_accepted_tokens: float | None
    acceptance_rate: float | None
    spread: Spread
    ttft_ms: float | None
    """Median."""
    draft_ms: float | None
    """Mean of a step."""
    verify_ms: float | None
    """Mean of a step."""
    compared: int
    identical: int
    looping: int
    distinct_3: float | None
    """Mean over answers."""
    drafted: int = 0
    accepted: int = 0
    rejected: int = 0
    unreached: int = 0
    rollback: float | None = None
    """Of the chains that were drafted; None where drafts branch inside what is verified."""
    waste: float | None = None
    """Tokens of losing branches for each emitted token."""
    draft_idle_ms: float | None = None
    """For each emitted token, as ``target_idle_ms``."""
    target_idle_ms: float | None = None

    def to_json(self) -> dict[str, Any]:
        """As in a report; unknown is null."""
        return {
            "lane": self.lane,
            "category": self.category,
            "questions": self.questions,
            "runs": self.runs,
            "tokens_per_second": self.tokens_per_second,
            "tokens_per_wall_second": self.tokens_per_wall_second,
            "speedup_vs_ar": self.speedup_vs_ar.value,
            "speedup_ci95": self.speedup_vs_ar.to_json(),
            "speedup_doubt": self.speedup_vs_ar.doubt or None,
            "speedup_questions": self.speedup_vs_ar.questions,
            "wall_vs_ar": self.wall_vs_ar.value,
            "wall_vs_ar_ci95": self.wall_vs_ar.to_json(),
            "wall_vs_ar_doubt": self.wall_vs_ar.doubt or None,
            "wall_vs_hf": self.wall_vs_hf.value,
            "wall_vs_hf_ci95": self.wall_vs_hf.to_json(),
            "wall_vs_hf_doubt": self.wall_vs_hf.doubt or None,
            "mean_accepted_tokens": self.mean_accepted_tokens,
            "acceptance_rate": self.acceptance_rate,
            "drafted": self.drafted,
            "accepted": self.accepted,
            "rejected": self.rejected,
            "unreached": self.unreached,
            "rollback": self.rollback,
            "branch_waste_per_token": self.waste,
            "draft_idle_ms_per_token": self.draft_idle_ms,
            "target_idle_ms_per_token": self.target_idle_ms,
            "acceptance_by_position": self.spread.acceptance_by_position,
            "tokens_per_step_histogram": {str(size): n for size, n in sorted(self.spread.emitted.items())},
            "ttft_ms": self.ttft_ms,
            "draft_ms_per_step": self.draft_ms,
            "verify_ms_per_step": self.verify_ms,
            "compared_with_ar": self.compared,
            "identical_to_ar": self.identical,
            "looping": self.looping,
            "distinct_3": self.distinct_3,
        }


def summarise(runs: Sequence[Run]) -> list[Summary]:
    """A summary for each lane over everything, then one for each category of each lane."""
    lanes = list(dict.fromkeys(run.place.lane for run in runs))
    categories = list(dict.fromkeys(run.category for run in runs))
    parts: list[str | None] = [None, *(categories if len(categories) > 1 else [])]
    made = []
    for category in parts:
        some = [run for run in runs if category in (None, run.category)]
        made += [_summary(lane, category, some) for lane in lanes if any(run.place.lane == lane for run in some)]
    return made


def _summary(lane: str, category: str | None, runs: Sequence[Run]) -> Summary:
    mine = [run for run in runs if run.place.lane == lane]
    numbers = [run.answered.numbers for run in mine]
    every = total(numbers)
    steps, drafted = every.steps, every.drafted
    after_first = every.after_first
    wall = sum(run.answered.wall_ms for run in mine)
    chains = all(run.answered.chains for run in mine)
    spread = Spread()
    for run in mine:
        spread.add(run.answered.spread)
    circling = [value for run in mine if (value := run.distinct_3) is not None]
    first = [n.ttft_ms for n in numbers if n.ttft_ms is not None]
    return Summary(
        lane=lane,
        category=category,
        questions=len({run.place.question_id for run in mine}),
        runs=len(mine),
        tokens_per_second=every.tokens_per_second,
        tokens_per_wall_second=sum(len(run.answered.tokens) for run in mine) / wall * 1e3 if wall else None,
        speedup_vs_ar=ratio(runs, lane, REFERENCE, _decode_cost, _decode_doubt),
        wall_vs_ar=ratio(runs, lane, REFERENCE, _wall_cost, _wall_doubt),
        wall_vs_hf=ratio(runs, lane, HF, _wall_cost, _wall_doubt),
        mean_accepted_tokens=every.tokens_per_step,
        acceptance_rate=every.acceptance_rate,
        spread=spread,
        ttft_ms=median(first) if first else None,
        draft_ms=every.draft_ms / steps if steps else None,
        verify_ms=every.verify_ms / steps if steps else None,
        compared=sum(run.identical is not None for run in mine),
        identical=sum(run.identical is True for run in mine),
        looping=sum(map(is_looping, circling)),
        distinct_3=mean(circling) if circling else None,
        drafted=drafted,
        accepted=every.accepted,
        rejected=every.rejected,
        unreached=every.unreached,
        rollback=every.rollback if chains else None,
        waste=every.waste / after_first if every.confirmed + every.dropped else None,
        draft_idle_ms=every.draft_idle_ms / after_first if drafted else None,
        target_idle_ms=every.target_idle_ms / after_first if drafted else None,
    )


def _decode_cost(run: Run) -> tuple[float, float]:
    return run.answered.numbers.emitted - 1, run.answered.numbers.decode_ms


def _wall_cost(run: Run) -> tuple[float, float]:
    return len(run.answered.tokens), run.answered.wall_ms


def _decode_doubt(value: float, ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    return doubt(value, *(total([run.answered.numbers for run in runs]) for runs in (ours, theirs)))


def _wall_doubt(value: float, ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    return TOO_LITTLE if min(sum(run.answered.wall_ms for run in runs) for runs in (ours, theirs)) < ENOUGH_MS else ""


def ratio(
    runs: Sequence[Run],
    lane: str,
    reference: str,
    cost: Callable[[Run], tuple[float, float]],
    doubted: Callable[[float, Sequence[Run], Sequence[Run]], str],
) -> Ratio:
    """(tokens / time) of a lane over that of a reference, totals over totals, over questions that both answered."""
    sums: dict[str, dict[str, np.ndarray[Any, Any]]] = {lane: {}, reference: {}}
    for run in runs:
        if run.place.lane in sums:
            total = sums[run.place.lane].setdefault(run.place.question_id, np.zeros(2))
            total += cost(run)
    both = [question for question in sums[lane] if question in sums[reference]]
    if not both or lane == reference:
        return Ratio()
    ours = np.array([sums[lane][question] for question in both])
    theirs = np.array([sums[reference][question] for question in both])
    value = _rate(ours.sum(0)) / _rate(theirs.sum(0)) if _usable(ours, theirs) else None
    if value is None:
        return Ratio(questions=len(both))
    mine, others = ([run for run in runs if run.place.lane == name and run.place.question_id in both]
                    for name in (lane, reference))  # fmt: skip
    why = doubted(float(value), mine, others)
    if len(both) < 2:
        return Ratio(float(value), questions=len(both), doubt=why)
    picks = np.random.default_rng(0).integers(0, len(both), (RESAMPLES, len(both)))
    with np.errstate(divide="ignore", invalid="ignore"):
        drawn = _rate(ours[picks].sum(1)) / _rate(theirs[picks].sum(1))
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return Ratio(float(value), float(low), float(high), len(both), why)


def _rate(sums: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    made: np.ndarray[Any, Any] = sums[..., 0] / sums[..., 1]
    return made


def _usable(*sums: np.ndarray[Any, Any]) -> bool:
    return all((total.sum(0) > 0).all() for total in sums)


def shares(counts: Counter[int]) -> dict[int, float]:
    """Each key's part of the whole."""
    total = sum(counts.values())
    return {key: counts[key] / total for key in sorted(counts)} if total else {}
