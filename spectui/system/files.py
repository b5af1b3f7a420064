"""Files and folders that only their owner may read, whatever the umask says: they hold what people said."""

import os
import stat
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from .errors import UserError, reason_of
from .sanitise import sanitise_line

FILE = 0o600
FOLDER = 0o700
_OTHERS = 0o077


def file_stem(title: str) -> str:
    """What a file may be called after a title: letters, digits and ``-_.``, 60 at most."""
    return "".join(letter for letter in title if letter.isalnum() or letter in "-_.")[:60]


def private_folder(folder: Path) -> None:
    """Make a folder, and those above it that are missing, for the owner alone; close one that is there to others."""
    for path in reversed((folder, *folder.parents)):
        if not path.exists():
            path.mkdir(FOLDER, exist_ok=True)
    close_to_others(folder)


def open_private(path: Path, mode: str, **how: Any) -> IO[Any]:
    """Open a file like ``open``; it is made for the owner alone, and one that is there is closed to others."""
    return open(path, mode, opener=_opener, **how)


def close_to_others(path: Path) -> None:
    """Take a file or folder from everybody but its owner; nothing happens if it is somebody else's."""
    with suppress(OSError):
        _tighten(os.stat(path), lambda mode: os.chmod(path, mode))


def write_whole(path: Path, *parts: bytes | memoryview, private: bool = True) -> int:
    """Write a file so that, whatever happens, ``path`` holds all of the old or all of the new; its size in bytes.

    One that is not ``private`` gets the modes that the umask gives. Raises OSError.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with open_private(temporary, "wb") if private else temporary.open("wb") as file:
            size = sum(file.write(part) for part in parts)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    return size


def write_text(path: Path, text: str, private: bool = False) -> None:
    """Write a file, all of it or nothing; raises UserError if it cannot be written.

    A private one is closed to others, and so is its folder.
    """
    try:
        if private:
            private_folder(path.parent)
        else:
            path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, text.encode(), private=private)
    except OSError as error:
        raise UserError(f"cannot write {path}: {sanitise_line(reason_of(error))}; choose another file") from error


def _opener(path: str, flags: int) -> int:
    descriptor = os.open(path, flags, FILE)
    if hasattr(os, "fchmod"):
        with suppress(OSError):
            _tighten(os.fstat(descriptor), lambda mode: os.fchmod(descriptor, mode))
    return descriptor


def _tighten(found: os.stat_result, change: Callable[[int], None]) -> None:
    """Devices and pipes stay as they are."""
    if found.st_mode & _OTHERS and (stat.S_ISREG(found.st_mode) or stat.S_ISDIR(found.st_mode)):
        change(stat.S_IMODE(found.st_mode) & ~_OTHERS)
