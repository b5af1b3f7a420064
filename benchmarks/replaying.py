"""What it takes to open a trace, to reach its end, to go back, and to start the replay of a short one.

    python -m benchmarks.replaying [--steps 100000]

The long trace is a step of the transcript's benchmark, again and again. A start is a whole process: a short trace to
text, or on a screen until it shows how many steps there are. Medians.
"""

import argparse
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter

from rich.console import Console
from rich.table import Table

from spectui.engine.values.events import End, Prefill, Turn
from spectui.engine.values.options import Options
from spectui.record.events import CHAT, EndText, PrefillText, TurnText
from spectui.record.recording import TraceFile
from spectui.record.replay import Replay
from spectui.record.trace import TraceWriter

from .transcript_frame import steps

TIMES = 5
SHORT = 200
"""Steps of the trace of which the start is timed."""


def write(path: Path, count: int) -> None:
    """A trace of one answer with so many steps."""
    writer = TraceWriter(path)
    writer.write(TurnText(CHAT, Turn((1,), "draft", Options()), "why?", ("<s>",)))
    writer.write(PrefillText(CHAT, Prefill(1.0, 0, 1, 1.0), "so"))
    for index, record in enumerate(steps(count)):
        step = record.step._replace(index=index, time_ms=1.0 + 9.0 * (index + 1))
        writer.write(type(record)(CHAT, step, record.nodes, record.emitted))
    writer.write(EndText(CHAT, End("eos")))
    writer.close()


def seconds(work: Callable[[], object], times: int = TIMES) -> float:
    """The median of some runs."""
    made = []
    for _ in range(times):
        begun = perf_counter()
        work()
        made.append(perf_counter() - begun)
    return median(made)


def start(path: Path) -> None:
    """``spectui replay`` as a process of its own."""
    words = [sys.executable, "-m", "spectui", "replay", str(path), "--format", "text"]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL)


def start_screen(path: Path) -> None:
    """The same on a terminal, until the picture with its first numbers stands there."""
    process, terminal = pty.fork()
    if not process:
        os.environ |= {"TERM": "xterm-256color", "COLUMNS": "120", "LINES": "36"}
        os.execv(sys.executable, [sys.executable, "-m", "spectui", "replay", str(path)])
    seen = b""
    while f" of {SHORT}".encode() not in seen:
        seen += os.read(terminal, 1 << 16)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(terminal)


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=100_000)
    count = parser.parse_args().steps
    table = Table(title=f"replay, {count:,} steps")
    table.add_column("what")
    table.add_column("seconds", justify="right")
    with TemporaryDirectory() as folder:
        long, short = Path(folder) / "long.jsonl", Path(folder) / "short.jsonl"
        write(long, count)
        write(short, SHORT)
        replay = Replay(TraceFile(long))
        rows: dict[str, Callable[[], object]] = {
            f"open {long.stat().st_size / 1e6:.0f} MB": lambda: Replay(TraceFile(long)),
            "the first 100 steps": lambda: list(islice(iter(Replay(TraceFile(long)).step, []), 100)),
        }
        for what, work in rows.items():
            table.add_row(what, f"{seconds(work):.2f}")
        table.add_row("to its end, once", f"{seconds(lambda: replay.go_to(count), 1):.1f}")
        table.add_row("a step back there", f"{seconds(replay.back):.3f}")
        table.add_row("to the middle, when it was played before", f"{seconds(lambda: replay.go_to(count // 2), 1):.3f}")
        table.add_row(f"spectui replay, {SHORT} steps, as text", f"{seconds(lambda: start(short)):.2f}")
        table.add_row(f"spectui replay, {SHORT} steps, on a screen", f"{seconds(lambda: start_screen(short)):.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
