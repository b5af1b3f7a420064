"""Counting tries: what followed a run of tokens, and how often."""

from collections.abc import Sequence

from .sequence import goes_on

BRANCH = 8
"""Tokens of a window: how deep the trie is."""


class TrieNode:
    """A run of tokens: how often it was seen, and what came next."""

    __slots__ = ("at", "children", "count")

    def __init__(self) -> None:
        self.count = 0
        self.at = -1
        """Index of the last token of its latest occurrence."""
        self.children: dict[int, TrieNode] | None = None

    def extend(self, token: int, at: int) -> "TrieNode":
        """Count one more occurrence of this run followed by ``token``, which stands at index ``at``."""
        if self.children is None:
            self.children = {}
        child = self.children.get(token)
        if child is None:
            child = self.children[token] = TrieNode()
        child.count += 1
        child.at = at
        return child

    def walk(self, tokens: Sequence[int]) -> "TrieNode | None":
        """The node that ``tokens`` lead to, or None."""
        node: TrieNode | None = self
        for token in tokens:
            node = None if node is None or node.children is None else node.children.get(token)
        return node


class OfficialTrie:
    """The windows of the published code: whole ones only, none across the seam of prompt and answer.

    Prompt windows start at 0 to length - 4 and are cut at the prompt's end; the answer, with the prompt's last 3 tokens
    in front, adds windows once they are 8 tokens long (SSSD, 2411.05894, official implementation).
    """

    def __init__(self) -> None:
        self.root = TrieNode()
        self._tokens: list[int] = []
        self._prompt = 0
        self._next = 0
        """The next start of an answer's window."""

    def follow(self, tokens: Sequence[int], prompt: int, changed: bool) -> None:
        """Hold exactly ``tokens``, the first ``prompt`` of which are the prompt."""
        if prompt != self._prompt or not goes_on(self._tokens, tokens, changed):
            self._tokens, self._prompt = [], prompt
            self._next = max(0, prompt - 3)
            self.root = TrieNode()
            for start in range(prompt - 3):
                self._insert(tokens, start, min(start + BRANCH, prompt))
        for start in range(self._next, len(tokens) - BRANCH + 1):
            self._insert(tokens, start, start + BRANCH)
            self._next = start + 1
        self._tokens.extend(tokens[len(self._tokens) :])

    def after(self, run: Sequence[int]) -> TrieNode | None:
        """What followed a run of tokens; None if it never stood there."""
        return self.root.walk(run)

    def _insert(self, tokens: Sequence[int], start: int, stop: int) -> None:
        node = self.root
        for at in range(start, stop):
            node = node.extend(tokens[at], at)
