"""Does a draft pay, and how much of it? One policy a mode: asked before and after a draft, it learns from the step.

Before: ``budget`` says how many nodes may be proposed. While drafting, drafters ask ``LatencyModel.break_even`` what
another node has to bring. After: ``prune`` keeps the nodes that pay for their verification. Behind: ``update``.
"""

from dataclasses import dataclass, field

from ..values.draft_tree import DraftTree
from ..values.options import Speculation
from ..values.step import Step
from .acceptance import AcceptanceModel
from .gate import Gate
from .latency import SIZES, LatencyModel

MOST_NODES = SIZES[-1]
"""The most nodes of a draft: T(m) is measured so far."""
CLOSED = "paused: drafting is slower here; tried again soon"


@dataclass(slots=True)
class DraftPolicy:
    """Decides for one mode whether to draft and how many of the proposed nodes to verify."""

    latency: LatencyModel
    drafts: bool = True
    """Whether the mode ever drafts."""
    acceptance: AcceptanceModel = field(default_factory=AcceptanceModel)
    pauses: bool = True
    """Whether it pauses where drafting does not pay. To look up costs next to nothing, and pauses bring nothing then:
    lane by lane the same time within 1 % (``benchmarks.constants``, PAUSES)."""
    gate: Gate = field(default_factory=Gate)
    _proposed: DraftTree = field(default_factory=DraftTree)
    """What was proposed for the running step, before anything was dropped."""

    def begin(self) -> None:
        """Another text begins, or this mode takes over."""
        self.gate.begin()

    def budget(self, speculation: Speculation, room: int) -> tuple[int, str | None]:
        """The most nodes to propose when ``room`` tokens may follow the root, and why it is none."""
        if room <= 0:
            return 0, "only the target's own token still fits"
        if speculation.adaptive and not self.gate.open:
            return 0, CLOSED
        return MOST_NODES, None

    def prune(self, tree: DraftTree, speculation: Speculation, allowed: bool = True) -> DraftTree:
        """The nodes worth verifying at their measured cost; all of them where a fixed size was asked for.

        ``allowed`` tells whether the verifier lets nodes be dropped by their scores.
        """
        self._proposed = tree
        if not len(tree) or not allowed or not speculation.adaptive or not self.latency:
            return tree
        scores = self.acceptance.path_estimates(tree)
        kept = tree.ranked(scores, self.latency.best_size(scores))
        if not len(kept):
            kept.why = "no proposed token was likely enough to pay for its verification"
        return kept

    def update(self, step: Step, slowdown: float | None = None) -> None:
        """Take in what a step of this mode showed.

        ``slowdown`` is by how much work beside the target's pass made it longer, as far as that is known; of its cost
        alone such a pass says too little to be learnt from.
        """
        rows = len(step.nodes) + 1
        if slowdown is None:
            self.latency.update(rows, step.ms.verify)
        if not self.drafts:
            return
        proposed, self._proposed = self._proposed, DraftTree()
        self.acceptance.update(proposed, [emitted.token for emitted in step.emitted])
        if self.pauses and self.latency:
            plain = self.latency.plain_ms(rows, step.ms.verify / (slowdown or 1.0)) + step.ms.commit + step.ms.other
            self.gate.update(len(step.emitted), step.ms.wall, plain)
