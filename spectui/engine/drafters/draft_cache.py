"""How a draft model's cache catches up: it follows the sequence lazily and keeps what it drafted if that came true."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..model.causal_lm import CausalLM
from ..model.forward import ForwardInput, Output
from ..values.draft_tree import ROOT, DraftTree


class DraftCache:
    """A KV cache with rows for the tokens in ``_fed``, then scratch rows for nodes that were fed to the draft model."""

    def __init__(self, draft: CausalLM) -> None:
        self._draft = draft
        self._cache = draft.new_cache()
        self._fed: list[int] = []
        self._stale = False
        self._forget()

    def _forget(self) -> None:
        self._row_of: dict[int, int] = {ROOT: ROOT}
        """Node -> its scratch row."""
        self._child: dict[tuple[int, int], int] = {}
        """Scratch row and token -> the row of the token behind it."""
        self._paths: list[list[int]] = []
        """Scratch row -> the rows on its path, itself the last."""

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._stale = True

    def catch_up(self, tokens: Sequence[int]) -> Tensor:
        """Make the cache hold exactly ``tokens``; logits after the last one, [1, vocabulary].

        After a fully accepted chain this feeds its last token, which the draft has proposed but never read.
        """
        self._settle(tokens, len(tokens) - 1)
        missing = tokens[len(self._fed) :]
        out = self._draft.prefill(self._cache, missing)
        assert out is not None
        self._fed.extend(missing)
        return out.logits

    def go_back(self, tokens: Sequence[int]) -> bool:
        """Make the cache hold exactly ``tokens`` without a pass; False if it has not read all of them."""
        self._settle(tokens, len(tokens))
        return len(self._fed) == len(tokens)

    def _settle(self, tokens: Sequence[int], most: int) -> None:
        """Keep the scratch rows that came true, drop the rest; hold at most ``most`` tokens."""
        row: int | None = None if self._stale else ROOT
        rows: list[int] = []
        while row is not None and len(self._fed) + len(rows) < most:
            row = self._child.get((row, tokens[len(self._fed) + len(rows)]))
            if row is not None:
                rows.append(row)
        same = len(self._fed)
        if self._stale or same > most:
            pairs = zip(self._fed, tokens[:most], strict=False)
            same = next((index for index, (a, b) in enumerate(pairs) if a != b), min(same, most))
            same = self._cache.truncate(same)
        self._cache.commit(rows)
        self._fed[same:] = tokens[same : same + len(rows)]
        self._stale = False
        self._forget()

    def feed(self, tree: DraftTree, nodes: Sequence[int]) -> Output:
        """One pass over some nodes whose parents were fed before; their rows stay scratch."""
        start = self._cache.scratch
        for row, node in enumerate(nodes, start):
            parent = self._row_of[tree.parents[node]]
            self._paths.append([*([] if parent == ROOT else self._paths[parent]), row])
            self._row_of[node] = self._child[parent, tree.tokens[node]] = row
        token_ids = [tree.tokens[node] for node in nodes]
        position_ids = [self._cache.length + tree.depths[node] - 1 for node in nodes]
        inputs = ForwardInput(token_ids, position_ids, self._tree_mask(start, len(nodes)))
        return self._draft.forward(self._cache, inputs)

    def _tree_mask(self, start: int, rows: int) -> Tensor | None:
        """What the scratch rows from ``start`` on see; None for a single row that sees everything."""
        if rows == 1 and len(self._paths[start]) == start + 1:
            return None
        mask = np.zeros((rows, start + rows), dtype=np.bool_)
        for offset in range(rows):
            mask[offset, self._paths[start + offset]] = True
        return torch.from_numpy(mask)
