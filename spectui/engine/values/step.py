"""What happened in one decoding step, as immutable values of ids and numbers."""

from dataclasses import dataclass
from math import inf, log
from typing import Literal, NamedTuple

Fate = Literal["accepted", "rejected", "unreached", "cut"]
Kind = Literal["accepted", "target", "correction", "bonus"]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a drafted token came from."""

    kind: str
    """Who proposed it: ``draft`` for a draft model, ``eagle`` for a head, or the name of a retrieval source such as
    ``prompt``."""
    rank: int | None = None
    """0-based rank among the alternatives that the source considered."""
    n: int | None = None
    """Length of the n-gram that matched."""
    count: int | None = None
    """How often the continuation was seen after that n-gram."""
    at: int | None = None
    """Index in the sequence where the match stands."""


class Node(NamedTuple):
    """One drafted token with its fate; ``parent`` -1 is the root, the pending token."""

    token: int
    parent: int
    source: Source
    probability: float | None
    """The drafter's estimate for this token given its parent, in [0, 1]; None if it has none."""
    fate: Fate


class Emitted(NamedTuple):
    """One token that the step added to the text."""

    token: int
    kind: Kind


class Times(NamedTuple):
    """Milliseconds that the step spent; draft and verify may overlap, so they may add up to more than wall."""

    draft: float
    verify: float
    commit: float
    other: float
    wall: float


class Span(NamedTuple):
    """Who worked when, in milliseconds since the step began."""

    who: str
    start: float
    end: float


class Candidate(NamedTuple):
    """A token that the target could have chosen at one place."""

    token: int
    probability: float
    """The target's own, after temperature and filters; at temperature 0 that of temperature 1."""
    noise: float | None = None
    """What the shared noise added to its log-probability; None where nothing is drawn with it."""

    @property
    def score(self) -> float:
        """What the choice maximises, up to a constant."""
        return (log(self.probability) if self.probability > 0.0 else -inf) + (self.noise or 0.0)


class Quote(NamedTuple):
    """A place outside the sequence from which a drafted token could be copied: what stands around it there."""

    node: int
    before: tuple[int, ...]
    """Tokens before the n-gram that matched."""
    after: tuple[int, ...]
    """Tokens behind the drafted one."""


@dataclass(frozen=True, slots=True)
class Branches:
    """What a draft model wrote beyond the end of a step's draft while the target verified it."""

    at: int
    """The drafted node after which the branches begin; -1 is the root."""
    confidence: float
    """The draft model's own probability of its likeliest token there, at temperature 1."""
    tokens: tuple[tuple[int, ...], ...]
    """The branches, likeliest first; the first token of each is a guess at the target's own token."""
    won: int | None
    """Which branch the target's token chose; None if none of them, or if the draft was refused before."""
    dropped: int
    """Tokens of the draft model's chain, the likeliest branch, that were thrown away unverified."""
    waste: int
    """Tokens of the branches that lost besides."""


class Step(NamedTuple):
    """One pass of the loop: what was drafted, what the target said, what it cost."""

    mode: str
    index: int  # type: ignore[assignment]  # tuples have a method of this name
    """0-based number of the step in its answer."""
    position: int
    """Index of the root (the pending token) in the sequence."""
    time_ms: float
    """End of the step on the lane's clock, in milliseconds since the command to answer."""
    nodes: tuple[Node, ...]
    accepted: int
    emitted: tuple[Emitted, ...]
    ms: Times
    spans: tuple[Span, ...]
    limit: int
    """The most nodes that the drafter was allowed to propose."""
    why_no_draft: str | None = None
    """One plain phrase when nothing was drafted although the mode drafts."""
    branches: Branches | None = None
    """What was drafted meanwhile, if the mode works beside the target."""
    target_top: tuple[tuple[Candidate, ...], ...] | None = None
    """The target's five likeliest tokens at the root and each walked node, and the one that it chose where that is none
    of them, when recording for inspection."""
    quotes: tuple[Quote, ...] | None = None
    """Of the nodes from a datastore, when recording for inspection."""


def walked(step: Step) -> list[int]:
    """The drafted nodes that the target agreed to, from the root on; those that the answer's end cut off included."""
    return [index for index, node in enumerate(step.nodes) if node.fate in ("accepted", "cut")]
