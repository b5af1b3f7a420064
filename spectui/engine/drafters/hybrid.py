"""Hybrid: copies where the text repeats itself, and what a trained head guesses where it does not."""

from collections.abc import Sequence
from time import perf_counter

from torch import Tensor

from ..policy.decaying_mean import DecayingMean
from ..policy.gate import BREAK_EVEN, FIRST_PAUSE
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Quote, Step
from .drafter import Context, Drafter, Resources
from .eagle.drafter import Eagle
from .sssd import Sssd


class Hybrid(Drafter):
    """SSSD and EAGLE-3 in one, as SuffixDecoding is joined with EAGLE (Oliaro et al., 2411.04975).

    Looking up costs next to nothing, so it comes first. If its tree alone is expected to bring as many tokens a
    millisecond as steps with the head do, the head is not asked; else both trees are merged. Copies never pause; the
    head does while its drafts promise less than plain decoding.
    """

    copies = True  # the head, which is no copy, pauses by itself

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        self._sssd, self._eagle = Sssd(resources), Eagle(resources)
        self.needs = self._eagle.needs
        self._rate = DecayingMean()
        """Tokens a millisecond that steps with the head's tree alone are expected to bring."""
        self._skipped = 0
        """Steps in which the head did not pay, since it was last asked."""

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self._sssd.begin(tokens)
        self._eagle.begin(tokens)

    def take_states(self, tokens: Sequence[int], start: int, states: Tensor) -> None:
        """They are the head's."""
        self._eagle.take_states(tokens, start, states)

    def observe(self, step: Step, mine: bool) -> None:
        """Each learns by itself."""
        self._sssd.observe(step, mine)
        self._eagle.observe(step, mine)

    def quotes(self, tokens: Sequence[int], tree: DraftTree) -> tuple[Quote, ...]:
        """Where what was copied from the datastore stands there."""
        return self._sssd.quotes(tokens, tree)

    def close(self) -> None:
        """Both give back what they hold."""
        self._sssd.close()
        self._eagle.close()

    def propose(self, context: Context, limit: int) -> DraftTree:
        """What is copied, or both trees in one."""
        copied = self._sssd.propose(context, limit)
        judged = context.speculation.adaptive and context.latency
        if judged and self._rate.weight and (self._spares(context, copied) or self._pauses(context)):
            return copied
        start = perf_counter()
        tree = self._eagle.propose(context, limit)
        if not tree.merge:  # independent draws, to which nothing may be added
            return tree
        if judged and len(tree):
            self._rate.update(_rate(context, tree, (perf_counter() - start) * 1e3))
        return merged(tree, copied, limit)

    def _spares(self, context: Context, copied: DraftTree) -> bool:
        """Whether a copy alone promises as much as the head."""
        return len(copied) > 0 and _rate(context, copied) >= self._rate.value

    def _pauses(self, context: Context) -> bool:
        """Count a step, and whether the head is left out of it: it promises less than plain decoding, and was asked
        not long ago."""
        self._skipped += 1
        if self._rate.value < BREAK_EVEN / context.latency.verify_ms(1) and self._skipped < FIRST_PAUSE:
            return True
        self._skipped = 0
        return False


def _rate(context: Context, tree: DraftTree, draft_ms: float = 0.0) -> float:
    """Tokens a millisecond that a step with the best part of a tree is expected to bring."""
    return context.latency.best_step(context.acceptance.path_estimates(tree), draft_ms)[1]


def merged(tree: DraftTree, other: DraftTree, most: int) -> DraftTree:
    """A tree with the nodes of another added as far as there is room; what both have stays the first one's."""
    renamed = {ROOT: ROOT}
    for node, (token, parent) in enumerate(zip(other.tokens, other.parents, strict=True)):
        if len(tree) >= most:
            break
        renamed[node] = tree.add(token, renamed[parent], other.sources[node], other.probabilities[node])
    return tree
