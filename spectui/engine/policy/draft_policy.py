"""What each mode has learnt about its own drafts, and what follows for the next step."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ..values.draft_tree import DraftTree
from ..values.needs import Needs
from ..values.options import Speculation
from ..values.step import Step
from .acceptance import AcceptanceModel
from .gate import Gate
from .latency import LatencyModel, RunningMedian

MOST_NODES = 64
CHEAP = 0.3
"""Drafting below this share of a pass is tried again more often."""
NEGLIGIBLE = 0.02
"""Looking in vain below this share of a pass is no reason to stop looking."""
CLOSED = "drafting costs more than it brings here; it is tried again soon"


@dataclass(slots=True)
class DraftPolicy:
    """Decides for one mode whether to draft and how many of the proposed nodes to verify."""

    cost: LatencyModel
    drafts: bool = True
    """Whether the mode ever drafts."""
    calibration: AcceptanceModel = field(default_factory=AcceptanceModel)
    gate: Gate = field(default_factory=Gate)
    draft_ms: RunningMedian = field(default_factory=RunningMedian)
    """What drafting takes."""
    _pass_ms: float = 0.0
    """What a pass over one token took when the text began."""
    _vain_ms: RunningMedian = field(default_factory=RunningMedian)
    """The same where nothing came of it."""
    _last: int | None = None
    _proposed: DraftTree = field(default_factory=DraftTree)
    """What was proposed for the running step, before anything was dropped."""

    def begin(self) -> None:
        """Another text begins, or this mode takes over."""
        self.gate.begin()
        self.calibration.begin()
        self._pass_ms = self.cost.verify_ms(1)

    def limit(self, speculation: Speculation, room: int) -> tuple[int, str | None]:
        """The most nodes to propose when ``room`` tokens may follow the root, and why it is none."""
        if room <= 0:
            return 0, "only the target's own token still fits"
        if speculation.adaptive and not self.gate.open:
            return 0, CLOSED
        return MOST_NODES, None

    def may_propose(self, glance: Callable[[LatencyModel], bool], speculation: Speculation) -> bool:
        """Whether to ask the drafter: not where its ``glance`` tells that nothing will pay for its verification."""
        return not speculation.adaptive or not self.cost or glance(self.cost)

    def needs(self, needs: Needs, speculation: Speculation) -> Needs:
        """What the drafter wants to know from the pass of this step: nothing if it is not asked after it."""
        return needs if self.gate.opens_next or not speculation.adaptive else Needs()

    def prune(self, tree: DraftTree, speculation: Speculation, allowed: bool = True) -> DraftTree:
        """The nodes worth verifying at their measured cost; all of them where a fixed size was asked for.

        ``allowed`` tells whether the rule lets nodes be dropped by their scores.
        """
        self._proposed = tree
        if not len(tree) or not allowed or not speculation.adaptive or not self.cost:
            return tree
        scores = self._calibrated(tree)
        self._last = self.cost.best_size(scores, self._last)
        kept = tree.ranked(scores, self._last)
        if not len(kept):
            kept.why = "no proposed token was likely enough to pay for its verification"
        return kept

    def _calibrated(self, tree: DraftTree) -> Sequence[float]:
        scores: list[float] = []
        for node, parent in enumerate(tree.parents):
            above = self.calibration.acceptance_ratio if parent < 0 else scores[parent]
            estimate = self.calibration.estimate(tree.sources[node], tree.depths[node], tree.probabilities[node])
            scores.append(min(0.995, above * estimate))
        return scores

    def learn(self, step: Step, slowdown: float | None = None) -> None:
        """Take in what a step of this mode showed.

        ``slowdown`` is by how much work beside the target's pass made it longer, as far as that is known; of its cost
        alone such a pass says too little to be learnt from.
        """
        if slowdown is None:
            self.cost.note(len(step.nodes) + 1, step.ms.verify)
        if not self.drafts or self._cost_nothing(step):
            return
        if len(self._proposed):
            self.draft_ms.note(step.ms.draft)
            self.gate.cheap = self.draft_ms.ms < CHEAP * self._pass_ms
            self.calibration.learn(self._proposed, [emitted.token for emitted in step.emitted])
            self._proposed = DraftTree()
        alone = self.cost.plain_ms(len(step.nodes) + 1, step.ms.verify / (slowdown or 1.0))
        plain = alone + step.ms.commit + step.ms.other
        self.gate.note(len(step.emitted), step.ms.wall, plain if self.cost else 0.0)

    def _cost_nothing(self, step: Step) -> bool:
        """Whether nothing was proposed and finding that out takes next to no time.

        Such a step tells the gate nothing: to close it would save little and miss what can be copied later.
        """
        if len(self._proposed) or not step.limit:
            return False
        self._vain_ms.note(step.ms.draft)
        return self._vain_ms.ms < NEGLIGIBLE * self._pass_ms
