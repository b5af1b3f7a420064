"""The trace of a bench: what modes and servers did with each turn, written when their time has been taken."""

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from ..engine.values.events import End, Event, Turn
from ..record.events import Ready, Record
from ..record.trace import TraceWriter
from ..record.transcribe import Transcriber

if TYPE_CHECKING:
    from ..engine.values.options import Options


class BenchTrace:
    """Writes the answers of modes and servers; each turn is a take in which they stand side by side."""

    def __init__(self, writer: TraceWriter, ready: Ready, tokenizer: Any) -> None:
        """``ready`` names the models and servers; the ``tokenizer`` is None where only servers answer."""
        self._writer, self._tokenizer = writer, tokenizer
        self._question: str | None = None
        writer.write(ready)

    def begin(self, question: str | None) -> None:
        """Answers to this question come; None for a warm-up, of which nothing is written."""
        self._question = question

    def write(
        self, lane: str, mode: str, options: "Options", prompt: Sequence[int], events: Sequence[Event], end: End
    ) -> None:
        """A mode's answer, from its prefill to its last step."""
        if self._question is None:
            return
        transcribe = Transcriber(self._tokenizer, lane)
        self._writer.write(transcribe.turn(Turn(tuple(prompt), mode, options), self._question))
        for event in (*events, end):
            self._writer.write(transcribe(event))

    def write_served(self, records: Iterable[Record]) -> None:
        """Answers of servers, from their turns to their ends."""
        if self._question is None:
            return
        for record in records:
            self._writer.write(record)
