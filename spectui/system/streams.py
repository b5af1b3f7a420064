"""The standard streams: what is the program's own reaches the terminal, what libraries say goes to the log file.

Warnings, loggers with handlers of their own, progress bars and native code all end at ``sys.stderr`` or at descriptor
2; both lead to the log. The program itself speaks through ``messages()``.
"""

import errno
import io
import logging
import os
import sys
from pathlib import Path
from typing import Any, TextIO

from .errors import UserError, reason_of
from .files import open_private, private_folder

MOST_LOG = 1 << 22
"""Bytes of a log file at which another one is begun."""


class ClosedPipe(Exception):
    """Whoever read standard output has stopped reading."""


class _Output(io.FileIO):
    """Standard output whose failures carry their reason, wherever the writing was done."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except BrokenPipeError as error:
            raise ClosedPipe from error
        except OSError as error:
            raise UserError(f"cannot write to standard output: {reason(error)}; send it elsewhere") from error


class _Messages(io.FileIO):
    """Where messages go; nobody can be told that they cannot be written."""

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError:
            return len(data)


def has_screen() -> bool:
    """Whether there is something to draw on: a terminal, or a browser for which Textual was told to draw elsewhere."""
    return "TEXTUAL_DRIVER" in os.environ or (sys.stdin.isatty() and sys.stdout.isatty())


def reason(error: OSError) -> str:
    """Why a stream cannot be used."""
    return "it is closed" if error.errno == errno.EBADF else reason_of(error)


_messages: TextIO | None = None


def messages() -> TextIO:
    """The user's standard error, for what the program itself has to say."""
    return _messages or sys.stderr


def settle(log: Path) -> None:
    """Arrange the streams of the process, once and before anything heavy is imported."""
    global _messages
    _messages = _text(_Messages(os.dup(2), "w"))
    with open(_log_descriptor(log), "wb") as file:
        os.dup2(file.fileno(), 2)
    sys.__stderr__ = _messages  # type: ignore[misc, assignment]  # Textual draws there
    sys.stderr = io.TextIOWrapper(io.FileIO(2, "w", closefd=False), "utf-8", "backslashreplace", write_through=True)
    sys.stdout = sys.__stdout__ = _text(_Output(1, "w", closefd=False))  # type: ignore[misc, assignment]
    if sys.stdin is None:
        sys.stdin = sys.__stdin__ = io.TextIOWrapper(io.BufferedReader(io.FileIO(0, closefd=False)), "utf-8")  # type: ignore[misc]
    form = "%(asctime)s %(levelname)s %(name)s: %(message)s"
    logging.basicConfig(level=logging.WARNING, stream=sys.stderr, format=form)
    logging.captureWarnings(True)


def _text(raw: io.FileIO) -> TextIO:
    encoding = getattr(sys.__stdout__, "encoding", None) or "utf-8"
    return io.TextIOWrapper(io.BufferedWriter(raw), encoding, errors="replace", line_buffering=raw.isatty())


def _log_descriptor(log: Path) -> int:
    """The log file, for its owner's eyes alone; nothing if it cannot be written."""
    try:
        private_folder(log.parent)
        if log.exists() and log.stat().st_size > MOST_LOG:
            log.replace(log.with_name(log.name + ".1"))
        with open_private(log, "ab", buffering=0) as file:
            return os.dup(file.fileno())
    except OSError:
        return os.open(os.devnull, os.O_WRONLY)
