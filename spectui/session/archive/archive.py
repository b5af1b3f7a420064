"""The archive of conversations: one thread writes, whoever asks reads."""

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import closing, contextmanager, suppress
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from threading import Thread
from time import monotonic
from typing import TypeVar

from ...record.archived import Archived, Summary
from ...record.events import EndText, Record, TurnText
from ...system.errors import UserError, reason_of
from ...system.sanitise import sanitise_line
from . import changes, old_traces, shelf
from .database import open_database, open_reader
from .recorder import Recorder

T = TypeVar("T")
Read = Callable[[sqlite3.Connection], T]
PAUSE = 0.5
"""Seconds for which steps gather before they are written together."""
PATIENCE = 10.0
"""Seconds to wait for the thread that writes."""
_Job = tuple[Callable[[sqlite3.Connection], object], Future[object]]


class Archive:
    """Keeps conversations in ``file``, or, where that is None, in memory as long as the program runs.

    ``put`` may be called from any one thread and only appends to a queue. ``told`` gets one line when something is
    wrong; it is called in the thread that writes. All else may be called from any thread and waits for its result.
    """

    def __init__(
        self, file: Path | None, told: Callable[[str], None], traces: Path | None = None, system: str = ""
    ) -> None:
        """``traces`` is the folder of what older versions kept."""
        self.file = file
        self._told, self._traces = told, traces
        self._recorder = Recorder(system=system)
        self._queue: SimpleQueue[Record | _Job | None] = SimpleQueue()
        self._broken = ""
        """Why nothing is kept any more; empty if all is well."""
        self._old: deque[Path] = deque()
        self._refused = 0
        """Old traces that are damaged."""
        self._untidy = False
        """Whether what was deleted may still stand in the file beside the database."""
        self._thread = Thread(target=self._run, name="archive", daemon=True)

    def start(self) -> None:
        """Start the thread that writes."""
        self._thread.start()

    def put(self, record: Record) -> None:
        """Keep a record, soon."""
        self._queue.put(record)

    def close(self, timeout: float) -> bool:
        """Write what waits and end the thread; whether that was done within ``timeout`` seconds."""
        self._queue.put(None)
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- reading; raises UserError with one line

    def newest(self) -> tuple[list[Summary], int]:
        """The latest conversations, and how many there are in all."""
        return self.read(lambda database: (shelf.newest(database), shelf.how_many(database)))

    def search(self, text: str) -> list[Summary]:
        """The latest conversations that hold these words."""
        return self.read(lambda database: shelf.search(database, text))

    def archived(self, conversation: int | None = None) -> Archived:
        """A conversation as it was left, the latest one if none is named."""
        return self.read(lambda database: shelf.archived(database, conversation or shelf.latest(database)))

    def records(self, answers: Sequence[int]) -> list[list[Record]]:
        """The records of some answers."""
        return self.read(lambda database: [list(shelf.records(database, answer)) for answer in answers])

    def read(self, function: Read[T]) -> T:
        """What a function finds in the file."""
        if self.file is None:
            return self.write(function)
        with _in_words(self.file), closing(open_reader(self.file)) as database:
            return function(database)

    # -- changing; raises UserError with one line

    @property
    def place(self) -> tuple[int | None, tuple[int, ...]]:
        """The conversation that is recorded and the answers in it so far, by their ids."""
        return self.write(lambda _: (self._recorder.conversation, tuple(self._recorder.answers)))

    def rename(self, conversation: int, title: str) -> None:
        """Give a conversation a name."""
        self.write(lambda database: changes.rename(database, conversation, title))

    def delete(self, conversation: int) -> None:
        """Remove a conversation for good."""
        self.write(partial(self._delete, conversation))

    def branch(self, answer: int, by: int) -> Archived | None:
        """The conversation with another answer at the place of this one, and what followed that; None if there is none.

        ``by`` is -1 for the one before it, 1 for the one after it.
        """
        return self.write(lambda database: _branch(database, answer, by))

    def measured(self, speedup: float) -> None:
        """Note the measured speed-up of the latest answer, soon."""
        self._submit(self._measured_job(speedup))

    def write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What a function makes in the thread that writes, behind all that was put before."""
        future = self._submit(function)
        try:
            return future.result(PATIENCE)  # type: ignore[return-value]
        except TimeoutError as error:
            raise UserError("the conversations are busy; try again") from error

    # -- in the thread that writes

    def _run(self) -> None:
        database = None
        try:
            database, note = open_database(self.file)
            if note:
                self._told(note)
            if self._traces is not None:
                self._old.extend(old_traces.waiting(database, self._traces))
        except (UserError, sqlite3.Error) as error:
            self._break(error)
        ended = False
        while not ended:
            batch = self._gather()
            ended = bool(batch) and batch[-1] is None
            if database is None or self._broken:
                self._refuse(batch)
            elif batch:
                self._keep(database, batch)
            elif self._old:
                self._take_in(database)
        if database is not None:
            with suppress(sqlite3.Error):
                database.close()

    def _gather(self) -> list[Record | _Job | None]:
        """What waits, at most ``PAUSE`` seconds of it; nothing if there is time for old traces."""
        batch: list[Record | _Job | None] = []
        end = monotonic() + PAUSE
        try:
            if self._old and not self._broken:
                batch.append(self._queue.get_nowait())
            else:
                batch.append(self._queue.get())
                end = monotonic() + PAUSE
            while not (batch[-1] is None or isinstance(batch[-1], TurnText | EndText | tuple)):
                batch.append(self._queue.get(timeout=max(0.0, end - monotonic())))
        except Empty:
            pass
        return batch

    def _keep(self, database: sqlite3.Connection, batch: Sequence[Record | _Job | None]) -> None:
        """Write a batch in one transaction, and what a job has to wait for after it."""
        try:
            with _transaction(database):
                for one in batch:
                    if one is not None and not isinstance(one, tuple):
                        self._recorder.feed(database, one)
                self._recorder.flush(database)
        except sqlite3.IntegrityError:  # another program has deleted the conversation
            self._recorder.forget(self._recorder.conversation or 0)
        except (sqlite3.Error, OSError) as error:
            self._break(error)
        for one in batch:
            if isinstance(one, tuple):
                self._carry_out(database, *one)
        if self._untidy:
            self._untidy = False
            with suppress(sqlite3.Error):
                database.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _carry_out(self, database: sqlite3.Connection, function: Callable[..., object], future: Future[object]) -> None:
        try:
            if self._broken:
                raise UserError(self._broken)
            with _in_words(self.file), _transaction(database):
                made = function(database)
            future.set_result(made)
        except Exception as error:
            future.set_exception(error)

    def _take_in(self, database: sqlite3.Connection) -> None:
        """One trace of an older version."""
        try:
            with _transaction(database):
                self._refused += not old_traces.take_in(database, self._old.popleft())
        except (sqlite3.Error, OSError) as error:
            self._break(error)
        if not self._old and self._refused:
            count = f"{self._refused} damaged trace{'s' if self._refused > 1 else ''} of older conversations"
            self._told(f"{count} cannot be listed; the files stay where they are")

    def _break(self, error: Exception) -> None:
        """Keep nothing any more, and say so once."""
        reason = str(error) if isinstance(error, UserError) else sanitise_line(reason_of(error))
        self._broken = f"conversations are not saved: {reason}"
        self._told(self._broken)

    def _refuse(self, batch: Sequence[Record | _Job | None]) -> None:
        for one in batch:
            if isinstance(one, tuple):
                one[1].set_exception(UserError(self._broken))

    def _submit(self, function: Callable[[sqlite3.Connection], object]) -> "Future[object]":
        future: Future[object] = Future()
        self._queue.put((function, future))
        return future

    def _measured_job(self, speedup: float) -> Callable[[sqlite3.Connection], None]:
        def job(database: sqlite3.Connection) -> None:
            if self._recorder.answers:
                changes.measured(database, self._recorder.answers[-1], speedup)

        return job

    def _delete(self, conversation: int, database: sqlite3.Connection) -> None:
        changes.delete(database, conversation, self._traces)
        self._recorder.forget(conversation)
        self._untidy = True


def _branch(database: sqlite3.Connection, answer: int, by: int) -> Archived | None:
    others = shelf.beside(database, answer)
    at = others.index(answer) + by if answer in others else -1
    if not 0 <= at < len(others):
        return None
    leaf = shelf.end_of_branch(database, others[at])
    (conversation,) = database.execute("SELECT conversation FROM answer WHERE id = ?", (leaf,)).fetchone()
    changes.choose(database, conversation, leaf)
    return shelf.archived(database, conversation, leaf)


@contextmanager
def _transaction(database: sqlite3.Connection) -> Iterator[None]:
    database.execute("BEGIN IMMEDIATE")
    try:
        yield
        database.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):
            database.execute("ROLLBACK")
        raise


@contextmanager
def _in_words(file: Path | None) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        where = sanitise_line(str(file)) if file else "the conversations"
        raise UserError(f"{where}: {sanitise_line(str(error))}") from error
