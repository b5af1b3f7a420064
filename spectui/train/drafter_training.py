"""From a model to a drafter for it: text, training, measuring and keeping, until the time is over."""

import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random
from time import perf_counter

import torch

from ..system.errors import UserError, reason_of
from ..system.files import open_private
from .checkpoint import Progress, read_checkpoint, write_checkpoint
from .generator import Conversation
from .head_training import HeadTraining, head_vocabulary
from .head_writer import head_config, write_head
from .held_out import Worth
from .stream import Stream
from .target import Target

POOL = 256
"""Conversations in memory, among which those of a batch are drawn; of the first ones the vocabulary is made."""
POOL_BYTES = 2_000_000_000
USES = 3
"""How often each is learnt from: a token of text takes some three times as long as to learn from it."""
BATCH = 12
"""Conversations a step."""
MEASURED, KEPT = 180.0, 300.0
"""Seconds between two looks at the held-out answers, and between two checkpoints."""
TRAINING, CHECKPOINT, LOG = "training", "checkpoint.safetensors", "training.jsonl"


@dataclass(frozen=True, slots=True)
class Status:
    """What somebody who waits is told."""

    doing: str
    share: float | None
    """Of the time that is over."""
    worth: Worth | None = None
    """The latest look at the held-out answers."""
    tokens: int = 0


Told = Callable[[Status], None]


class Pool:
    """Conversations that wait to be learnt from, each so many times."""

    def __init__(self, stream: Iterator[Conversation], uses: int, seed: int) -> None:
        self.waiting: list[Conversation] = []
        self._stream, self._uses, self._random = stream, uses, Random(seed)
        self._left: dict[int, int] = {}

    @property
    def most(self) -> int:
        """How many fit."""
        if not self.waiting:
            return POOL
        one = self.waiting[0]
        size = (one.states.shape[1] + one.last.shape[1]) * 2 * 256
        return max(4 * BATCH, min(POOL, POOL_BYTES // size))

    @property
    def full(self) -> bool:
        """Whether batches can be drawn."""
        return len(self.waiting) >= self.most

    def fetch(self) -> None:
        """Take one more from the stream."""
        one = next(self._stream)
        self.waiting.append(one)
        self._left[id(one)] = self._uses

    def draw(self, count: int) -> list[Conversation]:
        """So many different ones."""
        drawn = self._random.sample(range(len(self.waiting)), min(count, len(self.waiting)))
        found = [self.waiting[index] for index in drawn]
        for one in found:
            self._left[id(one)] -= 1
        gone = {id(one) for one in found if not self._left[id(one)]}
        self.waiting = [one for one in self.waiting if id(one) not in gone]
        for one in gone:
            del self._left[one]
        return found


class DrafterTraining:
    """Trains a head within ``minutes``, into ``folder``; everything that is needed to go on is kept below it."""

    def __init__(self, target: Target, stream_of: Callable[[Path, int], Stream], folder: Path, told: Told) -> None:
        self._target, self._stream_of, self._folder, self._told = target, stream_of, folder, told
        self._kept = folder / TRAINING
        self._worth: Worth | None = None

    def run(self, minutes: float, vocabulary: int, resume: bool) -> Worth | None:
        """Train until the time is over; the last look at the held-out answers. What is best so far is always kept."""
        checkpoint = self._kept / CHECKPOINT
        progress, state = read_checkpoint(checkpoint) if resume else (Progress(minutes), {})
        stream = self._stream_of(self._kept, progress.conversations)
        self._say("questions that are kept apart, and answers to them", progress)
        apart = stream.held_out()
        pool = Pool(iter(stream), USES, seed=progress.conversations)
        begun = perf_counter() - progress.seconds
        while not pool.full:
            pool.fetch()
            progress.seconds = perf_counter() - begun
            self._say(f"the first answers ({len(pool.waiting)} of {pool.most})", progress)
        ids = state["ids"] if state else head_vocabulary(self._target, pool.waiting, vocabulary)
        training = HeadTraining(self._target, ids)
        if state:
            training.restore(state, progress.steps)
        measured = kept = perf_counter()
        self._measure(training, apart, progress, stream)
        try:
            while progress.seconds < 60 * progress.minutes:
                while not pool.full:
                    pool.fetch()
                drawn = pool.draw(BATCH)
                training.learn(drawn, progress.seconds / (60 * progress.minutes))
                progress.steps = training.steps
                progress.tokens += sum(len(one.tokens) - one.prompt for one in drawn)
                progress.seconds = perf_counter() - begun
                progress.conversations = stream.given - len(pool.waiting)
                self._say("learning", progress)
                if perf_counter() - measured > MEASURED:
                    self._measure(training, apart, progress, stream)
                    measured = perf_counter()
                if perf_counter() - kept > KEPT:
                    write_checkpoint(checkpoint, progress, training.state() | {"ids": ids})
                    kept = perf_counter()
        finally:
            self._measure(training, apart, progress, stream)
            write_checkpoint(checkpoint, progress, training.state() | {"ids": ids})
        return self._worth

    def _measure(
        self, training: HeadTraining, apart: list[Conversation], progress: Progress, stream: Stream
    ) -> None:
        """Look at the held-out answers, note it, and keep the head if it is the best one."""
        self._worth = training.measure(apart)
        line = {**asdict(progress), **asdict(self._worth), "generated": stream.generator.tally.answer_tokens}
        line |= {"loss": training.mean_loss()}
        try:
            with open_private(self._kept / LOG, "a", encoding="utf-8") as file:
                file.write(json.dumps(line) + "\n")
        except OSError as error:
            raise UserError(f"cannot write {self._kept / LOG}: {reason_of(error)}; make room") from error
        if self._worth.tokens_per_step > progress.best:
            progress.best = self._worth.tokens_per_step
            config = head_config(self._target, training.head.shape, training.aux)
            write_head(self._folder, config, training.tensors(), training.ids)

    def _say(self, doing: str, progress: Progress) -> None:
        share = min(1.0, progress.seconds / (60 * progress.minutes))
        self._told(Status(doing, share, self._worth, progress.tokens))
