"""How a head's cache follows the sequence: it takes the target's states as they come, and reads them when it drafts."""

from collections.abc import Sequence

import torch
from torch import Tensor

from ...model.forward import PREFILL_CHUNK, ForwardInput, causal
from ...values.draft_tree import ROOT, DraftTree
from ..draft_cache import path_input
from .head import EagleHead


class HeadCache:
    """A KV cache with a row for each verified token whose states were seen, then scratch rows for drafted ones.

    States are only to be had from a pass of the target that they were asked of. Tokens from before the first use have
    no rows: the head attends to what it has seen. That costs acceptance and saves a pass of the target; with a head of
    SmolLM2-135M that was half trained, in its first 64 tokens 1.24 tokens a step instead of 1.50.
    """

    def __init__(self, head: EagleHead) -> None:
        self._head = head
        self._cache = head.new_cache()
        self._tokens: list[int] = []
        """The sequence as it was last seen."""
        self._positions: list[int] = []
        """The place in the sequence of each row: that of the token whose states it was made from."""
        self._waiting: list[tuple[int, Tensor]] = []
        """States [layers, rows, width] that are still to be read, with the position of the first row."""
        self._stale = False
        self._last: tuple[Tensor, Tensor] | None = None
        """Logits and feature behind the last row."""
        self._features: list[Tensor] = []
        """That of the pending token, then those of the scratch rows."""
        self._scratch: dict[tuple[int, ...], int] = {}
        """Path of a drafted token -> its scratch row."""

    def invalidate(self) -> None:
        """The sequence may have changed anywhere."""
        self._stale = True

    def take(self, tokens: Sequence[int], start: int, states: Tensor) -> None:
        """Keep states of the verified tokens from ``start`` on; many are read at once, to free memory."""
        self._follow(tokens, start)
        self._drop(start)
        self._waiting.append((start, states))
        if sum(part.shape[1] for _, part in self._waiting) >= PREFILL_CHUNK:
            self._read()

    def catch_up(self, tokens: Sequence[int]) -> Tensor | None:
        """Read all states that wait; logits behind the last token [1, own vocabulary], None if it was not seen."""
        self._follow(tokens, len(self._tokens))
        self._read()
        if self._last is None or not self._positions or self._positions[-1] != len(tokens) - 2:
            return None
        logits, feature = self._last
        self._features, self._scratch = [feature], {}
        return logits

    def feed(self, tree: DraftTree, nodes: Sequence[int]) -> Tensor:
        """One pass over some nodes whose parents were fed before; their rows stay scratch until the next ``catch_up``.

        Logits [nodes, own vocabulary].
        """
        parents = [tree.parents[node] for node in nodes]
        features = self._features_of(tree, parents)
        inputs = path_input(self._cache, self._scratch, tree, nodes, first=self._positions[-1] + 1)
        logits, made = self._head.extend(self._cache, inputs, features)
        self._features += [made[row : row + 1] for row in range(len(nodes))]
        return logits

    def _features_of(self, tree: DraftTree, nodes: Sequence[int]) -> Tensor:
        rows = [0 if node == ROOT else 1 + self._scratch[tuple(tree.path_tokens(node))] for node in nodes]
        return torch.cat([self._features[row] for row in rows]) if len(rows) > 1 else self._features[rows[0]]

    def _follow(self, tokens: Sequence[int], known: int) -> None:
        """Take note of the sequence, of which the first ``known`` tokens are as they were unless it is stale.

        What was made from tokens that have changed is dropped.
        """
        most = min(len(self._tokens), len(tokens))
        same = 0 if self._stale else min(known, most)
        while same < most and self._tokens[same] == tokens[same]:
            same += 1
        if same < len(self._tokens):
            self._drop(same)
            if self._positions and self._positions[-1] == same - 1:
                self._keep(len(self._positions) - 1)  # this row read the token that has changed
        self._stale = False
        self._tokens[same:] = tokens[same:]

    def _drop(self, start: int) -> None:
        """Forget the states of all tokens from ``start`` on."""
        self._waiting = [(first, states[:, : start - first]) for first, states in self._waiting if first < start]
        kept = len(self._positions)
        while kept and self._positions[kept - 1] >= start:
            kept -= 1
        self._keep(kept)

    def _keep(self, rows: int) -> None:
        if rows < len(self._positions):
            del self._positions[rows:]
            self._last = None
        self._cache.truncate(rows)

    def _read(self) -> None:
        """Read the waiting states of all tokens behind which another is known."""
        self._cache.commit(())
        known, waiting = len(self._tokens) - 1, _joined(self._waiting)
        for start, states in waiting:
            for first in range(start, min(start + states.shape[1], known), PREFILL_CHUNK):
                last = min(first + PREFILL_CHUNK, known)
                self._read_some(first, states[:, first - start : last - start])
        self._waiting = [
            (known, states[:, known - start :]) for start, states in waiting if start + states.shape[1] > known
        ]

    def _read_some(self, first: int, states: Tensor) -> None:
        rows = states.shape[1]
        positions = range(first, first + rows)
        mask = causal(rows) if rows > 1 else None
        inputs = ForwardInput(self._tokens[first + 1 : first + 1 + rows], positions, mask, last_only=True)
        self._last = self._head.read(self._cache, inputs, states)
        self._cache.commit(range(rows))
        self._positions.extend(positions)


def _joined(waiting: Sequence[tuple[int, Tensor]]) -> list[tuple[int, Tensor]]:
    """States of tokens that follow each other as one, so that they are read in one pass."""
    runs: list[tuple[int, list[Tensor]]] = []
    end = -1
    for start, states in waiting:
        if start != end:
            runs.append((start, []))
        runs[-1][1].append(states)
        end = start + states.shape[1]
    return [(start, torch.cat(parts, 1) if len(parts) > 1 else parts[0]) for start, parts in runs]
