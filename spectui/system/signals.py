"""What SIGINT, SIGTERM and SIGHUP do: whatever the program is busy with, it ends with 128 + signal within a second.

Python handles a signal in the main thread and between two of its own instructions, which can be seconds away, and the
interpreter must not be torn down while another thread is inside native code (it aborts). So a thread of its own learns
of each signal at once, and the program always ends through ``os._exit``.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Callable, Iterator
from threading import Thread
from time import monotonic, sleep
from types import FrameType
from typing import Any

GRACE = 0.7
"""Seconds that an orderly end may take, from the signal on."""
FLUSH = 0.2
"""Seconds that the last words may take: whoever should read them may have stopped reading."""
SIGNALS = tuple(getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name))
SHOW_CURSOR = "\x1b[?25h"
Act = Callable[[], None]


class Interrupted(KeyboardInterrupt):
    """Raised in the main thread by ``interrupt`` to leave what it is doing."""


class _State:
    """There is one for the process, as there is one set of signal handlers."""

    signal: int | None = None
    act: Act | None = None
    deadline = 0.0
    terminal: tuple[int, list[Any]] | None = None
    """The descriptor of a terminal and the attributes that it had at the start."""
    leave_screen = ""
    """What brings the terminal back from a full screen while one is open."""


_state = _State()


def install() -> None:
    """Take the signals over, but for those that whoever started the program wants ignored, as ``nohup`` does."""
    _remember_terminal()
    read, write = os.pipe()
    os.set_blocking(write, False)
    signal.set_wakeup_fd(write, warn_on_full_buffer=False)
    Thread(target=_watch, args=(read,), name="signals", daemon=True).start()
    for number in SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _in_main_thread)


def exit_code() -> int | None:
    """128 + the signal that came, if one did."""
    return None if _state.signal is None else 128 + _state.signal


@contextlib.contextmanager
def on_interrupt(act: Act) -> Iterator[None]:
    """Within it the first signal calls ``act`` in the main thread, which leads to an orderly end.

    Without it, from the second signal on, and if the orderly end takes too long, the program ends at once.
    """
    before, _state.act = _state.act, act
    try:
        yield
    finally:
        _state.act = before if _state.signal is None else None


def interrupt() -> None:
    """An ``act`` for work that keeps what is done when an exception leaves it."""
    raise Interrupted


def allow(seconds: float) -> None:
    """Let an orderly end that is under way take so long from now on; a second signal still ends it at once."""
    _state.deadline = monotonic() + seconds


@contextlib.contextmanager
def full_screen(leave: str) -> Iterator[None]:
    """While the terminal shows a full screen: write ``leave`` to it when the program ends at once."""
    _state.leave_screen = leave
    try:
        yield
    finally:
        _state.leave_screen = ""


def end(code: int, abruptly: bool = True) -> None:
    """End the process now, with daemon threads in whatever they are doing; what was written is flushed.

    After an abrupt end the terminal is as it was at the start.
    """
    with contextlib.suppress(RuntimeError):  # no thread can be started any more
        last_words = Thread(target=_last_words, args=(abruptly,), daemon=True)
        last_words.start()
        last_words.join(FLUSH)
    os._exit(code)


def _in_main_thread(number: int, frame: FrameType | None) -> None:
    act, _state.act = _state.act, None
    if act is None:
        end(exit_code() or 128 + number)
    else:
        _state.signal = number
        act()


def _watch(read: int) -> None:
    """Learn of each signal when it comes, from the pipe that the C part of Python's handler writes to."""
    came = 0
    while True:
        for number in os.read(read, 64):
            if number not in SIGNALS:
                continue
            came += 1
            if came > 1 or (_state.act is None and _state.signal is None):
                end(exit_code() or 128 + number)
            _state.deadline = max(_state.deadline, monotonic() + GRACE)
            Thread(target=_end_in_time, args=(128 + number,), daemon=True).start()


def _end_in_time(code: int) -> None:
    while (rest := _state.deadline - monotonic()) > 0:
        sleep(rest)
    end(code)


def _last_words(abruptly: bool) -> None:
    with contextlib.suppress(Exception):
        if abruptly:
            _restore_terminal()
    for stream in (sys.stdout, sys.__stderr__):
        with contextlib.suppress(Exception):
            stream.flush()  # type: ignore[union-attr]


def _remember_terminal() -> None:
    with contextlib.suppress(Exception):
        import termios

        _state.terminal = (0, termios.tcgetattr(0))


def _restore_terminal() -> None:
    out = sys.__stderr__
    if out is not None and out.isatty():
        os.write(out.fileno(), (_state.leave_screen + SHOW_CURSOR).encode())
    if _state.terminal is not None:
        import termios

        # From the background this would stop the process.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTTOU})
        termios.tcsetattr(_state.terminal[0], termios.TCSANOW, _state.terminal[1])
