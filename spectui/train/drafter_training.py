"""From a model to a drafter for it: text, training, measuring and keeping, until the time is over."""

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import inf
from pathlib import Path
from time import perf_counter

from torch import Tensor

from ..system.errors import UserError, reason_of
from ..system.files import open_private
from .checkpoint import Progress, read_checkpoint, write_checkpoint
from .generator import Conversation
from .held_out import Worth
from .kinds import Kind
from .learner import Learner, frequent_tokens
from .origin import Origin, claim
from .pool import Pool
from .sizes import sizes
from .stream import Stream
from .target import Target

MEASURED, KEPT = 180.0, 300.0
"""Seconds between two looks at the held-out answers, and between two checkpoints."""
LOOKS = 10
"""How many looks there are at least."""
FILLING = 1 / 3
"""The share of the time after which the first answers are enough, however few they are."""
LEARNING = "learning"
"""What is told while it learns; before that it makes text."""
TRAINING, CHECKPOINT, LOG = "training", "checkpoint.safetensors", "training.jsonl"
VOCABULARY = 8192
"""Frequent tokens: some eight thousand are 99 % of what a target says."""


@dataclass(frozen=True, slots=True)
class Status:
    """What somebody who waits is told."""

    doing: str
    share: float
    """Of the time that is over."""
    worth: Worth | None
    """The latest look at the held-out answers."""
    tokens: int
    """Of answers that were learnt from."""


Told = Callable[[Status], None]


class DrafterTraining:
    """Trains a drafter of one ``kind``, a draft model of so many ``layers``, into ``folder``.

    All that is needed to go on is kept in a folder below it. ``stream_of`` makes the stream of conversations, given
    that folder and how many of them are used up.
    """

    def __init__(
        self,
        target: Target,
        kind: Kind,
        layers: int,
        stream_of: Callable[[Path, int], Stream],
        folder: Path,
        told: Told,
    ) -> None:
        self.worth: Worth | None = None
        """The last look at the held-out answers."""
        self._kind, self._layers = kind, layers
        self._target, self._stream_of, self._folder, self._told = target, stream_of, folder, told
        self._sizes = sizes(target.device)
        self._kept = folder / TRAINING
        self._checkpoint = self._kept / CHECKPOINT
        self._begun = 0.0

    def run(self, minutes: float | None, resume: bool) -> None:
        """Train until the time is over; without ``minutes`` for an hour, or as long as a resumed training was meant to.

        What is best so far is always in the folder. A KeyboardInterrupt passes through once everything is kept.
        """
        progress, state = self._start(minutes, resume)
        stream = self._stream_of(self._kept, progress.conversations)
        self._begun = perf_counter() - progress.seconds
        self._say("making questions and answers to measure by", progress)
        apart = stream.held_out()
        if not apart:
            raise UserError("the model gives no answer to learn from; ask it something with --questions FILE")
        pool = Pool(iter(stream), self._sizes.pool, self._sizes.uses, seed=progress.conversations)
        enough = progress.seconds + FILLING * (60 * progress.minutes - progress.seconds)
        self._fill(pool, progress, "making the first answers", enough)
        ids = state["ids"] if state else frequent_tokens(self._target, pool.waiting, VOCABULARY)
        training = self._kind.learner(self._target, ids, self._layers)
        if state:
            training.restore(state, progress.steps)
        self._look(training, apart, progress, stream)
        try:
            self._learn(training, pool, apart, progress, stream)
            self._look(training, apart, progress, stream)
        except KeyboardInterrupt:
            self._keep(training, progress)
            raise
        self._keep(training, progress)

    def _start(self, minutes: float | None, resume: bool) -> tuple[Progress, dict[str, Tensor]]:
        if resume and not self._checkpoint.exists():
            raise UserError(f"{self._folder} holds no training to go on with; begin anew without --resume")
        claim(self._folder, self._kept, Origin.of(self._target, self._kind.titled(self._layers)))
        if not resume:
            if self._checkpoint.exists():
                raise UserError(
                    f"{self._folder} holds a training already: go on with --resume, or choose another --output"
                )
            return Progress(minutes or 60.0), {}
        progress, state = read_checkpoint(self._checkpoint, self._target.vocabulary)
        if minutes is not None:  # so long from now on
            progress.minutes, progress.seconds = minutes, 0.0
        return progress, state

    def _learn(
        self, training: Learner, pool: Pool, apart: list[Conversation], progress: Progress, stream: Stream
    ) -> None:
        looked = kept = perf_counter()
        while progress.seconds < 60 * progress.minutes:
            self._fill(pool, progress, LEARNING)
            drawn = pool.draw(self._sizes.batch)
            training.learn(drawn, progress.seconds / (60 * progress.minutes))
            progress.steps = training.steps
            progress.tokens += sum(len(one.tokens) - one.prompt for one in drawn)
            progress.conversations = stream.given - len(pool.waiting)
            self._say(LEARNING, progress)
            if perf_counter() - looked > min(MEASURED, 60 * progress.minutes / LOOKS):
                self._look(training, apart, progress, stream)
                looked = perf_counter()
            if perf_counter() - kept > KEPT:
                self._keep(training, progress)
                kept = perf_counter()

    def _fill(self, pool: Pool, progress: Progress, doing: str, enough: float = inf) -> None:
        """Fetch conversations until the pool is full; after ``enough`` seconds those of one step fill it."""
        while not pool.full:
            pool.fetch()
            self._say(doing, progress)
            if progress.seconds > enough and len(pool.waiting) >= self._sizes.batch:
                pool.settle()

    def _look(self, training: Learner, apart: list[Conversation], progress: Progress, stream: Stream) -> None:
        """Look at the held-out answers, note it, and write the drafter if it is the best one so far."""
        self.worth = training.measure(apart)
        line = asdict(progress) | asdict(self.worth) | {"generated": stream.generator.tally.answer_tokens}
        try:
            with open_private(self._kept / LOG, "a", encoding="utf-8") as file:
                file.write(json.dumps(line | {"loss": training.mean_loss()}) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {self._kept / LOG}: {reason_of(error)}; make room") from error
        if self.worth.tokens_per_step > progress.best:
            progress.best = self.worth.tokens_per_step
            training.write(self._folder)

    def _keep(self, training: Learner, progress: Progress) -> None:
        write_checkpoint(self._checkpoint, progress, training.state())

    def _say(self, doing: str, progress: Progress) -> None:
        progress.seconds = perf_counter() - self._begun
        share = min(1.0, progress.seconds / (60 * progress.minutes))
        self._told(Status(doing, share, self.worth, progress.tokens))
