"""The program, as a process of its own where the process is the point, else in this one, which is much quicker."""

import io
import os
import subprocess
import sys
from functools import partial

import pytest

from spectui.cli.main import main
from spectui.session import session

from .demo import shared


def as_process(*words, stdin=None, **environment):
    """The program as a shell runs it."""
    return subprocess.run(
        [sys.executable, "-m", "spectui", *words],
        input=stdin,
        capture_output=True,
        env={**os.environ, **environment},
        timeout=120,
    )


def spectui(*words, stdin=b"", **environment):
    """The same code behind the same words, in this process: signals and streams are not the program's own.

    What a session talks with was loaded before; other commands load what they need.
    """
    streams = {name: io.TextIOWrapper(io.BytesIO(), "utf-8", write_through=True) for name in ("stdout", "stderr")}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        for name, stream in streams.items():
            patch.setattr(sys, name, stream)
        patch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(stdin), "utf-8"))
        patch.setattr(sys, "argv", ["spectui", *words])
        patch.setattr(session, "Session", partial(session.Session, loader=shared))
        with pytest.raises(SystemExit) as left:
            main()
    out, told = (stream.buffer.getvalue() for stream in streams.values())
    return subprocess.CompletedProcess(words, left.value.code, out, told)


def one_line(done):
    """What a failure says, which is one line."""
    lines = done.stderr.decode().strip().splitlines()
    assert len(lines) == 1, lines
    assert lines[0].startswith("spectui: ")
    assert "Traceback" not in lines[0]
    return lines[0]
