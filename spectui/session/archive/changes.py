"""What a person changes in kept conversations; used by the one thread that writes."""

import sqlite3
from pathlib import Path

from ...system.sanitise import sanitise_line
from .database import has_words
from .recorder import MOST_TITLE


def rename(database: sqlite3.Connection, conversation: int, title: str) -> None:
    """Give a conversation a name; an empty one gives it back that of its first question."""
    clean = sanitise_line(title.strip())[:MOST_TITLE]
    database.execute("UPDATE conversation SET title = ? WHERE id = ?", (clean, conversation))


def delete(database: sqlite3.Connection, conversation: int, traces: Path | None) -> None:
    """Remove a conversation, and the trace in this folder that it was once taken from."""
    row = database.execute("SELECT source FROM conversation WHERE id = ?", (conversation,)).fetchone()
    if row is None:
        return
    if has_words(database):
        database.execute(
            "DELETE FROM words WHERE rowid IN (SELECT id FROM answer WHERE conversation = ?)", (conversation,)
        )
    database.execute("DELETE FROM conversation WHERE id = ?", (conversation,))
    name = Path(str(row[0])).name
    if name and traces is not None:
        (traces / name).unlink(missing_ok=True)


def choose(database: sqlite3.Connection, conversation: int, leaf: int) -> None:
    """Show the branch that ends with this answer from now on."""
    database.execute("UPDATE conversation SET leaf = ? WHERE id = ?", (leaf, conversation))


def measured(database: sqlite3.Connection, answer: int, speedup: float) -> None:
    """Note how much faster than plain decoding an answer's mode was."""
    database.execute("UPDATE answer SET speedup = ? WHERE id = ?", (speedup, answer))
