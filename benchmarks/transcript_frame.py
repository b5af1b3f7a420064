"""What a frame of the transcript costs while text streams in, and whether that grows with the text.

    python -m benchmarks.transcript_frame [--seconds 8]

A producer thread makes 1,000 tokens a second; a headless application of 160 x 40 cells drains them at 20 Hz and
renders each frame to the bytes that a terminal would get. A frame is all the work of one drain: taking the records
in, laying out, painting, rendering.
"""

import argparse
import asyncio
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from time import perf_counter, sleep, thread_time
from typing import Any

import numpy as np
from rich.console import Console, RenderableType
from rich.table import Table
from textual._compositor import CompositorUpdate
from textual.app import App, ComposeResult
from textual.containers import Horizontal
from textual.screen import Screen

from spectui.engine.values.step import Emitted, Node, Source, Step, Times
from spectui.record.events import StepText
from spectui.tui.theme import load_themes, token_variable_defaults
from spectui.tui.transcript.document import COLOUR, Document
from spectui.tui.transcript.viewport import Viewport
from spectui.tui.widgets.transcript import Transcript

RATE, HERTZ, SIZE = 1000, 20, (160, 40)
TOKENS_A_STEP = 4
WORDS = [
    "the",
    "sum",
    "of",
    "all",
    "log",
    "terms",
    "is",
    "what",
    "Shannon",
    "called",
    "the",
    "entropy",
    "of",
    "a",
    "source",
    "measured",
    "in",
    "bits",
]


def steps(count: int, seed: int = 0) -> list[StepText]:
    """Steps that accept three drafted tokens, refuse one and emit four."""
    random = Random(seed)

    def word() -> str:
        return f" {random.choice(WORDS)}" if random.random() > 0.02 else ".\n\n"

    made = []
    for index in range(count):
        texts = tuple(word() for _ in range(TOKENS_A_STEP))
        fates = ("accepted",) * (TOKENS_A_STEP - 1) + ("rejected",)
        nodes = tuple(Node(1, at - 1, Source("draft"), 0.5, fate) for at, fate in enumerate(fates))  # type: ignore[arg-type]
        emitted = (Emitted(1, "accepted"),) * (TOKENS_A_STEP - 1) + (Emitted(1, "correction"),)
        step = Step("draft", index, index, 4.0 * index, nodes, 3, emitted, Times(1, 2, 0, 1, 4), (), 4)
        made.append(StepText("chat", step, (*texts[:-1], word()), texts))
    return made


class Stopwatch:
    """Adds up the milliseconds of a frame's parts."""

    def __init__(self) -> None:
        self.frames: list[float] = []
        self._sum = 0.0

    def time(self, work: Callable[..., object], *args: object) -> None:
        """Do some of a frame's work."""
        start = perf_counter()
        work(*args)
        self._sum += (perf_counter() - start) * 1e3

    def next(self) -> None:
        """A frame is over."""
        if self._sum:
            self.frames.append(self._sum)
        self._sum = 0.0


class TimedTranscript(Transcript):
    """A transcript whose layout is timed."""

    def _settle(self) -> None:
        self.app.stopwatch.time(super()._settle)  # type: ignore[attr-defined]


class TimedScreen(Screen[None]):
    """A screen whose painting is timed."""

    def _on_timer_update(self) -> None:
        self.app.stopwatch.time(super()._on_timer_update)  # type: ignore[attr-defined]


@dataclass
class Load:
    """What is measured: so many panes, each with so many tokens at the start."""

    panes: int
    tokens: int
    seconds: float
    frames: list[float] = field(default_factory=list)
    share: float = 0.0
    """Processor time of the application's thread / time."""

    def quantile(self, q: float) -> float:
        """Milliseconds."""
        return float(np.quantile(self.frames, q))


class FrameApp(App[None]):
    """Transcripts side by side, fed from a queue."""

    CSS = "Horizontal { height: 100%; } Transcript { width: 1fr; }"

    def __init__(self, load: Load) -> None:
        super().__init__()
        self.stopwatch, self.load = Stopwatch(), load
        self.queue: deque[tuple[int, StepText]] = deque()
        self.bytes = 0
        for theme in load_themes(Path(__file__).parents[1] / "themes")[0]:
            self.register_theme(theme)
        self.theme = "spectui-dark"

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return token_variable_defaults()

    def get_default_screen(self) -> Screen[None]:
        return TimedScreen()

    def compose(self) -> ComposeResult:
        with Horizontal():
            for _ in range(self.load.panes):
                yield TimedTranscript()

    def on_mount(self) -> None:
        self.panes = list(self.query(TimedTranscript))
        for pane in self.panes:
            pane.document.begin_question("What is entropy?")
            pane.document.begin_answer("Draft model")
            for record in steps(self.load.tokens // TOKENS_A_STEP):
                pane.document.add_step(record)
        self.set_interval(1 / HERTZ, self._tick)

    def _tick(self) -> None:
        self.stopwatch.next()
        self.stopwatch.time(self._drain)

    def _drain(self) -> None:
        while self.queue:
            pane, record = self.queue.popleft()
            self.panes[pane].document.add_step(record)

    def _display(self, screen: Screen[Any], renderable: RenderableType | None) -> None:
        if isinstance(renderable, CompositorUpdate) and not self._batch_count:
            self.bytes += len(renderable.render_segments(self.console))


def produce(app: FrameApp, stop: threading.Event) -> None:
    """1,000 tokens a second into each pane's share, at an even pace."""
    waiting = steps(int(app.load.seconds * RATE / TOKENS_A_STEP) + 1000, seed=1)
    start = perf_counter()
    for number, record in enumerate(waiting):
        if stop.is_set():
            return
        app.queue.append((number % app.load.panes, record))
        sleep(max(0.0, start + number * TOKENS_A_STEP / RATE - perf_counter()))


async def measure(load: Load) -> Load:
    """Run one load."""
    app, stop = FrameApp(load), threading.Event()
    async with app.run_test(size=SIZE) as pilot:
        await pilot.pause(0.5)
        producer = threading.Thread(target=produce, args=(app, stop))
        producer.start()
        await asyncio.sleep(1.0)
        app.stopwatch.frames.clear()
        wall, busy = perf_counter(), thread_time()
        await asyncio.sleep(load.seconds)
        load.share = (thread_time() - busy) / (perf_counter() - wall)
        load.frames = list(app.stopwatch.frames)
        stop.set()
        producer.join()
    return load


def rewrap(tokens: int, one_paragraph: bool) -> float:
    """Median milliseconds to show a text of so many tokens at another width."""
    document = Document()
    document.begin_answer("Draft model")
    for record in steps(tokens // TOKENS_A_STEP):
        if one_paragraph:
            texts = tuple(text.replace("\n", " ") for text in record.emitted)
            record = StepText("chat", record.step, record.nodes, texts)
        document.add_step(record)
    viewport = Viewport(document)
    viewport.reshape(160, 40, COLOUR)
    viewport.scroll(-60)
    times = []
    for width in range(100, 160):
        start = perf_counter()
        viewport.reshape(width, 40, COLOUR)
        times.append((perf_counter() - start) * 1e3)
    return float(np.median(times))


def main() -> None:
    """Measure all loads and print them beside their budgets."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=8.0)
    seconds = parser.parse_args().seconds
    table = Table("panes", "tokens", "frames", "p50 ms", "p99 ms", "budget", "processor")
    median: dict[tuple[int, int], float] = {}
    for panes, budget in ((1, "p50 5, p99 16"), (4, "p50 8")):
        for tokens in (200, 20_000):
            load = asyncio.run(measure(Load(panes, tokens, seconds)))
            median[panes, tokens] = load.quantile(0.5)
            row = [str(panes), f"{tokens:,}", str(len(load.frames)), f"{load.quantile(0.5):.2f}"]
            table.add_row(*row, f"{load.quantile(0.99):.2f}", budget, f"{load.share:.1%} (10 %)")
    console = Console()
    console.print(table)
    for panes in (1, 4):
        growth = median[panes, 20_000] / median[panes, 200]
        console.print(f"{panes} pane(s): 20,000 tokens cost x{growth:.2f} of 200 (budget x1.20)")
    console.print(f"another width, 4,000 tokens: {rewrap(4000, False):.2f} ms (budget 30 ms)")
    console.print(f"another width, 20,000 tokens in one paragraph: {rewrap(20_000, True):.2f} ms")


if __name__ == "__main__":
    main()
