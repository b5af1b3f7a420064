"""SpecBranch: the draft model writes the next segment while the target verifies this one."""

from collections.abc import Sequence
from threading import Event

from ..policy.latency import RunningMedian
from ..tuning.background_worker import BackgroundWorker, ThreadSplit, Work
from ..values.draft_tree import DraftTree
from ..values.needs import Needs
from ..values.step import Branches, Source, Step
from .branch_growth import Choices, Growth
from .draft_cache import DraftCache
from .drafter import Context, Drafter, Job, Resources
from .ranking import Ranking

GAMMA = 4
"""Tokens of a segment before the times of both models are known (Shen et al., 2506.01979: gamma 4)."""
MOST = 16
"""Tokens of a segment at most; as for a draft (``benchmarks.constants``)."""
SURE = 0.7
"""The head is not asked about a segment in which the draft model is everywhere at least so sure
(``benchmarks.constants``)."""
FIRST = "the target takes this step alone; the draft model prepares branches meanwhile"


class Growing(Job):
    """Branches that are being drafted in the second thread."""

    def __init__(self, growth: Growth, position: int, patient: bool, slowdown: float) -> None:
        self.growth, self.slowdown = growth, slowdown
        self._position, self._patient = position, patient
        self._stop, self._verified = Event(), Event()
        self.work: Work | None = None

    def stopped(self) -> bool:
        """Whether to write no further: the target waits, and there is something to go on with."""
        return self._stop.is_set() or (self._verified.is_set() and not self._patient and self.growth.enough)

    def join(self) -> tuple[int, int]:
        """Wait for the branches: to their full length if one was asked for, else for one that is of use."""
        assert self.work is not None
        self._verified.set()
        return self.work.wait()

    def cancel(self) -> None:
        """Give up after the draft pass that runs."""
        assert self.work is not None
        self._stop.set()
        self.work.settle()

    def outcome(self, emitted: Sequence[int]) -> Branches | None:
        """Which branch goes on."""
        return self.growth.outcome(emitted, self._position)


class SpecBranch(Drafter):
    """Drafts branches beside the target (Shen et al., ICLR 2026, arXiv 2506.01979).

    The branches hedge the first token that the target has not confirmed; the one that it chooses is the next segment.
    Where ``epsilon`` is set, the segment ends before the first token that the draft model is not sure of. A trained
    head (H-RAD) says where to hedge, and how widely. As published it also says what to verify; but then both models
    wait for it, and a false alarm costs a step, while a few more tokens cost the target next to nothing (measured).
    """

    def __init__(self, resources: Resources) -> None:
        super().__init__(resources)
        assert resources.draft is not None
        self._cache = DraftCache(resources.draft)
        self._ranking = Ranking(resources, resources.draft.device)
        self._beside = BackgroundWorker(resources.draft.device)
        self.segment: list[Choices] = []
        """What the surviving branch says after the pending token."""
        self._context: Context | None = None
        self._job: Growing | None = None
        self._share = resources.share or ThreadSplit()
        self._pass = RunningMedian(self._share.draft_ms)
        self._put_off = False
        """Whether the last step had no segment."""

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The states that the head looks at."""
        return Needs(hidden=self.resources.head.layers) if self.resources.head else Needs()

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self.segment = []
        self._cache.invalidate()

    def close(self) -> None:
        """End the thread."""
        self._beside.close()

    def propose(self, context: Context, limit: int) -> DraftTree:
        """The segment that is ready, as far as it is likely to stand; nothing where the branches are still to come."""
        self._context = context
        tree = DraftTree(why=FIRST)
        for choices in self.segment[: min(limit, self.trusted(context))]:
            tree.add(choices[0].token, len(tree) - 1, Source("draft", rank=0), choices[0].share)
        self._put_off = not len(tree)
        return tree

    def trusted(self, context: Context) -> int:
        """How many tokens of the segment to verify: those before the first with at most epsilon.

        A draft model that is never confident would never be asked, so no two steps in a row go without a segment.
        """
        confidences = [choices[0].confidence for choices in self.segment]
        first = 1 if self._put_off else 0
        return next(
            (i for i in range(first, len(confidences)) if confidences[i] <= context.speculation.epsilon),
            len(confidences),
        )

    def overlap(self, tree: DraftTree) -> Job | None:
        """Draft the branches after the tree, which is what has remained of the segment."""
        context = self._context
        assert context is not None
        length = min(self._length(context), context.remaining - len(tree) - 1)
        if length < 1 or (len(tree) and tree.tokens[-1] in self.resources.ends):
            return None
        growth = Growth(context.tokens, self.segment, len(tree), length)
        patient = isinstance(context.speculation.draft_tokens, int)
        self._job = job = Growing(growth, len(context.tokens) - 1, patient, self._share.slowdown)
        job.work = self._beside.start(lambda: self._grow(context, job), self._share)
        return job

    def _grow(self, context: Context, job: Growing) -> None:
        growth = job.growth
        growth.hedge(self._warning(context))
        if growth.rest and not self._cache.go_back(growth.path):
            growth.rest = []
        growth.run(context, self._cache, self._ranking, self.resources.ends, job.stopped)

    def _warning(self, context: Context) -> int | None:
        """What the head warns of, asked beside the target so that neither waits for it."""
        head = self.resources.head
        if head is None or context.hidden is None or not context.speculation.hrad or not self.segment:
            return None
        if min(choices[0].confidence for choices in self.segment) >= SURE:
            return None
        return head.foresees(context.hidden, context.tokens[-1])

    def _length(self, context: Context) -> int:
        """Tokens behind a branch's first, so that neither model waits for the other unless a number was asked for."""
        wanted = context.speculation.draft_tokens
        if not isinstance(wanted, str):
            return wanted
        if not self._pass.value or not context.latency:
            return GAMMA
        verify_ms = context.latency.verify_ms(GAMMA + 1) * self._share.slowdown
        return min(MOST, max(1, int(verify_ms / self._pass.value) - 1))

    def observe(self, step: Step, mine: bool) -> None:
        """Follow the branch that the target has chosen; without one everything that was drafted is dropped."""
        job, self._job = self._job, None
        self.segment = []
        if job is None:
            self._cache.invalidate()
            return
        for ms in job.growth.pass_ms[1:]:
            self._pass.update(ms)
        if step.branches is not None and step.branches.won is not None:
            self.segment = job.growth.branches[step.branches.won].chain
