"""What all methods share that draft with a model of their own: chains, trees and independent draws."""

from abc import abstractmethod
from collections.abc import Sequence
from time import perf_counter

from torch import Tensor

from ..policy.latency import RunningMedian
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source, Step
from ..verification.noise import gumbel, key
from .drafter import Context, Drafter, Resources
from .pass_timer import PassTimer
from .ranking import Ranking

MOST = 16
"""Tokens of a chain, at most (``benchmarks.constants``)."""
WIDTH, DEPTH = 4, 6
"""Of a tree: nodes that get children on a level, with as many children each, and levels (``benchmarks.constants``)."""
_DRAW = 3


class ModelDrafter(Drafter):
    """Drafts with a model, coupled to the target by shared noise.

    Under the classic rule at temperature above 0 it draws i.i.d. from the model's own distribution instead, in a shape
    that is fixed before the first draw.
    """

    kind: str
    """What its tokens' sources say."""
    unseen: str | None = None
    """Why nothing can be drafted where it could not catch up."""
    timed = 1
    """Passes over at most so many nodes tell what one takes."""

    def __init__(self, resources: Resources, ranking: Ranking, pass_ms: float) -> None:
        super().__init__(resources)
        self._ranking = ranking
        self._scheduled = 5
        self.pass_ms = RunningMedian(pass_ms)
        """What a pass of its model over one token takes."""
        self._timer = PassTimer(self.pass_ms)

    @abstractmethod
    def _catch_up(self, tokens: Sequence[int]) -> Tensor | None:
        """Read what has come since the last proposal; logits after it, [1, vocabulary], None where that cannot be."""

    @abstractmethod
    def _read(self, tree: DraftTree, nodes: list[int]) -> Tensor:
        """One pass over some nodes of the tree whose parents were read before; logits [nodes, vocabulary]."""

    def observe(self, step: Step, mine: bool) -> None:
        """Lengthen the schedule after a full accept, shorten it otherwise (transformers' heuristic)."""
        if mine and step.nodes:
            full = step.emitted[-1].kind == "bonus"
            self._scheduled = min(MOST, self._scheduled + 2) if full else max(1, self._scheduled - 1)

    def propose(self, context: Context, limit: int) -> DraftTree:
        """Catch up with the sequence, then draft as the options say."""
        logits = self._catch_up(context.tokens)
        if logits is None:
            return DraftTree(why=self.unseen)
        if not context.rule_is_coupled and not context.sampler.greedy:
            return self._draw(context, logits, limit)
        return self._coupled(context, logits, limit)

    def _coupled(self, context: Context, logits: Tensor, limit: int) -> DraftTree:
        """A tree where one was asked for, else a chain."""
        nodes = context.speculation.draft_tree
        if nodes:
            return self._grow(context, logits, min(limit, nodes), WIDTH, DEPTH)
        return self._chain(context, logits, min(limit, self._most(context)))

    def _most(self, context: Context, auto: int = MOST) -> int:
        lengths = {"auto": auto, "schedule": self._scheduled}
        tokens = context.speculation.draft_tokens
        return lengths[tokens] if isinstance(tokens, str) else tokens

    # -- coupled: the model ranks its tokens with the target's own noise

    def _chain(self, context: Context, logits: Tensor, limit: int) -> DraftTree:
        tree, source = DraftTree(), Source(self.kind, rank=0)
        limit = min(limit, context.remaining)
        adaptive = context.speculation.draft_tokens == "auto"
        acceptance = context.acceptance
        rate = acceptance.acceptance_rate(self.kind)
        path, expected = 1.0, 1.0
        while len(tree) < limit:
            node = len(tree) - 1
            self._branch(context, tree, [node], logits, 1)
            if len(tree) == limit or self._ends(tree, node + 1):
                break
            rows = len(tree) + 1
            path *= acceptance.estimate(source, tree.probabilities[-1])
            expected += path
            if adaptive and path * rate < context.latency.break_even(expected, rows, draft_ms=self.pass_ms.value):
                break
            logits = self._feed(tree, [node + 1])
        return tree

    def _grow(self, context: Context, logits: Tensor, limit: int, width: int, depth: int) -> DraftTree:
        """Level by level the likeliest nodes get children; the best ``limit`` of all stay (as EAGLE-2, 2406.16858)."""
        tree = DraftTree()
        tokens = context.speculation.draft_tokens
        depth = min(context.remaining, tokens if isinstance(tokens, int) else depth)
        frontier = [ROOT]
        for level in range(depth):
            first = len(tree)
            self._branch(context, tree, frontier, logits, width)
            if level == depth - 1:
                break
            open_nodes = [node for node in range(first, len(tree)) if not self._ends(tree, node)]
            frontier = sorted(sorted(open_nodes, key=lambda node: (-tree.scores[node], node))[:width])
            if not frontier:
                break
            logits = self._feed(tree, frontier)
        return tree.best(limit)

    def _branch(self, context: Context, tree: DraftTree, nodes: list[int], logits: Tensor, width: int) -> None:
        """Give each node its ``width`` best children by log q + noise; logits [nodes, vocabulary]."""
        best = self._ranking.best(context, logits, _paths(tree, nodes), width)
        self._timer.fetched()
        for node, candidates in zip(nodes, best, strict=True):
            for rank, candidate in enumerate(candidates):
                tree.add(candidate.token, node, Source(self.kind, rank=rank), candidate.share)

    # -- classic: independent draws, in a shape fixed beforehand

    def _draw(self, context: Context, logits: Tensor, limit: int) -> DraftTree:
        tree = DraftTree(merge=False)
        nodes = context.speculation.draft_tree
        limit = min(limit, nodes or self._most(context, auto=self._scheduled))
        frontier = [ROOT]
        for level in range(context.remaining):
            first = len(tree)
            self._sample(context, tree, frontier, logits, 2 if nodes and level < 2 else 1, limit)
            frontier = [node for node in range(first, len(tree)) if not self._ends(tree, node)]
            if len(tree) >= limit or not frontier:
                break
            logits = self._feed(tree, frontier)
        return tree

    def _sample(
        self, context: Context, tree: DraftTree, nodes: list[int], logits: Tensor, width: int, limit: int
    ) -> None:
        rows = self._ranking.probabilities(context, logits, _paths(tree, nodes))
        for node, q in zip(nodes, rows, strict=True):
            room = min(width, limit - len(tree))
            if room <= 0:
                return
            tree.rows[node] = q
            for draw in range(room):
                word = key(context.sampler.sampling.seed, context.step, node + 1, draw, _DRAW)
                token = int((q.log() + gumbel(word, len(q), q.device)).argmax())
                tree.add(token, node, Source(self.kind, rank=draw), float(q[token]))

    # -- the model's own passes

    def _ends(self, tree: DraftTree, node: int) -> bool:
        return tree.tokens[node] in self.resources.ends

    def _feed(self, tree: DraftTree, nodes: list[int]) -> Tensor:
        """Read nodes, and learn what that takes."""
        start = perf_counter()
        logits = self._read(tree, nodes)
        if len(nodes) <= self.timed:
            self._timer.called(logits, start)
        return logits


def _paths(tree: DraftTree, nodes: list[int]) -> list[list[int]]:
    return [tree.path_tokens(node) for node in nodes]
