"""How a draft model's cache catches up: it follows the sequence lazily and keeps what it drafted if that came true."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..model.causal_lm import CausalLM
from ..model.forward import ForwardInput, Output
from ..model.kv_cache import AnyCache
from ..values.draft_tree import DraftTree

ROWS = 32
"""Up to so many rows a pass of a draft model is captured before it is needed: a level of a tree, or new branches."""


class DraftCache:
    """A KV cache with rows for the tokens in ``_fed``, then scratch rows for nodes that were fed to the draft model."""

    def __init__(self, draft: CausalLM) -> None:
        self._draft = draft
        self._cache = draft.new_cache()
        self._fed: list[int] = []
        self._stale = False
        self._scratch: dict[tuple[int, ...], int] = {}
        """Tokens behind those in ``_fed`` -> the scratch row of the last of them."""

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._stale = True

    def prepare(self, length: int) -> bool:
        """Capture the draft model's passes over up to ``length`` tokens; whether one was missing."""
        return self._draft.prepare(self._cache, ROWS, length + 2 * ROWS)  # drafted rows stand behind the others

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
        same = len(self._fed)
        rows: list[int] = []
        if self._stale or same > most:
            pairs = zip(self._fed, tokens[:most], strict=False)
            same = next((index for index, (a, b) in enumerate(pairs) if a != b), min(same, most))
            same = self._cache.truncate(same)
        else:
            for end in range(same + 1, most + 1):
                row = self._scratch.get(tuple(tokens[same:end]))
                if row is None:
                    break
                rows.append(row)
        self._cache.commit(rows)
        self._fed[same:] = tokens[same : same + len(rows)]
        self._stale = False
        self._scratch = {}

    def feed(self, tree: DraftTree, nodes: Sequence[int]) -> Output:
        """One pass over some nodes whose parents were fed before; their rows stay scratch."""
        inputs = path_input(self._cache, self._scratch, tree, nodes, first=self._cache.length)
        return self._draft.forward(self._cache, inputs)


def path_input(
    cache: AnyCache, scratch: dict[tuple[int, ...], int], tree: DraftTree, nodes: Sequence[int], first: int
) -> ForwardInput:
    """A pass over some nodes whose parents were fed before; each sees its path and what is committed.

    ``scratch`` has the scratch row of each path that was fed, and gets those of the nodes; nodes of depth 1 stand at
    position ``first``.
    """
    start = cache.scratch
    mask = np.zeros((len(nodes), start + len(nodes)), dtype=np.bool_)
    for row, node in enumerate(nodes):
        path = tuple(tree.path_tokens(node))
        scratch[path] = start + row
        mask[row, [scratch[path[:depth]] for depth in range(1, len(path) + 1)]] = True
    token_ids = [tree.tokens[node] for node in nodes]
    position_ids = [first + tree.depths[node] - 1 for node in nodes]
    tree_mask = None if len(nodes) == 1 and mask.all() else torch.from_numpy(mask)
    return ForwardInput(token_ids, position_ids, tree_mask)
