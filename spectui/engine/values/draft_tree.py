"""The draft tree: what a drafter proposes and the target verifies in one pass."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from .step import Source

if TYPE_CHECKING:
    from torch import Tensor

ROOT = -1


class DraftTree:
    """Drafted tokens below the pending token, parents before children.

    Node indices start at 0; the parent -1 is the root, the pending token, which is not stored. Equal siblings are
    merged unless the classic rule needs them counted (``merge=False``).
    """

    __slots__ = (
        "_index", "depths", "merge", "parents", "probabilities", "rows", "scores", "sources", "tokens", "why"
    )  # fmt: skip

    def __init__(self, merge: bool = True, why: str | None = None) -> None:
        self.tokens: list[int] = []
        self.parents: list[int] = []
        self.depths: list[int] = []
        self.probabilities: list[float | None] = []
        self.scores: list[float] = []
        """Estimated probability that the whole path down to the node is accepted."""
        self.sources: list[Source] = []
        self.rows: dict[int, Tensor] = {}
        """Parent -> the full distribution [vocabulary] its children were drawn from; only for the classic rule."""
        self.merge = merge
        self.why = why
        """Why the tree is empty, in one plain phrase, when it is."""
        self._index: dict[tuple[int, int], int] = {}

    def __len__(self) -> int:
        return len(self.tokens)

    def add(self, token: int, parent: int, source: Source, probability: float | None = None) -> int:
        """Add a child and return its index, or the index of an equal sibling that is there already."""
        key = (parent, token)
        if self.merge and key in self._index:
            return self._index[key]
        index = len(self.tokens)
        self._index[key] = index
        self.tokens.append(token)
        self.parents.append(parent)
        self.depths.append(1 if parent == ROOT else self.depths[parent] + 1)
        self.probabilities.append(probability)
        above = 1.0 if parent == ROOT else self.scores[parent]
        self.scores.append(above if probability is None else above * probability)
        self.sources.append(source)
        return index

    @property
    def is_chain(self) -> bool:
        """Whether every node continues the one before it."""
        return self.parents == list(range(ROOT, len(self) - 1))

    def path(self, node: int) -> list[int]:
        """Node indices from below the root down to ``node``, which is last."""
        found: list[int] = []
        while node != ROOT:
            found.append(node)
            node = self.parents[node]
        return found[::-1]

    def path_tokens(self, node: int) -> list[int]:
        """Tokens from below the root down to ``node``; empty for the root."""
        return [self.tokens[index] for index in self.path(node)]

    def children(self, node: int) -> list[int]:
        """Indices of the children of ``node`` (-1 for the root), ascending."""
        return [index for index, parent in enumerate(self.parents) if parent == node]

    def best(self, count: int) -> "DraftTree":
        """The tree of the ``count`` nodes with the highest path scores; ancestors always come along."""
        return self.ranked(self.scores, count)

    def ranked(self, scores: Sequence[float], count: int) -> "DraftTree":
        """The tree of the ``count`` nodes with the highest ``scores``, none of which may exceed its parent's."""
        if count >= len(self):
            return self
        order = sorted(range(len(self)), key=lambda index: (-scores[index], index))
        return self.keep(order[:count])

    def shallow(self, depth: int) -> "DraftTree":
        """The tree without the nodes below ``depth``."""
        if not self.depths or max(self.depths) <= depth:
            return self
        return self.keep(index for index, own in enumerate(self.depths) if own <= depth)

    def keep(self, nodes: Iterable[int]) -> "DraftTree":
        """The tree of the given nodes, which must be closed under taking parents."""
        kept = DraftTree(self.merge, self.why)
        renamed = {ROOT: ROOT}
        for old in sorted(nodes):
            parent = renamed[self.parents[old]]
            renamed[old] = kept.add(self.tokens[old], parent, self.sources[old], self.probabilities[old])
        kept.rows = {renamed[parent]: row for parent, row in self.rows.items() if parent in renamed}
        return kept


def visibility(parents: Sequence[int]) -> NDArray[np.bool_]:
    """Who attends to whom among root and nodes: bool [n + 1, n + 1], row and column 0 the root."""
    size = len(parents) + 1
    seen = np.zeros((size, size), dtype=np.bool_)
    seen[0, 0] = True
    for index, parent in enumerate(parents):
        seen[index + 1] = seen[parent + 1]
        seen[index + 1, index + 1] = True
    return seen
