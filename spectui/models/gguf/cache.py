"""The folders that GGUF files were made into: each written once, whole or not at all."""

import json
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ...config.paths import gguf_folders
from ...system.errors import UserError, reason_of
from ...system.files import file_stem
from ...system.memory import gigabytes
from ...system.progress import Progress
from ...system.sanitise import sanitise_line
from .header import read_header

VERSION = 1
"""Of what a conversion writes; a higher one converts anew."""
HEAD = 1 << 20
"""Bytes of a file that are part of its identity, beside its size and time."""
SPARE = 1 << 28
"""Bytes that are left free on the disk."""
ORIGIN = "origin.json"
LOOK = 0.2
"""Seconds between two looks whether another program is done."""
Check = Callable[[Mapping[str, Any], int], None]


def converted(path: Path, title: str, progress: Progress, check: Check = lambda *_: None) -> Path:
    """The folder of a GGUF file; made now if that was not done before.

    ``check`` may refuse its configuration and its size in numbers, and ``progress`` may raise to give up.
    Raises UserError with the remedy for whatever is wrong.
    """
    folder = folder_of(path)
    if (folder / ORIGIN).is_file():
        return folder
    try:
        folder.parent.mkdir(0o700, parents=True, exist_ok=True)
        with alone(folder, title, progress):
            if not (folder / ORIGIN).is_file():
                _convert(path, folder, title, progress, check)
    except OSError as error:
        raise UserError(
            f"{title} could not be written to {folder.parent}: {reason_of(error)}; make room there, or set "
            "SPECTUI_HOME to a folder on another disk"
        ) from error
    return folder


def found_folder(path: Path) -> Path | None:
    """The folder of a GGUF file if it was made before."""
    folder = folder_of(path)
    return folder if (folder / ORIGIN).is_file() else None


def folder_of(path: Path) -> Path:
    """Where a file's folder is, or will be: named by what the file is, when it was written, and how it is read."""
    try:
        told = path.stat()
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise UserError(f"{sanitise_line(str(path))} cannot be read: {reason_of(error)}") from error
    digest = blake2b(f"{VERSION} {told.st_size} {told.st_mtime_ns} ".encode() + head, digest_size=8).hexdigest()
    stem = file_stem(path.stem)
    return gguf_folders() / f"{stem}-{digest}"


@contextmanager
def alone(folder: Path, title: str, progress: Progress) -> Iterator[None]:
    """Only one program makes a folder; others wait for it."""
    from filelock import FileLock, Timeout

    lock = FileLock(folder.with_name(f"{folder.name}.lock"))
    while True:
        with suppress(Timeout):
            lock.acquire(timeout=0)
            break
        progress(f"another program converts {title}", None)
        time.sleep(LOOK)
    try:
        yield
    finally:
        lock.release()


def _convert(path: Path, folder: Path, title: str, progress: Progress, check: Check) -> None:
    from .convert import folder_size, write_folder
    from .families import Model

    progress(f"reading {title}", None)
    model = Model(read_header(path))
    check(model.config, sum(source.tensor.elements for source in model.sources))
    size = folder_size(model)
    check_disk(title, folder.parent, size)
    temporary = folder.with_name(f"{folder.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)  # of a program that was ended
    done = 0

    def written(more: int) -> None:
        nonlocal done
        done += more
        progress(f"converting {title}, once", min(1.0, done / size))

    try:
        temporary.mkdir(0o700)
        write_folder(model, temporary, written)
        origin: dict[str, Any] = {"path": str(path.absolute()), "version": VERSION}
        (temporary / ORIGIN).write_text(json.dumps(origin), "utf-8")
        temporary.replace(folder)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    _forget_older(folder, origin["path"])


def check_disk(title: str, folder: Path, size: int) -> None:
    """Raise UserError if so many bytes do not fit onto the disk of a folder."""
    free = shutil.disk_usage(folder).free
    if free < size + SPARE:
        raise UserError(
            f"{title} needs {gigabytes(size)} in {folder} once it is converted, and {gigabytes(free)} are free; make "
            "room there, or set SPECTUI_HOME to a folder on another disk"
        )


def _forget_older(folder: Path, path: str) -> None:
    """Remove what an older version of the same file was made into."""
    for origin in folder.parent.glob(f"*/{ORIGIN}"):
        with suppress(OSError, ValueError):
            if origin.parent != folder and json.loads(origin.read_bytes()).get("path") == path:
                shutil.rmtree(origin.parent, ignore_errors=True)
