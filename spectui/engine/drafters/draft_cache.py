"""The draft model's own cache: it follows the sequence lazily and keeps what it drafted if that came true."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..model.causal_lm import CausalLM, Output, causal
from ..values.draft_tree import ROOT, DraftTree


class DraftCache:
    """Rows for the tokens in ``fed``, then scratch rows for drafted nodes that were fed to the draft."""

    def __init__(self, target: CausalLM) -> None:
        self._target = target
        self._cache = target.new_cache()
        self._fed: list[int] = []
        self._doubtful = False
        self._rows: dict[int, int] = {}
        self._next: dict[tuple[int, int], int] = {}
        self._depths: list[int] = []
        self._above: list[list[int]] = []

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True

    def catch_up(self, tokens: Sequence[int]) -> Tensor:
        """Make the cache hold exactly ``tokens``; logits after the last one, [1, vocabulary].

        After a fully accepted chain this feeds its last token, which the draft has proposed but never read.
        """
        self._settle(tokens, len(tokens) - 1)
        missing = tokens[len(self._fed) :]
        if len(missing) <= 8:
            depths = range(len(missing))
            visible = causal(len(missing)) if len(missing) > 1 else None
            out: Output | None = self._target.forward(self._cache, missing, visible, depths, last=True)
            self._cache.commit(range(len(missing)))
        else:
            out = self._target.prefill(self._cache, missing)
        assert out is not None
        self._fed.extend(missing)
        return out.logits

    def go_back(self, tokens: Sequence[int]) -> bool:
        """Make the cache hold exactly ``tokens`` without a pass; False if it has not read all of them."""
        self._settle(tokens, len(tokens))
        return len(self._fed) == len(tokens)

    def _settle(self, tokens: Sequence[int], most: int) -> None:
        """Keep the scratch rows that came true, drop the rest; hold at most ``most`` tokens."""
        node = ROOT
        rows: list[int] = []
        while not self._doubtful and len(self._fed) + len(rows) < most:
            child = self._next.get((node, tokens[len(self._fed) + len(rows)]))
            if child is None:
                break
            node = child
            rows.append(self._rows[node])
        same = len(self._fed)
        if self._doubtful or same > most:
            pairs = zip(self._fed, tokens[:most], strict=False)
            same = next((index for index, (a, b) in enumerate(pairs) if a != b), min(same, most))
            same = self._cache.truncate(same)
        self._cache.commit(rows)
        self._fed[same:] = tokens[same : same + len(rows)]
        self._doubtful = False
        self._rows, self._next, self._depths, self._above = {}, {}, [], []

    def feed(self, tree: DraftTree, nodes: Sequence[int]) -> Output:
        """One pass over some nodes whose parents were fed before; their rows stay scratch."""
        start = self._cache.scratch
        for row, node in enumerate(nodes, start):
            parent = tree.parents[node]
            above = [] if parent == ROOT else self._above[self._rows[parent]]
            self._above.append([*above, row])
            self._rows[node] = row
            self._next[parent, tree.tokens[node]] = node
        depths = [tree.depths[node] - 1 for node in nodes]
        out = self._target.forward(
            self._cache,
            [tree.tokens[node] for node in nodes],
            self._visible(start, len(nodes)),
            depths,
            scratch_depths=self._depths,
        )
        self._depths.extend(depths)
        return out

    def _visible(self, start: int, rows: int) -> Tensor | None:
        """What the scratch rows from ``start`` on see; None for a single row that sees everything."""
        if rows == 1 and len(self._above[start]) == start + 1:
            return None
        visible = np.zeros((rows, start + rows), dtype=np.bool_)
        for offset in range(rows):
            visible[offset, self._above[start + offset]] = True
        return torch.from_numpy(visible)
