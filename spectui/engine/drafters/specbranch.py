"""SpecBranch: the draft model writes the next segment while the target verifies this one."""

from collections.abc import Callable, Sequence
from threading import Event

from torch import Tensor

from ..policy.latency import RunningMedian
from ..tuning.background_worker import BackgroundWorker, ThreadSplit
from ..values.draft_tree import DraftTree
from ..values.needs import Needs
from ..values.step import Branches, Source, Step
from .branch_growth import Grower, Growth, Segment, Stop
from .draft_cache import DraftCache
from .drafter import Context, Drafter, Job, Resources
from .ranking import ranking_of

GAMMA = 4
"""Tokens of a segment before the times of both models are known (Shen et al., 2506.01979: gamma 4)."""
MOST = 16
"""Tokens of a segment at most; as for a draft (``benchmarks.constants``)."""
SURE = 0.7
"""The head is not asked about a segment in which the draft model is everywhere at least so sure
(``benchmarks.constants``)."""
FIRST = "the target takes this step alone; the draft model prepares branches meanwhile"


class Growing(Job):
    """Branches that are being drafted in the second thread, which hands them over when it has ended."""

    def __init__(
        self, worker: BackgroundWorker, share: ThreadSplit, grow: Callable[[Stop], Growth], patient: bool
    ) -> None:
        self.slowdown = share.slowdown
        self.growth: Growth | None = None
        """What was drafted; known behind ``join``."""
        self._patient = patient
        self._stop, self._verified = Event(), Event()
        self._work = worker.start(lambda: grow(self._stops), share)

    def _stops(self, enough: bool) -> bool:
        """Whether to write no further: the target waits, and there is something to go on with."""
        return self._stop.is_set() or (enough and not self._patient and self._verified.is_set())

    def join(self) -> tuple[int, int]:
        """Wait for the branches: to their full length if one was asked for, else for one that is of use."""
        self._verified.set()
        self.growth, span = self._work.wait()
        return span

    def cancel(self) -> None:
        """Give up after the draft pass that runs."""
        self._stop.set()
        self._work.settle()

    def outcome(self, emitted: Sequence[int]) -> Branches | None:
        """Which branch goes on."""
        return self.growth.outcome(emitted) if self.growth is not None else None


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
        self._ranking = ranking_of(resources, resources.draft, beside=True)
        head = [] if resources.head is None else [resources.head.embedding.device]
        self._worker = BackgroundWorker(resources.draft.device, *head)
        self.segment: Segment = ()
        """What the surviving branch says after the pending token."""
        self._context: Context | None = None
        self._hidden: Tensor | None = None
        """The states at the last verified token; None if unknown."""
        self._job: Growing | None = None
        self._share = resources.share or ThreadSplit()
        self.pass_ms = RunningMedian(self._share.draft_ms)
        """What a pass of the draft model takes beside the target."""
        self._put_off = False
        """Whether the last step had no segment."""

    @property
    def needs(self) -> Needs:  # type: ignore[override]
        """The states that the head looks at."""
        return Needs(hidden=self.resources.head.layers) if self.resources.head else Needs()

    def begin(self, tokens: Sequence[int]) -> None:
        """The sequence may have changed anywhere."""
        self.segment, self._hidden = (), None
        self._cache.invalidate()

    def take_states(self, tokens: Sequence[int], start: int, states: Tensor) -> None:
        """Keep the last for the head."""
        self._hidden = states[:, -1]

    def close(self) -> None:
        """End the thread."""
        self._worker.close()

    def prepare(self, length: int) -> bool:
        """Those of this method's own cache."""
        return self._cache.prepare(length)

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
        first, epsilon = int(self._put_off), context.speculation.epsilon
        unsure = (i for i, choices in enumerate(self.segment) if i >= first and choices[0].confidence <= epsilon)
        return next(unsure, len(self.segment))

    def overlap(self, tree: DraftTree) -> Job | None:
        """Draft the branches after the tree, which is what has remained of the segment."""
        context = self._context
        assert context is not None
        length = min(self.branch_length(context), context.remaining - len(tree) - 1)
        if length < 1 or (len(tree) and tree.tokens[-1] in self.resources.ends):
            return None
        segment, verified = self.segment, len(tree)

        def grow(stop: Stop) -> Growth:
            grower = Grower(context, self._cache, self._ranking, self.resources.ends, length, stop)
            return grower.grow(segment, verified, self._warning(context, segment))

        patient = isinstance(context.speculation.draft_tokens, int)
        self._job = Growing(self._worker, self._share, grow, patient)
        return self._job

    def _warning(self, context: Context, segment: Segment) -> int | None:
        """What the head warns of, asked beside the target so that neither waits for it."""
        head = self.resources.head
        if head is None or self._hidden is None or not context.speculation.hrad or not segment:
            return None
        if min(choices[0].confidence for choices in segment) >= SURE:
            return None
        return head.foresees(self._hidden, context.tokens[-1])

    def branch_length(self, context: Context) -> int:
        """Tokens behind a branch's first, so that neither model waits for the other unless a number was asked for."""
        wanted = context.speculation.draft_tokens
        if not isinstance(wanted, str):
            return wanted
        if not self.pass_ms.value or not context.latency:
            return GAMMA
        verify_ms = context.latency.verify_ms(GAMMA + 1) * self._share.slowdown
        return min(MOST, max(1, int(verify_ms / self.pass_ms.value) - 1))

    def observe(self, step: Step, mine: bool) -> None:
        """Follow the branch that the target has chosen; without one everything that was drafted is dropped."""
        growth = self._job.growth if self._job is not None else None
        self._job, self.segment = None, ()
        if growth is None:
            self._cache.invalidate()
            return
        for ms in growth.pass_ms[1:]:
            self.pass_ms.update(ms)
        if step.branches is not None and step.branches.won is not None:
            self.segment = growth.branches[step.branches.won][1:]
