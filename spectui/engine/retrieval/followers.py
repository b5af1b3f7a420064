"""What followed a match, token by token: the same question put to the conversation's trie and to a datastore."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..values.step import Source
from .snapshot import Found
from .trie import TrieNode


class Follower(NamedTuple):
    """A token that followed."""

    token: int
    share: float
    """How likely it is, given what it follows."""
    kind: str
    n: int
    """Length of the match that it stands behind."""
    node: Any
    """What its own followers are asked with."""
    times: int
    """How often it followed."""
    at: int | None = None
    """Index in the sequence, if it stands there."""

    @property
    def source(self) -> Source:
        """Where it comes from, for the trace."""
        return Source(self.kind, n=self.n, count=self.times, at=self.at)


class Followers(Protocol):
    """A place where the end of the sequence was found."""

    @property
    def root(self) -> Any:
        """What the first followers are asked with."""
        ...

    def of(self, node: Any, path: Sequence[int], least: float) -> Iterator[Follower]:
        """The tokens behind a node, to which ``path`` leads from the root, whose share is at least ``least``."""
        ...


@dataclass(frozen=True, slots=True)
class InConversation:
    """A match of ``n`` tokens in the trie.

    The first token weighs 0.6, each level below another 0.6 + 0.1 n (SSSD, 2411.05894). The official shares count
    occurrences that nothing follows yet; otherwise they are left out.
    """

    root: TrieNode
    n: int
    prompt: int
    """Length of the prompt: what stands before it was asked, the rest answered."""
    official: bool
    after: Callable[[Sequence[int]], TrieNode | None]
    """Looks a path that has left its window up anew, unless the shares are the official ones."""

    def of(self, node: TrieNode, path: Sequence[int], least: float) -> Iterator[Follower]:
        """The children of a trie's node."""
        children = node.children
        if children is None and not self.official:
            again = self.after(path[-self.n :])
            children = again.children if again is not None else None
        children = children or {}
        total = node.count if self.official else sum(child.count for child in children.values())
        weight = 0.6 + 0.1 * self.n if path else 0.6
        for token, child in children.items():
            share = weight * (child.count / total)
            if share >= least:
                kind = "prompt" if child.at < self.prompt else "output"
                yield Follower(token, share, kind, self.n, child, child.count, child.at)


@dataclass(frozen=True, slots=True)
class InDatastore:
    """Continuations of the query, by how many of them go on alike; no discount."""

    root: Sequence[Found]

    def of(self, node: Sequence[Found], path: Sequence[int], least: float) -> Iterator[Follower]:
        """What stands behind ``path`` in the continuations of a node."""
        depth = len(path)
        if len(node) == 1:
            row, n = node[0]
            if len(row) > depth:
                yield Follower(row[depth], 1.0, "datastore", n, node, 1)
            return
        groups: dict[int, list[Found]] = defaultdict(list)
        for found in node:
            if len(found[0]) > depth:
                groups[found[0][depth]].append(found)
        for token, group in groups.items():
            share = len(group) / len(node)
            if share >= least:
                longest = group[0][1]
                times = sum(n == longest for _, n in group)
                yield Follower(token, share, "datastore", longest, group, times)
