"""Runs a function in a process of its own, which can be ended whatever it does: loop, or fill the memory."""

import contextlib
import gc
import os
import select
import signal
from array import array
from collections.abc import Callable, Sequence
from time import monotonic
from typing import NoReturn

from ..system.errors import UserError

ROOM = 1 << 30
"""Bytes of memory that the function may take on top of what the program has."""
Made = Callable[[], Sequence[int]]


class TookTooLong(Exception):
    """The function did not end in time."""


class Ended(Exception):
    """The function's process ended without a result, most likely for want of memory."""


def apart(function: Made, seconds: float) -> list[int]:
    """What ``function`` returns, made in a copy of this process.

    Raises TookTooLong, Ended, or UserError with the first line of what the function raised. Where processes cannot be
    copied, as on Windows, the function is simply called.
    """
    if not hasattr(os, "fork"):
        return list(function())
    read, write = os.pipe()
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    try:
        child = os.fork()
        if child == 0:
            _child(function, write, seconds)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
        os.close(write)
    try:
        said = _read(read, monotonic() + seconds)
    finally:
        os.close(read)
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    kind, rest = said[:1], said[1:]
    if kind == b"i":
        return array("q", rest).tolist()
    if kind == b"e":
        raise UserError(rest.decode("utf-8", "replace"))
    raise Ended


def _read(read: int, deadline: float) -> bytes:
    parts: list[bytes] = []
    while True:
        if not select.select([read], [], [], max(0.0, deadline - monotonic()))[0]:
            raise TookTooLong
        part = os.read(read, 1 << 16)
        if not part:
            return b"".join(parts)
        parts.append(part)


def _child(function: Made, write: int, seconds: float) -> NoReturn:
    """Only this thread is left; signals stay blocked, and nothing of the parent's is kept open."""
    try:
        _let_go(write)
        _limit(seconds)
        gc.disable()
        said = b"i" + array("q", function()).tobytes()
    except MemoryError:
        said = b""
    except BaseException as error:
        line = str(error).strip().splitlines()
        said = b"e" + (line[0] if line else type(error).__name__).encode("utf-8", "replace")
    with contextlib.suppress(OSError):
        while said:
            said = said[os.write(write, said) :]
    os._exit(0)


def _let_go(write: int) -> None:
    """A pipe that the parent writes to must not stay open here when the parent ends."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in range(3):
        os.dup2(nowhere, number)
    for number in map(int, os.listdir("/dev/fd")):
        if number > 2 and number != write:
            with contextlib.suppress(OSError):
                os.close(number)


def _limit(seconds: float) -> None:
    """Memory, and time for the case that the parent is no longer there to end this process."""
    import resource

    whole = int(seconds) + 1
    resource.setrlimit(resource.RLIMIT_CPU, (whole, whole))
    with contextlib.suppress(OSError, ValueError), open("/proc/self/statm", encoding="ascii") as file:
        limit = int(file.read().split()[0]) * os.sysconf("SC_PAGE_SIZE") + ROOM
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
