"""The road from the decode thread to the screen: a queue that is emptied once a tick."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from threading import Lock
from time import perf_counter

from ..record.events import EndText, Ready, Record, TurnText
from ..record.trace import TraceWriter

TICK = 1 / 8
"""Seconds from one look into the queue to the next; every paint costs the decode thread some of its time."""
SAVE_EVERY = 2.0


class Bridge:
    """``put`` is called in the decode thread and costs an append; ``drain`` in the screen's, once a tick."""

    def __init__(self, apply: Callable[[list[Record]], None]) -> None:
        self._records: deque[Record] = deque()
        self._apply = apply
        self._frame_ms = 0.0
        self._skip = False

    def put(self, record: Record) -> None:
        """Take a record from the decode thread."""
        self._records.append(record)

    def drain(self) -> None:
        """Hand everything that has come over, in order; every second tick rests while frames take long."""
        if self._frame_ms > 20.0 and not self._skip:
            self._skip = True
            return
        self._skip = False
        if not self._records:
            return
        start = perf_counter()
        batch = [self._records.popleft() for _ in range(len(self._records))]
        self._apply(batch)
        self._frame_ms += 0.2 * ((perf_counter() - start) * 1e3 - self._frame_ms)


class Saver:
    """Writes a trace without slowing a step: records are written when an answer ends, or every 2 s.

    As long as nothing was asked there is no file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._writer: TraceWriter | None = None
        self._waiting: list[Record] = []
        self._asked = False
        self._last = perf_counter()
        self._lock = Lock()
        """The decode thread writes; whoever ends the program closes, perhaps while an answer still runs."""

    def put(self, record: Record) -> None:
        """Take a record, in the decode thread."""
        with self._lock:
            if isinstance(record, Ready) and not self._asked:  # other models, and nothing was asked of the first
                self._waiting = [one for one in self._waiting if not isinstance(one, Ready)]
            self._asked = self._asked or isinstance(record, TurnText)
            self._waiting.append(record)
            if self._asked and (isinstance(record, EndText) or perf_counter() - self._last > SAVE_EVERY):
                self._flush()

    def close(self) -> None:
        """Write the rest and close."""
        with self._lock:
            if self._asked:
                self._flush()
            if self._writer is not None:
                self._writer.close()
            self._writer, self._asked, self._waiting = None, False, []

    def _flush(self) -> None:
        """Write what has gathered."""
        self._last = perf_counter()
        if self._writer is None:
            self._writer = TraceWriter(self._path)
        for record in self._waiting:
            self._writer.write(record)
        self._waiting.clear()
        self._writer.flush()
