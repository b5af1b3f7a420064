"""LogitSpec: the last logits guess the token after the next one, and retrieval continues from each guess."""

from collections.abc import Iterator, Sequence

from ..retrieval.ngram_pool import NgramPool
from ..step import Source
from ..tree import ROOT, DraftTree
from .drafter import Context, Drafter, Needs, Resources
from .prompt_lookup import add_copied

FIRST_GUESS, FALL = 0.3, 0.9
"""A guess of rank r is right with probability FIRST_GUESS / (r + 1) ** FALL, before anything was learnt."""
NOTHING = "nothing to copy, and the target's other candidates are unlikely to come next"


def branch_length(rank: int) -> int:
    """Tokens of a guess's branch, the guess included: 4 up to rank 8, 3 up to rank 32, else 1 (2507.01449)."""
    return 4 if rank <= 8 else 3 if rank <= 32 else 1


def guess_prior(rank: int) -> float:
    """How likely the guess of this rank is the next token."""
    return float(FIRST_GUESS / (rank + 1) ** FALL)


class LogitSpec(Drafter):
    """Retrieval for the next token and for each next-next-token guess (Liu et al., arXiv 2507.01449).

    The full tree is the official one: branches apart, up to the capacity. Otherwise shared prefixes are merged, and
    what is too unlikely to pay for its verification is not even built.
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._pool = NgramPool(3, 20)
        self._capacity = 64
        self._doubtful = True
        self._ends: frozenset[int] = resources.ends

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The ids of the highest logits, as many as the tree may hold."""
        return Needs(top_ids=self._capacity)

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self._doubtful = True

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The branch of the next token, then the branches of the guesses, best first."""
        wanted = context.speculation
        if (self._pool.longest, self._pool.span) != (wanted.max_ngram_size, wanted.num_pred_tokens):
            self._pool, self._doubtful = NgramPool(wanted.max_ngram_size, wanted.num_pred_tokens), True
        self._capacity = wanted.draft_tree_capacity
        self._pool.follow(context.tokens, self._doubtful)
        self._doubtful = False
        most = min(limit, self._capacity - 1)
        tree = DraftTree(merge=not wanted.full_tree)
        floor = 0.0 if wanted.full_tree else context.cost.worth()
        self._ends = frozenset() if wanted.full_tree else self.resources.ends
        self._next(context, tree, min(most, context.remaining))
        for rank, guess in self._guesses(context):
            source = Source("guess", rank=rank)
            if len(tree) >= most or context.calibration.estimate(source, 1, guess_prior(rank)) < floor:
                break
            self._guess(context, tree, rank, guess, most)
        if not len(tree):
            tree.why = NOTHING
        return tree

    def _next(self, context: Context, tree: DraftTree, most: int) -> None:
        """What followed the longest n-gram that ends in the pending token."""
        match = self._pool.find(context.tokens[-self._pool.longest :])
        if match is not None:
            source = Source("next", n=match.n, at=match.at)
            add_copied(tree, ROOT, self._pool.continuation(match, most), match, source, self._ends)

    def _guesses(self, context: Context) -> Iterator[tuple[int, int]]:
        """(rank, id) of the target's other candidates for the pending token, best first."""
        pending = context.tokens[-1]
        for rank, token in enumerate(context.top_ids[: self._capacity]):
            if token != pending and token not in self.resources.never:
                yield rank, token

    def _guess(self, context: Context, tree: DraftTree, rank: int, guess: int, most: int) -> None:
        """A guess and what followed the longest n-gram that ends in it."""
        node = tree.add(guess, ROOT, Source("guess", rank=rank), guess_prior(rank))
        room = min(branch_length(rank), context.remaining, most - len(tree) + 1) - 1
        if room <= 0 or guess in self._ends:
            return
        match = self._pool.find([*context.tokens[-self._pool.longest :], guess])
        if match is not None:
            source = Source("guess", rank=rank, n=match.n, at=match.at)
            add_copied(tree, node, self._pool.continuation(match, room), match, source, self._ends)
