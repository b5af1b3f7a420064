"""The trace of a bench: what each lane of ours did with each turn, written when its time has been taken."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..engine.values.events import End, Event, Turn
from ..record.trace import TraceWriter
from ..record.transcribe import Transcriber
from ..session.runtime import Runtime

if TYPE_CHECKING:
    from ..engine.values.options import Options


class BenchTrace:
    """Writes the answers of all lanes; each turn is a take in which they stand side by side."""

    def __init__(self, writer: TraceWriter, loaded: Runtime) -> None:
        self._writer, self._loaded = writer, loaded
        self._question: str | None = None
        writer.write(loaded.ready)

    def begin(self, question: str | None) -> None:
        """Answers to this question come; None for a warm-up, of which nothing is written."""
        self._question = question

    def write(
        self, lane: str, mode: str, options: "Options", prompt: Sequence[int], events: Sequence[Event], end: End
    ) -> None:
        """An answer, from its prefill to its last step."""
        if self._question is None:
            return
        transcribe = Transcriber(self._loaded.pair.tokenizer, lane)
        self._writer.write(transcribe.turn(Turn(tuple(prompt), mode, options), self._question))
        for event in (*events, end):
            self._writer.write(transcribe(event))
