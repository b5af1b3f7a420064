"""What followed a match, token by token: the same question put to the conversation and to a datastore."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from ..values.step import Source
from .ngram_index import NgramIndex
from .snapshot import Found

WINDOW = 8
"""Tokens of a match and of what follows it in all."""
LATEST = 32
"""Occurrences that are counted, at most: so a look-up costs the same in a long conversation."""

Place = tuple[int, int]
"""Where the next token stands in the sequence, and where the window ends."""


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
    """Where the last ``n`` tokens of the sequence stood before.

    The first token weighs 0.6, each level below another 0.6 + 0.1 n (SSSD, 2411.05894). The official shares count
    occurrences that nothing follows yet; otherwise they are left out.
    """

    index: NgramIndex
    n: int
    prompt: int
    """Length of the prompt: what stands before it was asked, the rest answered."""
    official: bool

    @property
    def root(self) -> list[Place]:
        """Behind each occurrence of the match."""
        return self._places(self.index.tokens[-self.n :])

    def of(self, node: list[Place], path: Sequence[int], least: float) -> Iterator[Follower]:
        """What stands at these places; a path that has left its window is looked up anew, unless officially."""
        groups = self._by_token(node)
        if not groups and not self.official:
            groups = self._by_token(self._places(path[-self.n :]))
        total = len(node) if self.official else sum(map(len, groups.values()))
        weight = 0.6 + 0.1 * self.n if path else 0.6
        for token, group in groups.items():
            share = weight * (len(group) / total)
            if share >= least:
                at = group[-1][0] - 1
                kind = "prompt" if at < self.prompt else "output"
                yield Follower(token, share, kind, self.n, group, len(group), at)

    def _by_token(self, node: list[Place]) -> dict[int, list[Place]]:
        """Token -> the places behind it."""
        groups: dict[int, list[Place]] = defaultdict(list)
        for at, stop in node:
            if at < stop:
                groups[self.index.tokens[at]].append((at + 1, stop))
        return groups

    def _places(self, run: Sequence[int]) -> list[Place]:
        """The places behind the latest occurrences of a run, or behind all in the windows of the published code.

        Those begin in the prompt, up to its last 3 tokens, and are cut at its end; or behind, and are whole ones only
        (SSSD, 2411.05894, official implementation).
        """
        ends, size, ahead = self.index.ends(run), len(self.index.tokens), WINDOW - len(run)
        if not self.official:
            return [(end, min(end + ahead, size)) for end in ends[-LATEST:]]
        seam = self.prompt - 3 + len(run)
        asked = [(end, min(end + ahead, self.prompt)) for end in ends if end < seam]
        return asked + [(end, end + ahead) for end in ends if seam <= end <= size - ahead]


@dataclass(frozen=True, slots=True)
class InDatastore:
    """Continuations of the query, by how many of them go on alike; no discount."""

    root: Sequence[Found]

    def of(self, node: Sequence[Found], path: Sequence[int], least: float) -> Iterator[Follower]:
        """What stands behind ``path`` in the continuations of a node."""
        depth = len(path)
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
