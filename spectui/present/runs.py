"""What one lane did with one turn of one question."""

from collections import Counter
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import ConfigDict, Field, NonNegativeFloat, NonNegativeInt, PositiveInt, with_config

from ..record.metrics import Numbers, Spread, distinct, is_looping
from .race_book import SERVED, RaceBook

EXACT = ConfigDict(extra="forbid", json_schema_serialization_defaults_required=True)
"""An object of a report has all fields of its type and no others."""
Share = Annotated[float, Field(ge=0, le=1)]
TokensPerStep = Annotated[float | None, Field(alias="mean_accepted_tokens")]
Histogram = dict[int, NonNegativeInt]
"""Tokens -> steps that emitted so many."""


@with_config(EXACT)
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
    text: str | None = None
    """Of a server, which may not tell its tokens."""


@dataclass(frozen=True, slots=True)
class Place:
    """Which run: lane, question and turn; unique in a bench."""

    lane: str
    question_id: str
    turn: int


LLAMA_CPP = "llama.cpp"
"""The peer whose names begin so computes in its own quantised arithmetic, so that its text may be another."""
RATES = ("tokens_per_step", "acceptance_rate", "tokens_per_second", "ttft_ms")
COUNTS = ("steps", "drafted", "accepted", "rejected", "unreached", "cut", "confirmed", "dropped", "waste", "decode_ms",
          "draft_ms", "verify_ms", "draft_idle_ms", "target_idle_ms")  # fmt: skip
"""Numbers of an answer that a run has under the same names; of a peer the counts are unknown."""


@with_config(EXACT)
@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of a bench, as it stands in a report; unknown is None."""

    lane: str
    mode: str | None
    peer: str | None
    question_id: str
    category: str
    turn: NonNegativeInt
    prompt_tokens: PositiveInt | None
    new_tokens: NonNegativeInt | None
    steps: NonNegativeInt | None
    tokens_per_step: TokensPerStep
    acceptance_rate: Share | None
    drafted: NonNegativeInt | None
    accepted: NonNegativeInt | None
    rejected: NonNegativeInt | None
    unreached: NonNegativeInt | None
    cut: NonNegativeInt | None
    confirmed: NonNegativeInt | None
    dropped: NonNegativeInt | None
    waste: Annotated[NonNegativeInt | None, Field(alias="branch_waste")]
    rollback: Share | None
    """None as well where a draft was not a chain."""
    ttft_ms: float | None
    decode_ms: float | None
    wall_ms: NonNegativeFloat
    tokens_per_second: float | None
    draft_ms: float | None
    verify_ms: float | None
    draft_idle_ms: float | None
    target_idle_ms: float | None
    identical: Annotated[bool | None, Field(alias="identical_to_ar")] = None
    """To the autoregressive lane's answer, id by id; None if there is no such promise or answer."""
    divergence: Annotated[int | None, Field(alias="first_divergence")] = None
    """Index in the answer of the first token that differs."""
    gap: Annotated[float | None, Field(alias="logit_gap")] = None
    """Between the two highest scores of the target there."""
    distinct_3: Share | None
    looping: bool | None
    offered_by_position: tuple[NonNegativeInt, ...]
    accepted_by_position: tuple[NonNegativeInt, ...]
    histogram: Annotated[Histogram, Field(alias="tokens_per_step_histogram")]
    tokens: tuple[NonNegativeInt, ...]
    server: str | None = None
    """Its name among the servers, if the lane is one."""
    text: str | None = None
    """Of a server, which may not tell its tokens."""

    @classmethod
    def of(
        cls,
        place: Place,
        mode: str | None,
        peer: str | None,
        category: str,
        prompt_tokens: int | None,
        answered: Answered,
        server: str | None = None,
    ) -> "Run":
        """The run of an answer."""
        n, spread = answered.numbers, answered.spread
        circling = distinct(answered.tokens or (answered.text or "").split())
        counted = mode is not None or server is not None
        depths = range(1, max(spread.offered, default=0) + 1)
        return cls(
            lane=place.lane,
            mode=mode,
            peer=peer,
            question_id=place.question_id,
            category=category,
            turn=place.turn,
            prompt_tokens=prompt_tokens,
            new_tokens=n.emitted if "emitted" not in n.unknown else None,
            server=server,
            text=answered.text,
            rollback=n.rollback if spread.chains else None,
            wall_ms=answered.wall_ms,
            distinct_3=circling,
            looping=None if circling is None else is_looping(circling),
            offered_by_position=tuple(spread.offered[depth] for depth in depths),
            accepted_by_position=tuple(spread.accepted[depth] for depth in depths),
            histogram=dict(sorted(spread.emitted.items())),
            tokens=answered.tokens,
            **{name: getattr(n, name) for name in RATES},
            **{name: getattr(n, name) if counted and name not in n.unknown else None for name in COUNTS},
        )

    @property
    def place(self) -> Place:
        """Which run it is."""
        return Place(self.lane, self.question_id, self.turn)

    @property
    def numbers(self) -> Numbers:
        """The numbers of the answer; what is unknown is None or 0."""
        told = {name: getattr(self, name) for name in COUNTS} | {"emitted": self.new_tokens}
        unknown = tuple(name for name, value in told.items() if value is None) if self.server is not None else ()
        known = {name: value or 0 for name, value in told.items()}
        return Numbers(ttft_ms=self.ttft_ms, unknown=unknown, **known)

    @property
    def spread(self) -> Spread:
        """How its drafts and steps spread."""
        offered, accepted = (dict(enumerate(a, 1)) for a in (self.offered_by_position, self.accepted_by_position))
        chains = self.rollback is not None or not self.drafted
        return Spread(Counter(offered), Counter(accepted), Counter(self.histogram), chains)


def whole_turns(runs: list[Run], lanes: int) -> list[Run]:
    """The runs of turns that all lanes have answered."""
    counts = Counter((run.question_id, run.turn) for run in runs)
    return [run for run in runs if counts[run.question_id, run.turn] >= lanes]


def race_runs(book: RaceBook) -> list[Run]:
    """The finished lanes of all rounds of a race."""
    made = []
    for number, books in enumerate(book.rounds, 1):
        for name, lane in books.items():
            if not lane.finished:
                continue
            compared, meter = lane.compared, lane.meter
            place = Place(name, f"race {number}", 0)
            server = name if lane.mode == SERVED else None
            text = lane.text if server is not None else None
            answered = Answered(tuple(lane.tokens), lane.clock, lane.numbers, meter.spread, text)
            mode = lane.mode if server is None else None
            run = Run.of(place, mode, None, "race", lane.prompt_tokens, answered, server)
            if compared is not None:
                run = replace(run, identical=compared.place is None, divergence=compared.place, gap=compared.gap)
            made.append(run)
    return made
