"""Grows branches: the draft model writes on beyond its segment, hedged against another token there."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import perf_counter

from torch import Tensor

from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Branches, Source
from .draft_cache import DraftCache
from .drafter import Context
from .hrad import NONE
from .ranking import Candidate, Ranking

SOURCE = Source("draft")

Choices = tuple[Candidate, ...]
"""What the draft model considered for one position, best first; the best is the drafted token."""
Segment = Sequence[Choices]
"""Drafted tokens, one behind the other."""
Stop = Callable[[bool], bool]
"""Whether to write no further; it is told whether the likeliest branch is of use already as the next segment."""


def tokens_of(segment: Segment) -> tuple[int, ...]:
    """The drafted tokens."""
    return tuple(choices[0].token for choices in segment)


@dataclass(frozen=True, slots=True)
class Growth:
    """The branches that were drafted behind one point of the sequence while the target verified a segment."""

    ahead: tuple[int, ...]
    """The tokens of the segment before the branch point."""
    branches: tuple[Segment, ...]
    """Guesses at the target's own token there, each with the chain that follows it."""
    confidence: float = 0.0
    """The draft model's own probability of its likeliest token at the branch point."""
    known: int = 0
    """How many tokens of the first branch had been drafted in earlier steps."""
    beside: bool = False
    """Whether the target verifies the likeliest branch itself, so that only the others were written."""
    pass_ms: tuple[float, ...] = ()
    """What each pass of the draft model took."""

    def winner(self, emitted: Sequence[int]) -> int | None:
        """Which branch goes on behind ``emitted``, the tokens of the step."""
        firsts = [branch[0][0].token for branch in self.branches]
        if tuple(emitted[:-1]) != self.ahead or emitted[-1] not in firsts:
            return None
        return firsts.index(emitted[-1])

    def outcome(self, emitted: Sequence[int]) -> Branches | None:
        """What became of the branches; None if there are none."""
        if not self.branches:
            return None
        won = self.winner(emitted)
        lengths = [len(branch) for branch in self.branches]
        dropped = 0 if won == 0 or self.beside else self.known if won else lengths[0]
        kept = 0 if won is None else lengths[won]
        return Branches(
            at=len(self.ahead) - 1,
            confidence=self.confidence,
            tokens=tuple(map(tokens_of, self.branches)),
            won=won,
            dropped=dropped,
            waste=sum(lengths) - kept - dropped,
        )


def branch_point(segment: Segment, verified: int, warning: int | None) -> int:
    """Behind how many tokens of the segment to branch, when the target verifies so many of them.

    Where confidence has found a token to branch at, a warning of the head only makes more branches there. Elsewhere it
    says where to branch beside the verified segment: at its first token, or at the least confident one.
    """
    if warning is None or verified < len(segment):
        return verified
    confidences = [choices[0].confidence for choices in segment]
    return 0 if warning == NONE else confidences.index(min(confidences))


@dataclass(slots=True)
class Grower:
    """Drafts the branches of one step, all of it in one thread."""

    context: Context
    cache: DraftCache
    ranking: Ranking
    ends: frozenset[int]
    length: int
    """Tokens that each branch shall have behind its first, at most."""
    stop: Stop
    pass_ms: list[float] = field(default_factory=list)

    def grow(self, segment: Segment, verified: int, warning: int | None = None) -> Growth:
        """Find the branches behind a segment and write on in all of them together, until they are full or told to stop.

        k = max(1, floor(k_max (1 - q))) branches, q the confidence of the likeliest token (Shen et al., 2506.01979);
        k_max of them where the head has given warning. The likeliest begins with what is left of the segment.
        """
        point = branch_point(segment, verified, warning)
        ahead, rest, beside = tokens_of(segment[:point]), segment[point:], point < verified
        path = [*self.context.tokens, *ahead]
        if rest and not self.cache.go_back(path):
            rest = ()
        first = rest[0] if rest else self._look(path, ahead)
        most = self.context.speculation.branches
        count = most if warning is not None else max(1, int(most * (1.0 - first[0].confidence)))
        if beside:
            rest = ()
        elif first[0].token in self.ends:
            rest, count = rest[:1], 1
        branches: list[list[Choices]] = [[(candidate,)] for candidate in first[int(beside) : count]]
        if rest:
            branches[0].extend(rest[1:])
        self._write(ahead, branches)
        return Growth(ahead, tuple(branches), first[0].confidence, len(rest), beside, tuple(self.pass_ms))

    def _look(self, path: list[int], ahead: tuple[int, ...]) -> Choices:
        """Read up to the branch point; what may come there."""
        start = perf_counter()
        return self._best(self.cache.catch_up(path), [ahead], start)[0]

    def _write(self, ahead: tuple[int, ...], branches: list[list[Choices]]) -> None:
        """Lengthen the branches by a token in each pass, as long as they are not full."""
        tree = DraftTree(merge=False)
        unread: list[list[int]] = []
        for branch in branches:
            nodes = [ROOT]
            for token in tokens_of(branch):
                nodes.append(tree.add(token, nodes[-1], SOURCE))
            unread.append(nodes[1:])
        while not self.stop(bool(branches) and len(branches[0]) > 1):
            growing = [index for index, branch in enumerate(branches) if not self._full(branch)]
            if not growing:
                return
            start = perf_counter()
            nodes = sorted(node for index in growing for node in unread[index])
            rows = [nodes.index(unread[index][-1]) for index in growing]
            behind = [(*ahead, *tokens_of(branches[index])) for index in growing]
            best = self._best(self.cache.feed(tree, nodes).logits[rows], behind, start)
            for index, choices in zip(growing, best, strict=True):
                branches[index].append(choices)
                unread[index] = [tree.add(choices[0].token, unread[index][-1], SOURCE)]

    def _full(self, branch: Segment) -> bool:
        """Whether to write no further: long enough, at an end, or at a token where it should branch again."""
        last, written = branch[-1][0], len(branch) - 1
        unsure = written > 0 and last.confidence <= self.context.speculation.epsilon
        return unsure or written >= self.length or last.token in self.ends

    def _best(self, logits: Tensor, behind: Sequence[Sequence[int]], start: float) -> list[Choices]:
        """The choices for each row of a pass that began at ``start``."""
        best = self.ranking.best(self.context, logits, behind, self.context.speculation.branches)
        self.pass_ms.append((perf_counter() - start) * 1e3)
        return best
