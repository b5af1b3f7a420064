"""Taking in what older versions kept: a trace file for each conversation."""

import sqlite3
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from ...record.trace import read_trace
from ...system.errors import UserError
from .recorder import Recorder


def waiting(database: sqlite3.Connection, folder: Path) -> list[Path]:
    """The traces that were not looked at yet, the oldest first."""
    with suppress(OSError):
        known = {str(row[0]) for row in database.execute("SELECT name FROM imported")}
        return sorted(file for file in folder.glob("*.jsonl") if file.name not in known and file.is_file())
    return []


def take_in(database: sqlite3.Connection, file: Path) -> bool:
    """Take in a trace, in the transaction of the caller, and never again; whether it could be read.

    One that is damaged is left where it is.
    """
    database.execute("INSERT OR IGNORE INTO imported VALUES (?)", (file.name,))
    database.execute("SAVEPOINT trace")
    recorder, begun = Recorder(source=file.name), _begun(file)
    try:
        for record in read_trace(file):
            recorder.feed(database, record, begun)
        recorder.flush(database, begun)
    except UserError:
        database.execute("ROLLBACK TO trace")
        return False
    finally:
        database.execute("RELEASE trace")
    return True


def _begun(file: Path) -> float:
    """When a conversation began, by the name of its file, else when the file was last written."""
    try:
        return datetime.strptime(file.stem, "%Y-%m-%d_%H%M%S_%f").timestamp()
    except (ValueError, OverflowError):
        with suppress(OSError):
            return file.stat().st_mtime
        return 0.0
