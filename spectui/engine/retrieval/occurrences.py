"""Where tokens of a sequence stand, and what followed a run of them: counted only when somebody asks."""

from collections.abc import Sequence

from .sequence import goes_on
from .trie import BRANCH, TrieNode

LATEST = 32
"""Occurrences that are counted, at most: so a look-up costs the same in a long conversation."""


class Occurrences:
    """An index of one sequence by token; grows by what is new."""

    def __init__(self) -> None:
        self._tokens: list[int] = []
        self._places: dict[int, list[int]] = {}

    def follow(self, tokens: Sequence[int], prompt: int, changed: bool) -> None:
        """Hold exactly ``tokens``; ``changed`` if more than its end may differ from the last time."""
        if not goes_on(self._tokens, tokens, changed):
            self._tokens, self._places = [], {}
        for at in range(len(self._tokens), len(tokens)):
            self._places.setdefault(tokens[at], []).append(at)
        self._tokens.extend(tokens[len(self._tokens) :])

    def after(self, run: Sequence[int]) -> TrieNode:
        """What followed the latest 32 occurrences of a run, as a trie; run and followers are 8 tokens long in all."""
        node, before, tokens = TrieNode(), list(run[:-1]), self._tokens
        for at in self._latest(before, run[-1]):
            node.count, child = node.count + 1, node
            for place in range(at + 1, min(at + 1 + BRANCH - len(run), len(tokens))):
                child = child.extend(tokens[place], place)
        return node

    def _latest(self, before: list[int], token: int) -> list[int]:
        """Where the latest occurrences end, in order."""
        size, tokens, found = len(before), self._tokens, []
        for at in reversed(self._places.get(token, ())):
            if at >= size and tokens[at - size : at] == before:
                found.append(at)
                if len(found) == LATEST:
                    break
        return found[::-1]
