"""What the screen costs: a fake engine at 1,000 tokens a second, and the real pair with and without the screen.

    python -m benchmarks.ui_throughput [--seconds 10] [--pairs 10] [--view colour] [--model demo]

Runs the real app in a pseudo-terminal whose output is read and thrown away, so that every byte is rendered.
"""

import argparse
import asyncio
import json
import os
import pty
import select
import subprocess
import sys
import tempfile
from pathlib import Path
from queue import SimpleQueue
from statistics import median, quantiles
from time import perf_counter, process_time, sleep
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.prompts import CITIES, FAMILIES, NAMES

PROMPTS = {
    "100 tokens": FAMILIES["story"][:10],
    "512 tokens": [
        "Turn this text into a bullet list.\n\n"
        + " ".join(f"{name} is a pilot from {city}. {name} has a cat called Luna." for name in NAMES[:6])
        for city in CITIES[:4]
    ],
}
"""Of the demo pair, by the usual length of the answer; the long ones go in circles, which is as good for measuring a
screen."""
REAL = {
    "128 tokens": [
        "Write a table of four planets with their size and distance.",
        "Write a Python function that reverses a list, and explain it step by step.",
        "List five tips for learning a language, each with a heading.",
    ]
}
"""Of a real model: answers in Markdown."""

TERMINAL_FRAME = 1 / 60
"""Seconds from one look at what was written to the next, as in a terminal; every look wakes up a process."""


def percentile(values: list[float], share: int) -> float:
    """The ``share``-th percentile, 0 of nothing."""
    return quantiles(values, n=100)[share - 1] if len(values) > 1 else 0.0


def fake_child(seconds: float, size: int, view: str) -> dict[str, float]:
    """The app with a fake engine, in this process's terminal."""
    from benchmarks.fake_session import FakeSession
    from spectui.config.choice import ModelChoice
    from spectui.config.settings import Settings
    from spectui.tui.app import SpectuiApp

    app = SpectuiApp(
        Settings(ModelChoice("demo")).with_flags("ui", save_conversations=False, view=view),
        lambda sink: FakeSession(sink, 1000.0, size),  # type: ignore[arg-type, return-value]
    )
    drains: list[float] = []
    paints: list[float] = []
    late: list[float] = []

    def timed(function, into):
        def run(*args, **kwargs):
            start = perf_counter()
            try:
                return function(*args, **kwargs)
            finally:
                into.append((perf_counter() - start) * 1e3)

        return run

    async def probe() -> None:
        while True:
            start = perf_counter()
            await asyncio.sleep(0.01)
            late.append((perf_counter() - start - 0.01) * 1e3)

    cpu: list[float] = []

    async def pilot(_: object) -> None:
        while app.chat.ready is None:
            await asyncio.sleep(0.05)
        task = asyncio.create_task(probe())
        app._display = timed(app._display, paints)  # type: ignore[method-assign]
        app.chat.apply = timed(app.chat.apply, drains)  # type: ignore[method-assign]
        begin, used = perf_counter(), process_time()
        app.chat._send("go")
        while app.chat.busy and perf_counter() - begin < seconds + 5:
            await asyncio.sleep(0.05)
        cpu.append((process_time() - used) / (perf_counter() - begin))
        task.cancel()
        app.exit(0)

    app.run(auto_pilot=pilot)
    session: FakeSession = app.session  # type: ignore[assignment]
    return {
        "tokens/s asked": 1000.0,
        "tokens/s got": session.produced / session.elapsed,
        "producer µs/token": session.producer_seconds / session.produced * 1e6,
        "drain p50 ms": median(drains),
        "drain p99 ms": percentile(drains, 99),
        "paint p50 ms": median(paints),
        "paint p99 ms": percentile(paints, 99),
        "loop late p99 ms": percentile(late, 99),
        "CPU % of a core": 100 * cpu[0],
    }


def real_child(pairs: int, mode: str, view: str, model: str) -> dict[str, list[list[float]]]:
    """Tokens and seconds of a real pair by length of answer, [tokens shown, seconds, tokens not shown, seconds] a pair.

    Answer by answer shown on the screen and not, in turn.

    Both in one process, whose speed depends on where its memory came to lie. An answer that is not shown leaves the
    app idle: its records are dropped in the decode thread, as in a program without a screen.
    """
    from spectui.config.choice import ModelChoice
    from spectui.config.settings import Settings
    from spectui.record.events import EndText, Failed, Ready, Record
    from spectui.record.metrics import Meter
    from spectui.session.session import Session
    from spectui.tui.app import SpectuiApp

    prompts_of = PROMPTS if model == "demo" else REAL
    settings = Settings(ModelChoice(model)).with_flags("decoding", mode=mode)
    if model != "demo":
        settings = settings.with_flags("decoding", max_new_tokens=128)
    settings = settings.with_flags("ui", save_conversations=False, view=view)
    ended: SimpleQueue[Record] = SimpleQueue()
    shown = True
    meter = Meter()

    def make(sink):
        def watch(record: Record) -> None:
            meter.feed(record)
            if shown:
                sink(record)
            if isinstance(record, EndText | Ready | Failed):
                ended.put(record)

        return Session(settings.model, settings.options, mode, watch)

    app = SpectuiApp(settings, make)

    async def answer(prompt: str) -> None:
        if shown:
            while app.chat.busy or app.chat.answering:
                await asyncio.sleep(0.01)
            app.chat.action_new()
            await asyncio.sleep(0.25)
            app.chat._send(prompt)
        else:
            app.session.clear()
            await asyncio.sleep(0.25)
            app.session.ask(prompt)
        await asyncio.to_thread(ended.get)

    sums: dict[str, list[list[float]]] = {length: [] for length in prompts_of}

    async def pilot(_: object) -> None:
        nonlocal shown
        await asyncio.to_thread(ended.get)
        await answer(next(iter(prompts_of.values()))[0])
        for pair in range(pairs):
            for length, prompts in prompts_of.items():
                made = [0.0, 0.0, 0.0, 0.0]
                for number, prompt in enumerate(prompts):
                    for shown in (True, False) if (pair + number) % 2 else (False, True):
                        await answer(prompt)
                        made[0 if shown else 2] += meter.numbers.emitted - 1
                        made[1 if shown else 3] += meter.numbers.decode_ms / 1e3
                sums[length].append(made)
        shown = True
        app.exit(0)

    app.run(auto_pilot=pilot)
    app.close()
    return sums


def child(*words: str) -> Any:
    """Run this file in a pseudo-terminal of 160 x 40 and read its result."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "result.json"
        main, side = pty.openpty()
        subprocess.run(["stty", "rows", "40", "cols", "160"], stdin=side, check=True)
        env = {**os.environ, "TERM": "xterm-256color", "SPECTUI_HOME": folder, "COLORTERM": "truecolor"}
        command = [sys.executable, "-m", "benchmarks.ui_throughput", "--child", *words, "--out", str(out)]
        process = subprocess.Popen(command, stdin=side, stdout=side, stderr=side, env=env)
        os.close(side)
        said = b""
        while process.poll() is None:
            if select.select([main], [], [], 0.1)[0]:
                sleep(TERMINAL_FRAME)
                try:
                    said = (said + os.read(main, 1 << 16))[-4000:]
                except OSError:
                    break
        process.wait(30)
        os.close(main)
        if not out.exists():
            raise SystemExit(f"the child failed: {said.decode(errors='replace')}")
        return json.loads(out.read_text())


def report(seconds: float, pairs: int, view: str, model: str) -> None:
    """Run everything and print the tables."""
    table = Table("fake engine, 160x40", "measured", "budget")
    budgets = {
        "tokens/s got": "1000",
        "producer µs/token": "20",
        "drain p50 ms": "with paint 5",
        "paint p50 ms": "with drain 5",
        "paint p99 ms": "16",
        "CPU % of a core": "10 at a model's pace",
    }
    short = child("fake", str(seconds), "600", view, model)
    long = child("fake", str(3 * seconds), str(int(2000 * seconds)), view, model)
    for name, value in short.items():
        table.add_row(
            name, f"{value:.2f} (600 tokens)   {long[name]:.2f} ({int(2000 * seconds)} tokens)", budgets.get(name, "")
        )
    Console().print(table)
    rows = Table(f"{model}, median of interleaved pairs", "not shown, tok/s", "shown, tok/s", "ratio", "budget")
    for mode in ("ar", "draft"):
        sums = child("real", str(pairs), mode, view, model)
        together = [[sum(column) for column in zip(*parts, strict=True)] for parts in zip(*sums.values(), strict=True)]
        for length, made in {**sums, "all": together}.items():
            shown, hidden = [one[0] / one[1] for one in made], [one[2] / one[3] for one in made]
            ratios = [a / b for a, b in zip(shown, hidden, strict=True)]
            spread = f"{median(ratios):.3f} ({min(ratios):.3f} to {max(ratios):.3f})"
            name = f"{mode}, {length}" if length != "all" else f"{mode}, all answers"
            rows.add_row(
                name, f"{median(hidden):.0f}", f"{median(shown):.0f}", spread, "0.95" if length == "all" else ""
            )
    Console(width=100).print(rows)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--pairs", type=int, default=10)
    parser.add_argument("--view", choices=("clean", "colour", "trace"), default="colour")
    parser.add_argument("--model", default="demo")
    parser.add_argument("--child", nargs=5)
    parser.add_argument("--out", type=Path)
    args = parser.parse_args()
    if not args.child:
        report(args.seconds, args.pairs, args.view, args.model)
        return
    kind, first, second, view, model = args.child
    fake = kind == "fake"
    made: Any = fake_child(float(first), int(second), view) if fake else real_child(int(first), second, view, model)
    args.out.write_text(json.dumps(made))


if __name__ == "__main__":
    main()
