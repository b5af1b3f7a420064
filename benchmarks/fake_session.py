"""A session without a model: scripted records from a thread of its own, at a given rate."""

from collections.abc import Callable
from threading import Event, Thread
from time import perf_counter, sleep

from spectui.engine.drafters.registry import MODES
from spectui.engine.values.events import End, Prefill, Switch, Turn
from spectui.engine.values.options import Options
from spectui.engine.values.step import Emitted, Node, Source, Step, Times
from spectui.record.events import EndText, Finished, PrefillText, Ready, Record, Started, StepText, SwitchText, TurnText

WORDS = [
    "",
    "the",
    "quick",
    "brown",
    "fox",
    "jumps",
    "over",
    "a",
    "lazy",
    "dog",
    "while",
    "nobody",
    "looks",
    "at",
    "its",
    "long",
    "red",
    "tail",
    ".",
][1:]


class FakeSession:
    """Emits three tokens a step (two accepted, one correction, one refused) at ``rate`` tokens a second."""

    def __init__(self, sink: Callable[[Record], None], rate: float, tokens: int) -> None:
        self.modes, self.mode, self.options = MODES, "draft", Options()
        self.busy = False
        self.commands = 0
        self.producer_seconds = 0.0
        self.produced = 0
        self._sink, self._rate, self._tokens = sink, rate, tokens
        self._stop = Event()
        self._thread: Thread | None = None

    def load(self) -> None:
        """Ready at once."""
        self._sink(Ready("fake", "fake draft", "none", "none", 0.0, 10**6, tuple(MODES)))

    def ask(self, text: str, before: int | None = None) -> int | None:
        """Emit an answer from a thread."""
        self.busy = True
        self.commands += 1
        self._stop.clear()
        self._thread = Thread(target=self._answer, args=(text,), daemon=True)
        self._thread.start()
        return self.commands

    def rerun(self) -> int | None:
        """The same again."""
        return self.ask("again")

    def baseline(self) -> int | None:
        """Nothing to measure."""
        return None

    def stop(self) -> None:
        """End at the next step."""
        self._stop.set()

    def switch(self, mode: str) -> None:
        """Say so at once."""
        self.mode = mode
        self._sink(SwitchText("chat", Switch(mode, 0)))

    def change(self, options: Options) -> None:
        """Take other options."""
        self.options = options

    def instruct(self, system: str) -> None:
        """Nothing is asked."""

    def clear(self) -> None:
        """Stop."""
        self.stop()

    def learn(self, learns: bool) -> None:
        """Nothing is learnt."""

    def close(self, timeout: float = 1.0) -> bool:
        """End the thread."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(timeout)
        return True

    def _answer(self, text: str) -> None:
        begin = perf_counter()
        self._sink(Started(self.commands, "answer"))
        self._sink(TurnText("chat", Turn((1, 2), self.mode, self.options), text, ("a", "b")))
        self._sink(PrefillText("chat", Prefill(1.0, 0, 1, 1.0), "Once"))
        index = 0
        while 3 * index < self._tokens and not self._stop.is_set():
            due = begin + 3 * index / self._rate
            if (wait := due - perf_counter()) > 0:
                sleep(wait)
            record = self._step(index, (perf_counter() - begin) * 1e3)
            start = perf_counter()
            self._sink(record)
            self.producer_seconds += perf_counter() - start
            self.produced += 3
            index += 1
        self.elapsed = perf_counter() - begin
        self.busy = False
        self._sink(EndText("chat", End("stopped" if self._stop.is_set() else "length")))
        self._sink(Finished(self.commands, "answer"))

    def _step(self, index: int, time_ms: float) -> StepText:
        source = Source("draft")
        fates = ("accepted", "accepted", "rejected")
        nodes = tuple(Node(index + i, i - 1, source, 0.8, fate) for i, fate in enumerate(fates))
        kinds = ("accepted", "accepted", "correction")
        emitted = tuple(Emitted(index + i, kind) for i, kind in enumerate(kinds))
        times = Times(1.0, 1.5, 0.1, 0.1, 3.0)
        step = Step(self.mode, index, index, time_ms, nodes, 2, emitted, times, (), 8)
        texts = tuple(" " + WORDS[(3 * index + i) % len(WORDS)] for i in range(3))
        return StepText("chat", step, texts, ("\n" if index % 40 == 39 else texts[0], *texts[1:]))
