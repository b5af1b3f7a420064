"""The program in a real pseudo-terminal: bytes go in, and what a person would see comes out."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Mapping
from pathlib import Path
from threading import Lock, Thread
from time import monotonic, sleep

import pyte

PATIENCE = 120.0
"""Seconds to wait for anything; a busy machine is slow, a failing test may be."""
ROOT = Path(__file__).parents[2]


class Terminal:
    """Starts ``python -m spectui`` with some arguments; keeps every byte it writes, and the screen they make."""

    def __init__(
        self,
        *arguments: str,
        home: Path,
        size: tuple[int, int] = (120, 36),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._lock = Lock()
        self._raw = bytearray()
        self._screen = pyte.Screen(*size)
        self._stream = pyte.ByteStream(self._screen)
        self._master, child_side = pty.openpty()
        fcntl.ioctl(child_side, termios.TIOCSWINSZ, struct.pack("HHHH", size[1], size[0], 0, 0))
        plain = {"SPECTUI_HOME": str(home), "TERM": "xterm-256color", "PYTHONPATH": str(ROOT)}
        inherited = {name: value for name, value in os.environ.items() if name not in ("COLUMNS", "LINES")}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "spectui", *arguments],
            stdin=child_side,
            stdout=child_side,
            stderr=child_side,
            env={"SPECTUI_MODEL__MODEL": "demo", **inherited, **plain, **(environment or {})},
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # so that ctrl+c can become a signal
        )
        os.close(child_side)
        self._reader = Thread(target=self._read, daemon=True)
        self._reader.start()

    def __enter__(self) -> "Terminal":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self) -> None:
        while True:
            try:
                data = os.read(self._master, 65536)
            except OSError:  # the other side is closed
                return
            if not data:
                return
            with self._lock:
                self._raw += data
                self._stream.feed(data)

    @property
    def raw(self) -> bytes:
        """Every byte that was written so far."""
        with self._lock:
            return bytes(self._raw)

    @property
    def screen(self) -> list[str]:
        """The rows of the screen, without trailing spaces."""
        with self._lock:
            rows, columns = range(self._screen.lines), range(self._screen.columns)
            # pyte's own ``display`` fails where half of a wide character was overwritten
            return ["".join(self._screen.buffer[row][column].data for column in columns).rstrip() for row in rows]

    def type(self, data: bytes, timeout: float = PATIENCE) -> None:
        """Send bytes as a terminal would; returns when the program's side has taken them all."""
        end = monotonic() + timeout
        view = memoryview(data)
        while view:
            ready = select.select([], [self._master], [], 1.0)[1]
            if ready:
                view = view[os.write(self._master, view[:1024]) :]
            assert monotonic() < end, f"{len(view)} bytes were not read\n{self}"

    def until(self, what: str | Callable[["Terminal"], bool], timeout: float = PATIENCE) -> "Terminal":
        """Wait for a text on the screen, or for something that holds of this terminal."""
        assert self.comes(what, timeout), f"it never came: {what}\n{self}"
        return self

    def comes(self, what: str | Callable[["Terminal"], bool], timeout: float) -> bool:
        """Whether it comes in time."""
        end = monotonic() + timeout
        while not (any(what in row for row in self.screen) if isinstance(what, str) else what(self)):
            if monotonic() > end:
                return False
            sleep(0.02)
        return True

    def wait(self, seconds: float) -> "Terminal":
        """Let the program go on for a moment."""
        sleep(seconds)
        return self

    def close(self, timeout: float = 20.0) -> int:
        """Leave with ctrl+q, or by force if that does not help; the exit code."""
        if self.process.poll() is None:
            try:
                self.type(b"\x11", 5.0)
                self.process.wait(timeout)
            except (AssertionError, OSError, subprocess.TimeoutExpired):
                self.process.kill()
        code = self.process.wait()
        self._reader.join(5.0)
        if self._master >= 0 and not self._reader.is_alive():
            os.close(self._master)
            self._master = -1
        return code

    def __str__(self) -> str:
        return "\n".join(self.screen)
