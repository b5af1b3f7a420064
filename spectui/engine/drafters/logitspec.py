"""LogitSpec: the last logits guess the token after the next one, and retrieval continues from each guess."""

from bisect import bisect_left
from collections.abc import Sequence

from ..policy.acceptance import RANKS, STRENGTH
from ..policy.decaying_mean import DecayingMean
from ..retrieval.copying import Copying
from ..values.draft_tree import ROOT, DraftTree
from ..values.needs import Needs
from ..values.step import Source, Step
from .drafter import Context, Drafter, Resources

MEMBERS = (9, 24, 31)
"""How many ranks each group has, up to 8, up to 32 and up to the capacity of 64 tokens (2507.01449)."""
ANYWHERE = 0.25
"""How likely the next token is in a group before anything was learnt: as likely in each as in none."""
NOTHING = "nothing to copy, and no guess is likely enough"


def branch_length(rank: int) -> int:
    """Tokens of a guess's branch, the guess included: 4 up to rank 8, 3 up to rank 32, else 1 (2507.01449)."""
    return 4 if rank <= 8 else 3 if rank <= 32 else 1


class LogitSpec(Drafter):
    """Retrieval for the next token and for each next-next-token guess (Liu et al., arXiv 2507.01449).

    The full tree is the official one: branches apart, up to the capacity. Otherwise shared prefixes are merged, and
    what is too unlikely to pay for its verification is not even built.
    """

    copies = True

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._copying = Copying(3, 20)
        self._capacity = 64
        self._ends = resources.ends
        self._guessed = [DecayingMean(ANYWHERE, STRENGTH) for _ in MEMBERS]
        self._top: tuple[int, Sequence[int]] = (-1, ())
        """(index of the pending token, the candidates for the next one), to learn from."""

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The ids of the highest logits, as many as the tree may hold."""
        return Needs(top_ids=self._capacity)

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self._copying.invalidate()

    def observe(self, step: Step, mine: bool) -> None:
        """Learn how often copies and guesses are right, verified or not."""
        self._copying.observe(step)
        position, top = self._top
        if position == step.position and step.emitted and top:
            token = step.emitted[0].token
            hit = bisect_left(RANKS, top.index(token)) if token in top else -1
            for group, rate in enumerate(self._guessed):
                rate.update(group == hit)
        self._top = (-1, ())

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The branch of the next token, then the branches of the guesses, best first."""
        self._adopt(context)
        self._top = (len(context.tokens) - 1, context.top_ids[: self._capacity])
        most = min(limit, self._capacity - 1)
        full = context.speculation.full_tree
        tree = DraftTree(merge=not full)
        match = self._copying.look_up(context.tokens, context.latency if context.speculation.adaptive else None)
        if match is not None:
            source = Source("next", n=match.n, at=match.at)
            self._copying.add(tree, ROOT, match, min(most, context.remaining), source, self._ends)
        self._add_guesses(context, tree, most, 0.0 if full else context.latency.break_even())
        if not len(tree):
            tree.why = NOTHING
        return tree

    def _add_guesses(self, context: Context, tree: DraftTree, most: int, least: float) -> None:
        """The guesses that are likely enough, best first, and what followed the longest n-gram that ends in each."""
        for rank, guess in enumerate(self._top[1]):
            if guess == context.tokens[-1] or guess in self.resources.never:
                continue
            group = bisect_left(RANKS, rank)
            likely = self._guessed[group].value / MEMBERS[group]
            if len(tree) >= most or context.acceptance.estimate(Source("guess", rank=rank), likely) < least:
                return
            node = tree.add(guess, ROOT, Source("guess", rank=rank), likely)
            room = min(branch_length(rank), context.remaining, most - len(tree) + 1) - 1
            match = self._copying.find([*context.tokens[-self._copying.index.longest :], guess])
            if match is not None and room > 0 and guess not in self._ends:
                source = Source("guess", rank=rank, n=match.n, at=match.at)
                self._copying.add(tree, node, match, room, source, self._ends)

    def _adopt(self, context: Context) -> None:
        """Take over the parameters that a person has set."""
        wanted = context.speculation
        if (self._copying.index.longest, self._copying.span) != (wanted.max_ngram_size, wanted.num_pred_tokens):
            self._copying = Copying(wanted.max_ngram_size, wanted.num_pred_tokens)
        self._capacity = wanted.draft_tree_capacity
        self._ends = frozenset() if wanted.full_tree else self.resources.ends
