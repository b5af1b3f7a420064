"""Verification: which drafted tokens stand, and what the target says after them."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import Tensor

from ..values.draft_tree import ROOT, DraftTree
from .noise import gumbel, key, uniforms
from .sampler import Sampler
from .top_ids import TopIds


class Verdict(NamedTuple):
    """The accepted path (node indices, root excluded) and the target's own token after it."""

    path: tuple[int, ...]
    token: int
    top_ids: Sequence[int] = ()
    """The ids of the highest logits at the last node of the path, best first, as many as were asked for."""

    @property
    def row(self) -> int:
        """Row of the last accepted node in the pass: 0 is the root."""
        return self.path[-1] + 1 if self.path else 0


class Pass(NamedTuple):
    """What a rule judges: one target pass over the pending token and a tree."""

    tree: DraftTree
    logits: Tensor
    """[nodes + 1, model vocabulary], row 0 the root."""
    position: int
    """Index of the root in the sequence."""
    step: int
    """Number of the step, for noise that must be fresh each step."""
    before: Sequence[int]
    """The token ids of the sequence, up to the root."""
    top_ids: int = 0
    """How many ids of the highest logits to bring back for the last accepted node."""
    vocabulary: int | None = None
    """Ids from here on have no text and are not among them."""

    def top(self, rows: slice) -> Tensor:
        """Ids of the highest logits of some rows, best first, int64 [rows, up to top_ids]."""
        logits = self.logits[rows, : self.vocabulary]
        return logits.topk(min(self.top_ids, logits.shape[-1]), -1).indices

    def highest(self, row: int) -> Sequence[int]:
        """The same ids of one row; on a CPU, where logits stay as they are, found when they are looked at."""
        if not self.top_ids:
            return ()
        later = TopIds(lambda: self.top(slice(row, row + 1))[0].tolist())
        return later if self.logits.is_cpu else list(later)

    def seen(self, node: int) -> list[int]:
        """The token ids of the sequence and of the node's path."""
        return [*self.before, *self.tree.path_tokens(node)]

    def place(self, node: int) -> int:
        """Sequence index of the token that is chosen after ``node``."""
        return self.position + 1 + (0 if node == ROOT else self.tree.depths[node])

    @property
    def places(self) -> list[int]:
        """The same for the root and all nodes."""
        first = self.position + 1
        return [first, *[first + depth for depth in self.tree.depths]] if self.tree.depths else [first]


class Verifier(Protocol):
    """A way to decide which drafted tokens stand."""

    same_text: bool
    """Whether the text is the same in every mode."""
    prunable: bool
    """Whether nodes may be dropped by their score before verification."""

    def judge(self, made: Pass, sampler: Sampler) -> Verdict:
        """Decide about one pass."""
        ...


def walk(tree: DraftTree, choices: Sequence[int]) -> list[int]:
    """The longest accepted path when the target chooses ``choices[v + 1]`` after node v; ties to the lower index."""
    if not tree.tokens:
        return []
    reached, last, deepest = {ROOT}, ROOT, 0
    for node, (token, parent, depth) in enumerate(zip(tree.tokens, tree.parents, tree.depths, strict=True)):
        if parent in reached and choices[parent + 1] == token:
            reached.add(node)
            if depth > deepest:
                last, deepest = node, depth
    return tree.path(last)


class GumbelCoupling:
    """The target chooses at every node with noise keyed by position; a child stands if it is the choice.

    Lossless, and the same text in every mode (Daliri, Musco, Suresh, arXiv 2408.07978).
    """

    same_text = True
    prunable = True

    def judge(self, made: Pass, sampler: Sampler) -> Verdict:
        """Choose at root and nodes in one batch, then walk; one transfer from a device that is not the CPU."""
        seen = [made.seen(node) for node in range(ROOT, len(made.tree))] if sampler.needs_seen else None
        packed: list[list[int]] = []
        if made.top_ids and not made.logits.is_cpu:
            on_device = sampler.choose(made.logits, made.places, seen)
            packed = torch.cat([on_device[:, None], made.top(slice(None))], 1).tolist()
            choices = [row[0] for row in packed]
        else:
            choices = sampler.chosen(made.logits, made.places, seen)
        path = walk(made.tree, choices)
        row = path[-1] + 1 if path else 0
        if packed:
            return Verdict(tuple(path), choices[row], tuple(packed[row][1:]))
        return Verdict(tuple(path), choices[row], made.highest(row))


_ACCEPT, _RESIDUAL = 1, 2


class RejectionSampling:
    """Speculative sampling: accept x ~ q with min(1, p(x) / q(x)), else draw from the residual.

    Leviathan et al. 2023 (2211.17192) and Chen et al. 2023 (2302.01318); several i.i.d. children in turn as in
    SpecInfer (2305.09781). Draft draws, acceptance and residual draws use independent streams.
    """

    same_text = False
    prunable = False

    def judge(self, made: Pass, sampler: Sampler) -> Verdict:
        """Walk down from the root, trying each node's children in the order in which they were drawn."""
        node = ROOT
        path: list[int] = []
        while True:
            seen = [made.seen(node)] if sampler.needs_seen else None
            p = sampler.probabilities(made.logits[node + 1 : node + 2], seen)[0].double()
            word = (sampler.sampling.seed, made.step, made.place(node))
            child, p = self._try(made.tree, node, p, uniforms(key(*word, _ACCEPT), 64).tolist())
            if child is None:
                token = int((p.log() + gumbel(key(*word, _RESIDUAL), len(p), p.device)).argmax())
                return Verdict(tuple(path), token, made.highest(node + 1))
            path.append(child)
            node = child

    @staticmethod
    def _try(tree: DraftTree, node: int, p: Tensor, coins: list[float]) -> tuple[int | None, Tensor]:
        """The accepted child, or None and what is left of p after the refusals."""
        row = tree.rows.get(node)
        for coin, child in zip(coins, tree.children(node), strict=False):
            q = one_point(tree.tokens[child], p) if row is None else row.to(p)  # a draft may have a device of its own
            token = tree.tokens[child]
            if coin * float(q[token]) < float(p[token]):
                return child, p
            left = (p - q).clamp_min(0.0)
            total = float(left.sum())
            p = left / total if total > 0.0 else p
        return None, p


def one_point(token: int, like: Tensor) -> Tensor:
    """The distribution of a proposal that was not drawn at random."""
    row = torch.zeros_like(like)
    row[token] = 1.0
    return row


VERIFIERS: dict[str, Verifier] = {"coupled": GumbelCoupling(), "classic": RejectionSampling()}
