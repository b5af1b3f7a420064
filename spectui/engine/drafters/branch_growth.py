"""Grows branches: the draft model writes on beyond its segment, hedged against another token there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import overload

from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Branches, Source
from .draft_cache import DraftCache
from .drafter import Context
from .hrad import NONE
from .ranking import Candidate, Ranking

Choices = tuple[Candidate, ...]
"""What the draft model considered for one position, best first."""


class Path(Sequence[int]):
    """A sequence and some tokens behind it, without a copy of either; good until the sequence changes."""

    def __init__(self, tokens: Sequence[int], behind: Sequence[int] = ()) -> None:
        self._tokens, self._behind, self._border = tokens, behind, len(tokens)

    def __len__(self) -> int:
        return self._border + len(self._behind)

    @overload
    def __getitem__(self, index: int) -> int: ...

    @overload
    def __getitem__(self, index: slice) -> list[int]: ...

    def __getitem__(self, index: int | slice) -> int | list[int]:
        if isinstance(index, slice):
            return [self[place] for place in range(*index.indices(len(self)))]
        place = index + len(self) if index < 0 else index
        return self._tokens[place] if place < self._border else self._behind[place - self._border]


@dataclass(slots=True)
class Branch:
    """One guess at the target's own token, and the chain that follows it."""

    first: Candidate
    chain: list[Choices] = field(default_factory=list)
    """What follows; the drafted token of each position is the best choice."""
    known: int = 0
    """How many of its tokens had been drafted in earlier steps, the first included."""

    def full(self, length: int, ends: frozenset[int], epsilon: float) -> bool:
        """Whether to write no further: long enough, at an end, or at a token where it should branch again."""
        last = self.chain[-1][0] if self.chain else self.first
        unsure = bool(self.chain) and last.confidence <= epsilon
        return unsure or len(self.chain) >= length or last.token in ends

    @property
    def tokens(self) -> tuple[int, ...]:
        """All its tokens."""
        return self.first.token, *(choices[0].token for choices in self.chain)


@dataclass(slots=True)
class Growth:
    """The branches behind one point of the sequence, while and after they are drafted."""

    tokens: Sequence[int]
    """What the target has emitted; it must not change meanwhile."""
    segment: list[Choices]
    """What the draft model had written behind it."""
    verified: int
    """How many tokens of the segment the target verifies meanwhile."""
    length: int
    """Tokens that each branch shall have behind its first, at most."""
    point: int = field(init=False)
    """The branches begin behind so many tokens of the segment."""
    path: Path = field(init=False)
    """The sequence up to the branch point."""
    rest: list[Choices] = field(init=False)
    """What had been drafted beyond the point already; the likeliest branch begins with it."""
    warned: bool = False
    """Whether the head expects a refusal, however confident the draft model is."""
    branches: list[Branch] = field(default_factory=list)
    confidence: float = 0.0
    """The draft model's own probability of its likeliest token at the branch point."""
    pass_ms: list[float] = field(default_factory=list)
    """What each pass of the draft model took."""

    def __post_init__(self) -> None:
        self._begin(self.verified)

    def _begin(self, point: int) -> None:
        self.point, self.rest = point, self.segment[point:]
        self.path = Path(self.tokens, [choices[0].token for choices in self.segment[:point]])

    def hedge(self, warning: int | None) -> None:
        """Take in what the head says of the segment.

        Where confidence has found a token to branch at, a warning only makes more branches there. Elsewhere it says
        where to branch beside the verified segment: at its first token, or at the least confident one.
        """
        self.warned = warning is not None
        if self.warned and self.verified == len(self.segment):
            confidences = [choices[0].confidence for choices in self.segment]
            self._begin(0 if warning == NONE else confidences.index(min(confidences)))

    @property
    def beside(self) -> bool:
        """Whether the target verifies the likeliest branch itself, so that only the others are written."""
        return self.point < self.verified

    @property
    def enough(self) -> bool:
        """Whether the likeliest branch is long enough to be of use as the next segment."""
        return bool(self.branches and self.branches[0].chain)

    def run(
        self, context: Context, cache: DraftCache, ranking: Ranking, ends: frozenset[int], stop: Callable[[], bool]
    ) -> None:
        """Find the branches and write on in all of them together, until they are full or somebody says stop.

        k = max(1, floor(k_max (1 - q))) branches, q the confidence of the likeliest token (Shen et al., 2506.01979);
        k_max of them where the head has given warning.
        """
        first = self.rest[0] if self.rest else self._look(context, cache, ranking)
        self.confidence = first[0].confidence
        most = context.speculation.branches
        count = most if self.warned else max(1, int(most * (1.0 - self.confidence)))
        if first[0].token in ends and not self.beside:
            self.branches = [Branch(first[0], known=min(1, len(self.rest)))]
            return
        self.branches = [Branch(candidate) for candidate in first[int(self.beside) : count]]
        if not self.beside:
            self.branches[0].chain.extend(self.rest[1:])
            self.branches[0].known = len(self.rest)
        self._write(context, cache, ranking, ends, stop)

    def _look(self, context: Context, cache: DraftCache, ranking: Ranking) -> Choices:
        """Read up to the branch point; what may come there."""
        start = perf_counter()
        logits = cache.catch_up(self.path)
        seen = [self.path] if context.sampler.needs_seen else None
        choices = ranking.best(context, logits, [len(self.path)], seen, context.speculation.branches)[0]
        self._timed(start)
        return choices

    def _write(
        self, context: Context, cache: DraftCache, ranking: Ranking, ends: frozenset[int], stop: Callable[[], bool]
    ) -> None:
        epsilon = context.speculation.epsilon
        tree = DraftTree(merge=False)
        unread: list[list[int]] = []
        for branch in self.branches:
            node, nodes = ROOT, []
            for token in branch.tokens:
                node = tree.add(token, node, Source("draft"))
                nodes.append(node)
            unread.append(nodes)
        while not stop():
            growing = [
                index for index, branch in enumerate(self.branches) if not branch.full(self.length, ends, epsilon)
            ]
            if not growing:
                return
            start = perf_counter()
            nodes = sorted(node for index in growing for node in unread[index])
            logits = cache.feed(tree, nodes).logits
            rows = [nodes.index(unread[index][-1]) for index in growing]
            positions = [len(self.path) + 1 + len(self.branches[index].chain) for index in growing]
            seen = None
            if context.sampler.needs_seen:
                seen = [[*self.path, *self.branches[index].tokens] for index in growing]
            kept = logits if len(rows) == len(nodes) else logits[rows]
            best = ranking.best(context, kept, positions, seen, context.speculation.branches)
            for index, choices in zip(growing, best, strict=True):
                self.branches[index].chain.append(choices)
                unread[index] = [tree.add(choices[0].token, unread[index][-1], Source("draft"))]
            self._timed(start)

    def _timed(self, start: float) -> None:
        self.pass_ms.append((perf_counter() - start) * 1e3)

    def winner(self, emitted: Sequence[int], position: int) -> int | None:
        """Which branch goes on after ``emitted``, the tokens that follow the sequence's index ``position``."""
        ahead = self.path[position + 1 :]
        if list(emitted[:-1]) != ahead or len(emitted) != len(ahead) + 1:
            return None
        firsts = [branch.first.token for branch in self.branches]
        return firsts.index(emitted[-1]) if emitted[-1] in firsts else None

    def outcome(self, emitted: Sequence[int], position: int) -> Branches | None:
        """What became of the branches; None if there are none."""
        if not self.branches:
            return None
        won = self.winner(emitted, position)
        lengths = [len(branch.tokens) for branch in self.branches]
        dropped = 0 if won == 0 or self.beside else self.branches[0].known if won else lengths[0]
        kept = 0 if won is None else lengths[won]
        return Branches(
            at=self.point - 1,
            confidence=self.confidence,
            tokens=tuple(branch.tokens for branch in self.branches),
            won=won,
            dropped=dropped,
            waste=sum(lengths) - kept - dropped,
        )
