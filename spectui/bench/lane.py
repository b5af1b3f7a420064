"""A lane: something that answers prompts and is measured, be it a mode of ours or a peer."""

import logging
from collections.abc import Sequence
from time import perf_counter
from typing import Protocol

import torch

from ..engine.retrieval.private import PrivateStore
from ..engine.retrieval.snapshot import Reader
from ..engine.values.events import End, Event
from ..engine.values.options import Options
from ..engine.verification.verifiers import VERIFIERS
from ..present.runs import Answered
from ..record.metrics import Meter
from ..session.runtime import Runtime
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .taking import BenchTrace

log = logging.getLogger(__name__)

Turn = tuple[Sequence[int], Sequence[int]]
"""A prompt and the lane's answer to it."""


class Lane(Protocol):
    """Answers one prompt after another; knows nothing of the other lanes."""

    name: str
    """What the report calls it."""
    mode: str | None
    """Its mode, if it is one of ours."""
    peer: str | None
    """Its name among the peers, if it is one."""
    keeps_promise: bool
    """Whether its text has to equal the autoregressive lane's."""

    def begin(self) -> None:
        """A new question: nothing of the conversation before is reused."""

    def answer(self, prompt: Sequence[int]) -> Answered:
        """Answer a prompt, which may continue the conversation."""

    def learn(self, turns: Sequence[Turn]) -> None:
        """A question is over; a lane that learns may use its answers from the next question on."""


def peer_failed(name: str, error: Exception) -> UserError:
    """The error for a peer whose call failed, with the library's reason; the rest goes to the log."""
    log.warning("peer %s failed", name, exc_info=error)
    reason = next(iter(str(error).splitlines()), type(error).__name__)
    return UserError(f"peer {name} failed: {sanitise_line(reason)}; leave it out")


class ModeLane:
    """A mode of ours: one decoder with a cache of its own."""

    mode: str | None
    peer: str | None = None

    def __init__(self, loaded: Runtime, mode: str, options: Options, learns: bool = False) -> None:
        self.name = self.mode = mode
        self.keeps_promise = VERIFIERS[options.speculation.rule].same_text
        self._private = PrivateStore(loaded.compared, loaded.pair.vocabulary)
        self._learns = learns
        reader = Reader(lambda: self._private.indexes, hides=True)
        self._decoder = loaded.decoder(mode, options, reader=reader)
        self._mode, self._options = mode, options
        self.trace: BenchTrace | None = None
        """Where its answers are recorded, if they are."""

    def begin(self) -> None:
        """Start from an empty sequence."""
        self._decoder.rewind()

    def learn(self, turns: Sequence[Turn]) -> None:
        """Keep the answers for this lane alone, if it was told to learn."""
        if self._learns:
            self._private.learn(turns)

    def freeze(self) -> None:
        """Learn no more."""
        self._learns = False

    @torch.inference_mode()
    def answer(self, prompt: Sequence[int]) -> Answered:
        """Decode to the end; raises UserError if the prompt does not fit."""
        start = perf_counter()
        meter = Meter()
        first = self._decoder.prefill(prompt)
        assert first is not None
        meter.count(first)
        events: list[Event] = [first]
        while self._decoder.answer.end is None:
            step = self._decoder.step()
            meter.count(step)
            events.append(step)
        wall = (perf_counter() - start) * 1e3
        if self.trace is not None:
            end = End(self._decoder.answer.end)
            self.trace.write(self.name, self._mode, self._options, prompt, events, end)
        return Answered(tuple(self._decoder.answer.emitted), wall, meter.numbers, meter.spread)
