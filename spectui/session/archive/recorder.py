"""From records to rows: where in its conversation an answer stands, and what it holds so far."""

import json
import sqlite3
import zlib
from array import array
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from time import time

from ...engine.values.events import End
from ...record.events import (
    ChangedText,
    Cleared,
    EndText,
    Instructed,
    PrefillText,
    Ready,
    Record,
    Resumed,
    StepText,
    SwitchText,
    TurnText,
)
from ...record.metrics import Meter
from ...record.trace import line_of, to_json
from .database import has_words

MOST_TITLE = 200
"""Characters of a title, and of the first question in a list."""
UNKNOWN = Ready("unknown", None, "", "", 0.0, 0, ())


@dataclass(slots=True)
class _Running:
    """The answer that grows."""

    id: int
    parent: int | None
    """The answer before it."""
    question: str
    meter: Meter = field(default_factory=Meter)
    text: str = ""
    waiting: list[Record] = field(default_factory=list)
    """What is not in the file yet."""
    parts: int = 0
    """How much of its trace is."""


class Recorder:
    """Keeps the conversation of one lane; used by the one thread that writes, inside its transactions."""

    def __init__(self, lane: str = "chat", system: str = "", source: str = "") -> None:
        """``source`` is the trace that everything comes from, if it was taken in."""
        self.conversation: int | None = None
        """The id of what is being recorded; None before the first question."""
        self.answers: list[int] = []
        """The ids of the answers that the next question follows."""
        self._lane, self._system, self._source = lane, system, source
        self._header = UNKNOWN
        self._prompt: tuple[int, ...] = ()
        self._running: _Running | None = None

    def feed(self, database: sqlite3.Connection, record: Record, now: float | None = None) -> None:
        """Take in a record; what it adds to a running answer waits for ``flush``, questions and ends do not."""
        if isinstance(record, Ready):
            self._header = record
        elif isinstance(record, Cleared):
            self._leave(database, None, ())
        elif isinstance(record, Resumed):
            self._leave(database, record.conversation, record.answers)
        elif isinstance(record, Instructed):
            self._system = record.system
            database.execute("UPDATE conversation SET system = ? WHERE id = ?", (record.system, self.conversation))
        elif getattr(record, "lane", None) != self._lane:
            return
        elif isinstance(record, TurnText):
            self._begin(database, record, time() if now is None else now)
        elif self._running is not None and isinstance(
            record, PrefillText | StepText | SwitchText | ChangedText | EndText
        ):
            self._add(self._running, record)
            if isinstance(record, EndText):
                self._end(database, self._running, record.end, now)

    def flush(self, database: sqlite3.Connection, now: float | None = None) -> None:
        """Bring what has gathered of the running answer into the file."""
        one = self._running
        if one is None or not one.waiting:
            return
        lines = [line_of(line) for line in map(to_json, one.waiting) if line]
        one.waiting.clear()
        packed = zlib.compress("\n".join(lines).encode("utf-8", "replace"))
        database.execute("INSERT INTO trace VALUES (?, ?, ?)", (one.id, one.parts, packed))
        one.parts += 1
        tokens = array("I", one.meter.tokens).tobytes()
        database.execute(
            "UPDATE answer SET text = ?, tokens = ?, emitted = ? WHERE id = ?",
            (one.text, tokens, one.meter.numbers.emitted if one.meter.tokens else 0, one.id),
        )
        if one.meter.tokens:
            self._show(database, one.id, now)

    def forget(self, conversation: int) -> None:
        """A conversation was deleted; if it is this one, the rest of it is not recorded."""
        if conversation == self.conversation:
            self.conversation, self.answers, self._running = None, [], None

    # -- parts

    def _begin(self, database: sqlite3.Connection, record: TurnText, now: float) -> None:
        self._leave(database, self.conversation, self.answers)
        turn = record.turn
        if self.conversation is None:
            self._new_conversation(database, record.question, now)
        depth = turn.before
        if depth is None:  # a trace of an older version: the same prompt once more is another answer to it
            depth = len(self.answers) - (bool(self.answers) and turn.prompt == self._prompt)
        self._prompt = turn.prompt
        del self.answers[depth:]
        parent = self.answers[-1] if self.answers else None
        answer = database.execute(
            "INSERT INTO answer (conversation, turn, begun, mode, seed, model) VALUES (?, ?, ?, ?, ?, ?)",
            (self.conversation, self._turn(database, parent, record.question), now, turn.mode,
             turn.options.sampling.seed, self._header.model),
        ).lastrowid  # fmt: skip
        assert answer is not None
        self._running = _Running(answer, parent, record.question, waiting=[self._header])
        self._add(self._running, record)
        self.flush(database, now)

    def _new_conversation(self, database: sqlite3.Connection, question: str, now: float) -> None:
        first = question.strip().split("\n")[0][:MOST_TITLE]
        header = self._header
        self.answers = []
        self.conversation = database.execute(
            "INSERT INTO conversation (question, begun, changed, model, draft, system, source)"
            " VALUES (?, ?, ?, ?, ?, ?, ?)",
            (first, now, now, header.model, header.draft, self._system, self._source),
        ).lastrowid

    def _turn(self, database: sqlite3.Connection, parent: int | None, question: str) -> int:
        """The turn of this question at this place, a new one if it was not asked there before."""
        key = (self.conversation, parent, question)
        found = database.execute(
            "SELECT id FROM turn WHERE conversation = ? AND parent IS ? AND question = ?", key
        ).fetchone()
        if found is not None:
            return int(found[0])
        made = database.execute("INSERT INTO turn (conversation, parent, question) VALUES (?, ?, ?)", key).lastrowid
        assert made is not None
        return made

    def _add(self, one: _Running, record: Record) -> None:
        one.waiting.append(record)
        one.meter.feed(record)
        match record:
            case PrefillText(text=text):
                one.text += text
            case StepText(emitted=texts):
                one.text += "".join(texts)
            case EndText(tail=tail):
                one.text += tail

    def _end(self, database: sqlite3.Connection, one: _Running, end: End, now: float | None) -> None:
        self.flush(database, now)
        self._running = None
        database.execute(
            "UPDATE answer SET reason = ?, numbers = ? WHERE id = ?",
            (end.reason, json.dumps(asdict(one.meter.numbers)), one.id),
        )
        index_words(database, one.id, one.question, one.text)
        if end.reason == "error":
            self._show(database, self._instead(database, one), now)
        else:
            self.answers.append(one.id)

    def _instead(self, database: sqlite3.Connection, failed: _Running) -> int | None:
        """What is shown where an answer failed: the latest other one to the same question, else what stands before."""
        others = (
            "SELECT max(other.id) FROM answer AS one JOIN answer AS other ON other.turn = one.turn"
            " WHERE one.id = ? AND other.emitted > 0 AND coalesce(other.reason, '') != 'error'"
        )
        (other,) = database.execute(others, (failed.id,)).fetchone()
        return failed.parent if other is None else int(other)

    def _leave(self, database: sqlite3.Connection, conversation: int | None, answers: Sequence[int]) -> None:
        """Another place; an answer that has not ended stays as it is."""
        self.flush(database)
        self._running = None
        self.conversation, self.answers = conversation, list(answers)

    def _show(self, database: sqlite3.Connection, leaf: int | None, now: float | None) -> None:
        """What is shown of the conversation ends with this answer from now on."""
        database.execute(
            "UPDATE conversation SET leaf = ?, changed = ? WHERE id = ?",
            (leaf, time() if now is None else now, self.conversation),
        )


def index_words(database: sqlite3.Connection, answer: int, question: str, text: str) -> None:
    """Let an answer be found by its words and those of its question."""
    if has_words(database):
        database.execute("DELETE FROM words WHERE rowid = ?", (answer,))
        database.execute("INSERT INTO words (rowid, question, answer) VALUES (?, ?, ?)", (answer, question, text))
