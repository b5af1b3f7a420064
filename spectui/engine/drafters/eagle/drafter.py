"""EAGLE-3: a trained head drafts a tree from the target's own states, as far as that pays."""

from collections.abc import Sequence

from torch import Tensor

from ...values.draft_tree import ROOT, DraftTree
from ...values.needs import Needs
from ..drafter import Context, Resources
from ..model_drafter import DEPTH, WIDTH, ModelDrafter
from ..ranking import Ranking
from .head_cache import HeadCache

PAPER = (60, 10, 7)
"""Nodes, children a node and levels of EAGLE-2's tree (its official code's defaults), for those who want it whole."""


class Eagle(ModelDrafter):
    """Drafts with a head (Li et al., EAGLE-3, 2503.01840); where nobody asks for a shape, a tree that grows as it pays.

    It grows level by level from its likeliest nodes (EAGLE-2, 2406.16858). The cost model says of which nodes and how
    often: only those that are worth verifying get children, and only while another pass of the head brings more tokens
    a millisecond.
    """

    kind = "eagle"
    unseen = "the head has not seen the target's states yet; it drafts from the next step on"
    timed = WIDTH

    def __init__(self, resources: Resources) -> None:
        head = resources.eagle
        assert head is not None
        super().__init__(resources, Ranking(resources, head.device, ids=head.target_ids), resources.eagle_ms)
        self.needs = Needs(hidden=head.layers)
        self._cache = HeadCache(head)

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere; what is known of it is compared at the next look."""
        self._cache.invalidate()

    def take_states(self, tokens: Sequence[int], start: int, states: Tensor) -> None:
        """Keep them until something is drafted."""
        self._cache.take(tokens, start, states)

    def _catch_up(self, tokens: Sequence[int]) -> Tensor | None:
        return self._cache.catch_up(tokens)

    def _read(self, tree: DraftTree, nodes: list[int]) -> Tensor:
        return self._cache.feed(tree, nodes)

    def _coupled(self, context: Context, logits: Tensor, limit: int) -> DraftTree:
        speculation = context.speculation
        if speculation.full_tree and not speculation.draft_tree:
            nodes, width, depth = PAPER
            return self._grow(context, logits, min(limit, nodes), width, depth)
        if speculation.adaptive and context.latency:
            return self._grow_while_it_pays(context, logits)
        return super()._coupled(context, logits, limit)

    def _grow_while_it_pays(self, context: Context, logits: Tensor) -> DraftTree:
        """The tree that is expected to bring the most tokens a millisecond; the policy drops what is not worth it."""
        tree = DraftTree()
        scores: list[float] = []
        latency, pass_ms = context.latency, self.pass_ms.value
        frontier, mass = [ROOT], 1.0
        for level in range(1, min(DEPTH, context.remaining) + 1):
            first = len(tree)
            self._branch(context, tree, frontier, logits, WIDTH)
            scores = context.acceptance.path_estimates(tree, scores)
            worth, rate = latency.best_step(scores, level * pass_ms)
            frontier = self._worth_children(tree, scores, first, worth)
            if not frontier or level == min(DEPTH, context.remaining):
                break
            share = sum(scores[first:]) / mass  # what the next level is taken to hold of this one
            mass = sum(scores[node] for node in frontier)
            more = [*scores, *(scores[node] * share for node in frontier)]
            if latency.best_step(more, (level + 1) * pass_ms)[1] <= rate:
                break
            logits = self._feed(tree, frontier)
        return tree

    def _worth_children(self, tree: DraftTree, scores: Sequence[float], first: int, worth: int) -> list[int]:
        """Of the newest level the likeliest nodes among the ``worth`` best of all; no more than ``WIDTH``."""
        order = sorted(range(len(tree)), key=lambda node: (-scores[node], node))[:worth]
        level = [node for node in order if node >= first and not self._ends(tree, node)]
        return sorted(level[:WIDTH])
