"""Signals that a person or a shell sends to the program, at every moment of its life."""

import json
import os
import pty
import select
import signal
import subprocess
import sys
import termios
import time
from contextlib import closing
from pathlib import Path

import pytest

from spectui.record.events import PrefillText, StepText
from spectui.record.trace import read_trace
from spectui.session.archive.database import open_reader
from spectui.session.archive.shelf import archived, newest
from spectui.session.archive.shelf import records as records_of

ROOM = 5.0
"""Seconds to the end of a process that should take one: the machine may be busy."""
ENDLESS = ("--model", "random:demo", "--draft", "none", "--mode", "ar", "--max-new-tokens", "1900")
COMMANDS = {
    "run": ("run", "Tell me a story.", *ENDLESS),
    "bench": ("bench", "--modes", "ar", "--model", "random:demo"),
    "compare": ("compare", "Tell me a story.", "--headless", "--modes", "pld", "--rounds", "90", *ENDLESS[:4]),
    "calibrate": ("calibrate",),
    "doctor": ("doctor",),
    "models": ("models",),
    "info": ("datastore", "info"),
}


def start(*words, **more):
    """The program, as soon as it has taken the signals over."""
    given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE} | more
    process = subprocess.Popen([sys.executable, "-m", "spectui", *words], **given)
    wait_until(lambda: process.poll() is not None or catches(process.pid, signal.SIGTERM))
    return process


def wait_until(true, seconds=60.0):
    limit = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < limit
        time.sleep(0.005)


def catches(pid, number):
    status = Path(f"/proc/{pid}/status").read_text()
    mask = next(line.split()[1] for line in status.splitlines() if line.startswith("SigCgt"))
    return bool(int(mask, 16) >> (number - 1) & 1)


def ends(process, *numbers):
    """Send the signals and see the process end as it should."""
    if process.poll() is not None:
        assert process.returncode == 0
        return process.communicate()
    for number in numbers:
        process.send_signal(number)
        time.sleep(0.02)
    sent = time.monotonic()
    out, told = process.communicate(timeout=60)
    assert time.monotonic() - sent < ROOM
    over = process.returncode == 0 and out and not told  # it was about to end as the signal was sent
    assert over or process.returncode == 128 + numbers[0], (process.returncode, told)
    assert len(told.splitlines()) <= 1, told
    for word in (b"Traceback", b"Fatal", b"import", b"unexpected"):
        assert word not in told
    return out, told


@pytest.mark.parametrize(
    ("name", "delay"),
    [
        *(("run", delay) for delay in (0.0, 0.3, 1.0, 3.0)),
        *(("bench", delay) for delay in (0.0, 0.1, 0.5, 2.0)),
        ("compare", 2.0),
        ("doctor", 1.5),
    ],
)
def test_ctrl_c_ends_the_program_at_once_whatever_it_does(name, delay):
    process = start(*COMMANDS[name])
    time.sleep(delay)
    ends(process, signal.SIGINT)


def test_an_interrupted_build_adds_nothing(tmp_path):
    file = tmp_path / "large.txt"
    file.write_text("".join(f"Once upon a time there were {number} foxes.\n" for number in range(300_000)))
    process = start("datastore", "build", str(file))
    time.sleep(2.5)
    out, _ = ends(process, signal.SIGINT)
    assert out == b""
    done = subprocess.run([sys.executable, "-m", "spectui", "datastore", "info"], capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"large" not in done.stdout


@pytest.mark.parametrize(
    ("name", "number", "delay"),
    [
        ("models", signal.SIGINT, 0.0),
        ("models", signal.SIGTERM, 0.1),
        ("info", signal.SIGHUP, 0.0),
        ("info", signal.SIGINT, 0.1),
        ("calibrate", signal.SIGTERM, 0.0),
        ("calibrate", signal.SIGHUP, 1.0),
    ],
)
def test_so_do_other_signals_and_other_commands(name, number, delay):
    process = start(*COMMANDS[name])
    time.sleep(delay)
    ends(process, number)


@pytest.mark.parametrize("delay", [0.7, 1.8])
def test_a_second_ctrl_c_does_no_worse_than_one(delay):
    process = start(*COMMANDS["run"])
    time.sleep(delay)
    ends(process, signal.SIGINT, signal.SIGINT, signal.SIGINT)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_answer_is_printed_and_recorded(tmp_path, number):
    file = tmp_path / "t.jsonl"
    process = start(*COMMANDS["run"], "--record", str(file))
    wait_until(lambda: file.exists() and file.read_bytes().count(b"\n") > 20)
    out, told = ends(process, number)
    assert told == b""
    texts = [
        record.text if isinstance(record, PrefillText) else "".join(record.emitted)
        for record in read_trace(file)
        if isinstance(record, PrefillText | StepText)
    ]
    assert len(texts) > 18
    assert out.decode().startswith("".join(texts))
    assert file.read_bytes().endswith(b"\n")


def test_an_interrupted_bench_reports_what_was_done_and_can_go_on(tmp_path):
    report = tmp_path / "r.json"
    kept = tmp_path / "r.json.partial"
    process = start("bench", "--modes", "pld", "--max-new-tokens", "40", "-o", str(report), "-f", "json")
    wait_until(lambda: kept.exists() and kept.read_bytes().count(b"\n") > 6)
    _, told = ends(process, signal.SIGINT)
    assert b"the same command goes on from here" in told
    assert json.loads(report.read_text())["runs"]
    assert kept.read_bytes().endswith(b"\n")


def test_an_ignored_signal_stays_ignored():
    ignore = lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)  # noqa: E731
    process = start("run", "Hello!", preexec_fn=ignore)
    process.send_signal(signal.SIGHUP)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0
    assert out


def kept(home):
    """The conversations that are kept, with the records of their answers."""
    file = home / "data" / "conversations.db"
    if not file.exists():
        return []
    with closing(open_reader(file)) as database:
        answers = {one.id: archived(database, one.id) for one in newest(database)}
        return [
            (one, [record for said in answers[one.id].turns for record in records_of(database, said.answer)])
            for one in newest(database)
        ]


def steps_kept(home):
    return any(isinstance(record, StepText) for _, records in kept(home) for record in records)


class Terminal:
    """The chat in a pseudo-terminal."""

    def __init__(self):
        self.master, self.slave = pty.openpty()
        termios.tcsetwinsize(self.slave, (40, 120))
        self.before = termios.tcgetattr(self.slave)
        self.seen = b""
        side = {"stdin": self.slave, "stdout": self.slave, "stderr": self.slave, "start_new_session": True}
        self.process = start("chat", *ENDLESS, env=os.environ | {"TERM": "xterm-256color"}, **side)

    def read(self, until=lambda seen: False, seconds=60.0):
        limit = time.monotonic() + seconds
        while not until(self.seen) and time.monotonic() < limit:
            if select.select([self.master], [], [], 0.05)[0]:
                self.seen += os.read(self.master, 1 << 16)
            elif self.process.poll() is not None:
                return
        assert until(self.seen) or self.process.poll() is not None

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.master)
        os.close(self.slave)


@pytest.fixture
def terminal():
    made = Terminal()
    yield made
    made.close()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_the_chat_with_the_terminal_restored_and_the_conversation_kept(terminal, home, number):
    words = "Tell me a story about a shy dragon."
    terminal.read(lambda seen: b"Ask something" in seen)
    os.write(terminal.master, words.encode() + b"\r")
    terminal.read(lambda seen: steps_kept(home))
    terminal.process.send_signal(number)
    sent = time.monotonic()
    terminal.read()
    assert terminal.process.wait(60) == 128 + number
    assert time.monotonic() - sent < ROOM
    for on, off in ((b"\x1b[?1049h", b"\x1b[?1049l"), (b"\x1b[?25l", b"\x1b[?25h"), (b"\x1b[?1000h", b"\x1b[?1000l")):
        assert 0 <= terminal.seen.rfind(on) < terminal.seen.rfind(off)
    assert b"Traceback" not in terminal.seen
    assert termios.tcgetattr(terminal.slave) == terminal.before
    ((summary, records),) = kept(home)
    assert summary.question == words
    assert any(isinstance(record, StepText) for record in records)


@pytest.mark.parametrize("delay", [0.0, 0.5, 1.5])
def test_signals_while_the_chat_starts(terminal, delay):
    time.sleep(delay)
    for _ in range(2):
        terminal.process.send_signal(signal.SIGINT)
    sent = time.monotonic()
    terminal.read()
    assert terminal.process.wait(60) == 130
    assert time.monotonic() - sent < ROOM
    assert termios.tcgetattr(terminal.slave) == terminal.before
    assert b"Traceback" not in terminal.seen


def test_leaving_the_chat_while_a_model_loads_is_no_crash(terminal):
    terminal.read(lambda seen: b"\x1b[?1049h" in seen)
    time.sleep(0.7)
    os.write(terminal.master, b"\x11")
    terminal.read()
    assert terminal.process.wait(60) == 0
