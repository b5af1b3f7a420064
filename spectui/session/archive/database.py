"""The file of kept conversations: its tables, and opening it whatever it holds."""

import sqlite3
from contextlib import closing, suppress
from itertools import count
from pathlib import Path
from time import monotonic, sleep

from ...system.errors import UserError, reason_of
from ...system.files import open_private, private_folder
from ...system.sanitise import sanitise_line

APPLICATION = 0x73706374
"""``application_id`` of such a file, in the header of every SQLite database."""
VERSION = 1
"""``user_version``: of the tables below."""
PATIENCE = 5.0
"""Seconds to wait for another program that is writing."""
_MAGIC = b"SQLite format 3\0"
_TABLES = """
CREATE TABLE conversation (
    id INTEGER PRIMARY KEY AUTOINCREMENT, title TEXT NOT NULL DEFAULT '', question TEXT NOT NULL,
    begun REAL NOT NULL, changed REAL NOT NULL, model TEXT NOT NULL, draft TEXT, system TEXT NOT NULL,
    leaf INTEGER, source TEXT NOT NULL DEFAULT ''
);
CREATE INDEX conversation_changed ON conversation (changed);
CREATE TABLE turn (
    id INTEGER PRIMARY KEY, conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    parent INTEGER, question TEXT NOT NULL
);
CREATE INDEX turn_place ON turn (conversation, parent);
CREATE TABLE answer (
    id INTEGER PRIMARY KEY AUTOINCREMENT, conversation INTEGER NOT NULL REFERENCES conversation ON DELETE CASCADE,
    turn INTEGER NOT NULL REFERENCES turn ON DELETE CASCADE, begun REAL NOT NULL, mode TEXT NOT NULL,
    seed INTEGER NOT NULL, model TEXT NOT NULL, text TEXT NOT NULL DEFAULT '', tokens BLOB NOT NULL DEFAULT x'',
    emitted INTEGER NOT NULL DEFAULT 0, reason TEXT, numbers TEXT, speedup REAL
);
CREATE INDEX answer_conversation ON answer (conversation);
CREATE INDEX answer_turn ON answer (turn);
CREATE TABLE trace (
    answer INTEGER NOT NULL REFERENCES answer ON DELETE CASCADE, part INTEGER NOT NULL, lines BLOB NOT NULL,
    PRIMARY KEY (answer, part)
) WITHOUT ROWID;
CREATE TABLE imported (name TEXT PRIMARY KEY) WITHOUT ROWID;
"""
# turn.parent: the answer that the question follows, NULL for the first one. Turns with one parent, and answers of one
# turn, stand beside each other: they are branches. conversation.leaf: the last answer of the branch that is shown.
# trace.lines: lines of a trace, compressed. imported: traces of older versions that were taken in.
_WORDS = (
    "CREATE VIRTUAL TABLE IF NOT EXISTS words USING fts5"
    "(question, answer, tokenize='unicode61 remove_diacritics 2', prefix='1 2 3')"
)


def open_database(file: Path | None) -> tuple[sqlite3.Connection, str]:
    """The database to write to, made if there is none, and what a person should know of it; None keeps it in memory.

    One that is damaged or is something else is kept aside and a new one begun. Raises UserError if there can be none.
    """
    if file is None:
        return _prepare(sqlite3.connect(":memory:", isolation_level=None)), ""
    try:
        private_folder(file.parent)
        trouble = _trouble(file)
        aside = _set_aside(file) if trouble else None
        open_private(file, "ab").close()
        database = _prepare(_connect(file))
    except (OSError, sqlite3.Error) as error:
        raise UserError(f"{_named(file)}: {sanitise_line(reason_of(error))}") from error
    return database, f"{_named(file)} {trouble}; it is kept as {aside.name}" if aside else ""


def open_reader(file: Path) -> sqlite3.Connection:
    """A connection that only reads; raises UserError if there is nothing that can be read."""
    try:
        if not file.exists():
            raise UserError("no conversation is kept yet; ask something first")
        database = _connect(file)
        database.execute("PRAGMA query_only = 1")
        if _number(database, "user_version") != VERSION:
            raise UserError(f"{_named(file)} is not of this version of spectui")
        return database
    except sqlite3.Error as error:
        raise UserError(f"{_named(file)} cannot be read: {sanitise_line(str(error))}") from error


def has_words(database: sqlite3.Connection) -> bool:
    """Whether there is an index of words: SQLite may be built without it."""
    try:
        database.execute("SELECT rowid FROM words LIMIT 1")
    except sqlite3.OperationalError:
        return False
    return True


def _connect(file: Path) -> sqlite3.Connection:
    return sqlite3.connect(file, timeout=PATIENCE, isolation_level=None, check_same_thread=False)


def _prepare(database: sqlite3.Connection) -> sqlite3.Connection:
    _use_wal(database)
    for pragma in ("synchronous = NORMAL", "foreign_keys = ON", "secure_delete = ON"):
        database.execute(f"PRAGMA {pragma}")
    database.execute("BEGIN IMMEDIATE")
    try:
        if not _number(database, "user_version"):
            for statement in _TABLES.split(";\n"):
                database.execute(statement)
            database.execute(f"PRAGMA application_id = {APPLICATION}")
            database.execute(f"PRAGMA user_version = {VERSION}")
        with suppress(sqlite3.OperationalError):  # without the module, searching reads every text
            database.execute(_WORDS)
            database.execute("INSERT INTO words (words, rank) VALUES ('secure-delete', 1)")
        database.execute("COMMIT")
    except BaseException:
        database.execute("ROLLBACK")
        raise
    return database


def _use_wal(database: sqlite3.Connection) -> None:
    """Others may read while one writes; SQLite does not wait by itself for a program that does the same now."""
    end = monotonic() + PATIENCE
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or monotonic() > end:
                raise
            sleep(0.02)


def _trouble(file: Path) -> str:
    """Why a file cannot be used; empty if it can, or if there is none. Raises UserError for one of a newer version."""
    if not file.exists() or not file.stat().st_size:
        return ""
    with file.open("rb") as opened:
        header = opened.read(100)
    if len(header) < 100 or not header.startswith(_MAGIC):
        return "is not a database"
    try:
        with closing(_connect(file)) as database:
            database.execute("BEGIN")  # all is read of one moment: another program may be making the tables
            return _trouble_inside(database, file)
    except sqlite3.OperationalError as error:
        if "locked" in str(error) or "unable to open" in str(error) or "readonly" in str(error):
            raise
        return "is damaged"
    except sqlite3.DatabaseError:
        return "is damaged"


def _trouble_inside(database: sqlite3.Connection, file: Path) -> str:
    """Why a database cannot be used; empty if it can, or if nothing is in it yet."""
    application, version = _number(database, "application_id"), _number(database, "user_version")
    if application == APPLICATION and version > VERSION:
        raise UserError(f"{_named(file)} is of a newer version of spectui; update spectui")
    if (application, version) == (0, 0) and not _number(database, "schema_version"):
        return ""
    if application != APPLICATION:
        return "is a database of another program"
    for table in ("conversation", "turn", "answer", "trace", "imported"):
        database.execute(f"SELECT * FROM {table} ORDER BY 1 DESC LIMIT 1").fetchall()
    return ""


def _number(database: sqlite3.Connection, name: str) -> int:
    return int(database.execute(f"PRAGMA {name}").fetchone()[0])


def _set_aside(file: Path) -> Path:
    """Give a file that cannot be used, and what SQLite keeps beside it, a name that is not taken."""
    first = file.with_name(file.name + ".damaged")
    names = (first if number == 1 else first.with_name(f"{first.name}.{number}") for number in count(1))
    aside = next(name for name in names if not name.exists())
    for end in ("-wal", "-shm"):
        with suppress(FileNotFoundError):
            file.with_name(file.name + end).replace(aside.with_name(aside.name + end))
    file.replace(aside)
    return aside


def _named(file: Path) -> str:
    return sanitise_line(str(file))
