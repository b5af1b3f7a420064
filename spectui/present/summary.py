"""From runs to the numbers of a report: totals over totals, with intervals over questions."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import mean, median
from typing import Annotated, Any

import numpy as np
from pydantic import Field, NonNegativeFloat, NonNegativeInt, with_config

from ..record.metrics import DOUBTFUL, ENOUGH_MS, REFERENCE, TOO_LITTLE, Spread, doubt, total
from .runs import EXACT, Histogram, Run, Share, TokensPerStep

RESAMPLES = 2000
SUMMED = ("tokens_per_second", "tokens_per_step", "acceptance_rate", "drafted", "accepted", "rejected", "unreached")
"""Numbers of all answers together that a summary has under the same names."""
HF = "hf"
Interval = tuple[float, float] | None
"""95 %, by bootstrap over questions; None below two questions."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A ratio of two lanes over the questions that both have answered."""

    value: float | None = None
    interval: Interval = None
    doubt: str | None = None
    """Why it cannot be trusted; None if it can."""
    questions: int = 0

    def __str__(self) -> str:
        """``1.62``, with the mark of doubt if there is one; unknown is –."""
        return "–" if self.value is None else f"{self.value:.2f}{DOUBTFUL if self.doubt else ''}"

    @property
    def with_interval(self) -> str:
        """``1.62 [1.50, 1.75]``; the value alone where there is no interval."""
        return f"{self} [{self.interval[0]:.2f}, {self.interval[1]:.2f}]" if self.interval else str(self)


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class Summary:
    """One lane over all questions, or over those of a category, as it stands in a report; unknown is None."""

    lane: str
    category: str | None
    questions: NonNegativeInt
    runs: NonNegativeInt
    tokens_per_second: float | None
    """Total tokens / total decode time; None for peers, whose decode time is not known."""
    tokens_per_wall_second: float | None
    """Total tokens / total time of the whole calls."""
    speedup_vs_ar: float | None
    speedup_ci95: Interval
    speedup_doubt: str | None
    speedup_questions: NonNegativeInt
    wall_vs_ar: float | None
    wall_vs_ar_ci95: Interval
    wall_vs_ar_doubt: str | None
    wall_vs_hf: float | None
    wall_vs_hf_ci95: Interval
    wall_vs_hf_doubt: str | None
    wall_vs_hf_questions: Annotated[int, Field(exclude=True)]
    tokens_per_step: TokensPerStep
    acceptance_rate: Share | None
    drafted: NonNegativeInt | None
    accepted: NonNegativeInt | None
    rejected: NonNegativeInt | None
    unreached: NonNegativeInt | None
    rollback: Share | None
    """Of the chains that were drafted; None where drafts branch inside what is verified."""
    branch_waste_per_token: NonNegativeFloat | None
    """Tokens of losing branches for each emitted token."""
    draft_idle_ms_per_token: NonNegativeFloat | None
    target_idle_ms_per_token: NonNegativeFloat | None
    acceptance_by_position: tuple[Share, ...]
    tokens_per_step_histogram: Histogram
    ttft_ms: float | None
    """Median."""
    draft_ms_per_step: float | None
    verify_ms_per_step: float | None
    compared_with_ar: NonNegativeInt
    identical_to_ar: NonNegativeInt
    looping: NonNegativeInt
    distinct_3: Share | None
    """Mean over answers."""

    @property
    def speedup(self) -> Ratio:
        """To the autoregressive lane, by decode time."""
        return Ratio(self.speedup_vs_ar, self.speedup_ci95, self.speedup_doubt, self.speedup_questions)

    @property
    def calls_against_ar(self) -> Ratio:
        """To the autoregressive lane, by whole calls."""
        return Ratio(self.wall_vs_ar, self.wall_vs_ar_ci95, self.wall_vs_ar_doubt, self.speedup_questions)

    @property
    def calls_against_hf(self) -> Ratio:
        """To transformers' ``generate``, by whole calls."""
        return Ratio(self.wall_vs_hf, self.wall_vs_hf_ci95, self.wall_vs_hf_doubt, self.wall_vs_hf_questions)

    @property
    def drafts(self) -> bool:
        """Whether anything was drafted."""
        return bool(self.acceptance_by_position)


def summarise(runs: Sequence[Run]) -> list[Summary]:
    """A summary for each lane over everything, then one for each category of each lane."""
    lanes = list(dict.fromkeys(run.lane for run in runs))
    categories = list(dict.fromkeys(run.category for run in runs))
    parts: list[str | None] = [None, *(categories if len(categories) > 1 else [])]
    made = []
    for category in parts:
        some = [run for run in runs if category in (None, run.category)]
        made += [_summary(lane, category, some) for lane in lanes if any(run.lane == lane for run in some)]
    return made


def _summary(lane: str, category: str | None, runs: Sequence[Run]) -> Summary:
    mine = [run for run in runs if run.lane == lane]
    every = total([run.numbers for run in mine])
    steps, after_first, wall = every.steps, every.after_first, sum(run.wall_ms for run in mine)
    timed = "draft_ms" not in every.unknown
    spread = Spread()
    for run in mine:
        spread.add(run.spread)
    circling = [run.distinct_3 for run in mine if run.distinct_3 is not None]
    first = [run.ttft_ms for run in mine if run.ttft_ms is not None]
    decode = ratio(runs, lane, REFERENCE, _decode_cost, _decode_doubt)
    wall_ar, wall_hf = (ratio(runs, lane, other, _wall_cost, _wall_doubt) for other in (REFERENCE, HF))
    return Summary(
        lane=lane,
        category=category,
        questions=len({run.question_id for run in mine}),
        runs=len(mine),
        tokens_per_wall_second=every.emitted / wall * 1e3 if wall and "emitted" not in every.unknown else None,
        speedup_vs_ar=decode.value,
        speedup_ci95=decode.interval,
        speedup_doubt=decode.doubt,
        speedup_questions=decode.questions,
        wall_vs_ar=wall_ar.value,
        wall_vs_ar_ci95=wall_ar.interval,
        wall_vs_ar_doubt=wall_ar.doubt,
        wall_vs_hf=wall_hf.value,
        wall_vs_hf_ci95=wall_hf.interval,
        wall_vs_hf_doubt=wall_hf.doubt,
        wall_vs_hf_questions=wall_hf.questions,
        rollback=every.rollback if spread.chains and timed else None,
        branch_waste_per_token=every.waste / after_first if every.confirmed + every.dropped else None,
        draft_idle_ms_per_token=every.draft_idle_ms / after_first if every.drafted and timed else None,
        target_idle_ms_per_token=every.target_idle_ms / after_first if every.drafted and timed else None,
        acceptance_by_position=tuple(spread.acceptance_by_position),
        tokens_per_step_histogram=dict(sorted(spread.emitted.items())),
        ttft_ms=median(first) if first else None,
        draft_ms_per_step=every.draft_ms / steps if steps and timed else None,
        verify_ms_per_step=every.verify_ms / steps if steps and timed else None,
        compared_with_ar=sum(run.identical is not None for run in mine),
        identical_to_ar=sum(run.identical is True for run in mine),
        looping=sum(run.looping is True for run in mine),
        distinct_3=mean(circling) if circling else None,
        **{name: getattr(every, name) if name not in every.unknown else None for name in SUMMED},
    )


def _decode_cost(run: Run) -> tuple[float, float]:
    return (run.new_tokens or 1) - 1, run.decode_ms or 0.0


def _wall_cost(run: Run) -> tuple[float, float]:
    return run.new_tokens or 0, run.wall_ms


def _decode_doubt(value: float, ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    return doubt(value, *(total([run.numbers for run in runs]) for runs in (ours, theirs)))


def _wall_doubt(value: float, ours: Sequence[Run], theirs: Sequence[Run]) -> str:
    return TOO_LITTLE if min(sum(run.wall_ms for run in runs) for runs in (ours, theirs)) < ENOUGH_MS else ""


def ratio(
    runs: Sequence[Run],
    lane: str,
    reference: str,
    cost: Callable[[Run], tuple[float, float]],
    doubted: Callable[[float, Sequence[Run], Sequence[Run]], str],
) -> Ratio:
    """(tokens / time) of a lane over that of a reference, totals over totals, over questions that both answered."""
    sums: dict[str, dict[str, Any]] = {lane: {}, reference: {}}
    for run in runs:
        if run.lane in sums:
            sums[run.lane][run.question_id] = sums[run.lane].get(run.question_id, 0) + np.array(cost(run))
    both = [question for question in sums[lane] if question in sums[reference]]
    if not both or lane == reference:
        return Ratio()
    ours, theirs = (np.array([sums[name][question] for question in both]) for name in (lane, reference))
    if not all((side.sum(0) > 0).all() for side in (ours, theirs)):
        return Ratio(questions=len(both))
    value = float(_rate(ours.sum(0)) / _rate(theirs.sum(0)))
    interval = None
    if len(both) > 1:
        picks = np.random.default_rng(0).integers(0, len(both), (RESAMPLES, len(both)))
        with np.errstate(divide="ignore", invalid="ignore"):
            drawn = _rate(ours[picks].sum(1)) / _rate(theirs[picks].sum(1))
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        interval = float(low), float(high)
    asked = set(both)
    answers = ([run for run in runs if run.lane == name and run.question_id in asked] for name in (lane, reference))
    return Ratio(value, interval, doubted(value, *answers) or None, len(both))


def _rate(sums: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    made: np.ndarray[Any, Any] = sums[..., 0] / sums[..., 1]
    return made


def shares(counts: Histogram) -> dict[int, float]:
    """Each key's part of the whole."""
    whole = sum(counts.values())
    return {key: count / whole for key, count in sorted(counts.items())} if whole else {}
