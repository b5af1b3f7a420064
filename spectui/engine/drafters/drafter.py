"""What a decoding method is: a drafter that proposes trees and learns from steps."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from ..policy.acceptance import AcceptanceModel
from ..policy.latency import LatencyModel
from ..values.draft_tree import DraftTree
from ..values.needs import Needs
from ..values.options import Speculation
from ..values.step import Branches, Quote, Step
from ..verification.sampler import Sampler

if TYPE_CHECKING:
    from torch import Tensor

    from ..model.causal_lm import CausalLM
    from ..retrieval.snapshot import Reader
    from ..tuning.background_worker import ThreadSplit
    from .eagle.head import EagleHead
    from .hrad import Head


@dataclass(frozen=True, slots=True)
class Resources:
    """What a drafter is built from."""

    vocabulary: int
    """Ids below it have text."""
    draft: "CausalLM | None" = None
    """The draft model, if there is one."""
    never: frozenset[int] = field(default_factory=frozenset)
    """Ids that must not be drafted, because draft and target disagree about them."""
    ends: frozenset[int] = field(default_factory=frozenset)
    """Ids that end an answer: nothing is worth drafting below them."""
    datastore: "Reader | None" = None
    """Texts to look up in, if there are any."""
    draft_ms: float = 0.0
    """Milliseconds of a pass of the draft model over one token; 0 if unmeasured."""
    share: "ThreadSplit | None" = None
    """How target and draft model work side by side; None lets both use what they find."""
    head: "Head | None" = None
    """What foresees how much of the draft model's segment will stand, if it was trained for this pair."""
    eagle: "EagleHead | None" = None
    """A head that drafts from the target's own states, if there is one."""
    eagle_ms: float = 0.0
    """Milliseconds of its pass over one token; 0 if unmeasured."""


class Context(NamedTuple):
    """What a drafter may know when it proposes."""

    tokens: Sequence[int]
    """The whole sequence; the last token is pending. Must not be changed or kept."""
    remaining: int
    """How deep a tree can be useful: tokens that may still be emitted, less the target's own."""
    speculation: Speculation
    sampler: Sampler
    """The target's settings and noise; ``sampler.noise(i)`` is the noise for choosing token i."""
    rule_is_coupled: bool
    """Whether drafts may share the target's noise and be dropped by score."""
    latency: LatencyModel
    acceptance: AcceptanceModel
    prompt: int = 0
    """How many of the tokens were asked; the others were answered."""
    step: int = 0
    """Number of the step, for draws that must be fresh each step."""
    top_ids: Sequence[int] = ()
    """Ids of the target's highest logits at the pending token, best first; empty if unknown."""


class Job(ABC):
    """Optional work that runs while the target verifies."""

    slowdown = 1.0
    """By how much the target's pass takes longer than alone."""

    @abstractmethod
    def join(self) -> tuple[int, int]:
        """Wait for the end; when the work began and ended, in nanoseconds of ``perf_counter_ns``."""

    @abstractmethod
    def cancel(self) -> None:
        """Give up as soon as possible, and wait for that; raises nothing."""

    def outcome(self, emitted: Sequence[int]) -> Branches | None:
        """What became of the work, now that the step's tokens are known; after ``join``."""
        return None


class Drafter:
    """Base of all drafters; each hook does nothing by default.

    A drafter owns its private state only. It may be switched off for any number of steps and must then catch up by
    itself from ``context.tokens``.
    """

    needs = Needs()
    drafts = True
    """Whether it ever proposes anything."""
    copies = False
    """Whether what it proposes is copied, without an opinion on how long that holds in the text at hand."""

    def __init__(self, resources: Resources) -> None:
        self.resources = resources

    def begin(self, tokens: Sequence[int]) -> None:
        """A new answer begins, or this drafter is used for the first time; ``tokens`` is the sequence so far."""

    def take_states(self, tokens: Sequence[int], start: int, states: "Tensor") -> None:
        """What the target had in mind, for those that ask for it: states [layers, rows, width] of ``needs.hidden``.

        They are those at the verified tokens from index ``start`` of ``tokens`` on. Told after every pass, that of the
        prompt included, in whatever mode, from the first use of this drafter on; older states are gone.
        """

    def prepare(self, length: int) -> bool:
        """Capture the passes of a draft model over up to ``length`` tokens, so that no step has to; whether any was."""
        return False

    def propose(self, context: Context, limit: int) -> DraftTree:
        """At most ``limit`` nodes, none deeper than ``context.remaining``; an empty tree says why in ``tree.why``.

        Asked before every pass: where there is nothing to draft from, that is found out in a few microseconds.
        """
        return DraftTree()

    def overlap(self, tree: DraftTree) -> Job | None:
        """Start work that may run during verification of ``tree``."""
        return None

    def quotes(self, tokens: Sequence[int], tree: DraftTree) -> tuple[Quote, ...]:
        """Where the tokens of ``tree``, proposed behind ``tokens``, stand outside the sequence; for the inspector."""
        return ()

    def observe(self, step: Step, mine: bool) -> None:
        """A step has ended; ``mine`` tells whether this drafter proposed its tree."""

    def close(self) -> None:
        """Another drafter takes over, or the decoder is not needed any more: give back threads and the like."""
