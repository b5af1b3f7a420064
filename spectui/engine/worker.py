"""The single decode thread: commands in, events out."""

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ..system.errors import UserError
from .race import Race
from .values.clock import Stopwatch
from .values.events import Changed, End, Event, Reason, Switch
from .values.options import Options

if TYPE_CHECKING:
    from .decoder import Decoder

P = ParamSpec("P")
R = TypeVar("R")
OUT_OF_MEMORY = "out of memory; start a new conversation, shorten the prompt, or use a smaller model or draft"


@dataclass(frozen=True, slots=True)
class Call:
    """Run a function in the decode thread; waits until no other call runs."""

    function: Callable[[], None]
    command: int = 0
    """The id by which it can be stopped, larger than those before it; 0 cannot be stopped."""


@dataclass(frozen=True, slots=True)
class Stop:
    """End what runs or waits under this id or a smaller one, at its next step."""

    command: int


@dataclass(frozen=True, slots=True)
class SwitchMode:
    """Draft with another method from the next step of a lane on."""

    lane: str
    mode: str


@dataclass(frozen=True, slots=True)
class Change:
    """Decode a lane with other options from its next step on."""

    lane: str
    options: Options


@dataclass(frozen=True, slots=True)
class Hold:
    """Stand still before the next step; ``steps`` may still be made, None goes on."""

    steps: int | None


@dataclass(frozen=True, slots=True)
class Quit:
    """Stop whatever runs and end the thread."""


Command = Call | Stop | SwitchMode | Change | Hold | Quit


class Worker:
    """Owns the thread in which everything that touches a model happens.

    ``emit`` gets each event with the name of its lane, in order, in the decode thread, where it may be exchanged.
    ``crashed`` gets exceptions that nobody expected; it must not raise. Commands may be submitted from any thread.
    """

    def __init__(self, emit: Callable[[str, Event], None], crashed: Callable[[BaseException], None]) -> None:
        self.lanes: dict[str, Decoder] = {}
        self.emit, self._crashed = emit, crashed
        self._commands: SimpleQueue[Command] = SimpleQueue()
        self._later: deque[Call] = deque()
        self._quit = False
        self._running = 0
        """The id of the call that runs."""
        self._stopped_up_to = 0
        """The highest id that was stopped."""
        self._steps: int | None = None
        """Steps that may be made before it stands still; None is any number."""
        self._thread = Thread(target=self._run, name="decode", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def submit(self, command: Command) -> None:
        """Queue a command; returns at once."""
        self._commands.put(command)

    def close(self, timeout: float) -> bool:
        """Stop at the next step and wait up to ``timeout`` seconds; whether the thread has ended."""
        self.submit(Quit())
        if self._thread.is_alive():
            self._thread.join(timeout)
        return not self._thread.is_alive()

    # -- in the decode thread

    def answer(self, lane: str, prompt: Sequence[int]) -> End:
        """Decode a lane's answer to ``prompt``, emitting its events; the last one is returned as well.

        Call it only from a function that was submitted with ``Call``.
        """
        decoder = self.lanes[lane]
        try:
            end = End(_inferring(self._decode)(lane, decoder, prompt))
        except Exception as error:
            if not isinstance(error, UserError):
                decoder.forget()
            end = self._failure(error)
        self.emit(lane, end)
        return end

    def race(self, lanes: Sequence[str], prompt: Sequence[int], together: bool = True) -> dict[str, list[int]]:
        """Let some lanes, which have LaneClocks, answer one prompt in turns; ids of those that came to an end.

        Call it only from a function that was submitted with ``Call``; what goes wrong ends all of them.
        """
        race = Race({lane: self.lanes[lane] for lane in lanes}, self.emit, self._stopped)
        try:
            _inferring(race.run)(prompt, together)
        except Exception as error:
            for lane in race.clocks or lanes:
                self.emit(lane, self._failure(error))
        return race.answers

    def stopped(self) -> bool:
        """Carry out what has come in since the last look; whether the running call shall end."""
        return self._stopped()

    def _failure(self, error: Exception) -> End:
        """How an answer ends that could not go on; what nobody expected is reported as well."""
        if isinstance(error, UserError):
            return End("error", str(error))
        if is_out_of_memory(error):
            return End("error", OUT_OF_MEMORY)
        self._crashed(error)
        return End("error", describe(error))

    def _decode(self, lane: str, decoder: "Decoder", prompt: Sequence[int]) -> Reason:
        first = decoder.prefill(prompt, self._stopped)
        if first is None:
            return "stopped"
        self.emit(lane, first)
        while decoder.answer.end is None:
            if self._held(decoder):
                return "stopped"
            self.emit(lane, decoder.step())
        return decoder.answer.end

    def _stopped(self) -> bool:
        """Carry out what has come in since the last look; whether the answer shall end."""
        while True:
            try:
                self._handle(self._commands.get_nowait())
            except Empty:
                return self._quit or 0 < self._running <= self._stopped_up_to

    def _held(self, decoder: "Decoder") -> bool:
        """As ``_stopped``, once the next step may be made; the wait is no time of the answer."""
        ends = self._stopped()
        if self._steps == 0 and not ends:
            watch = Stopwatch()
            while self._steps == 0 and not ends:
                self._handle(self._commands.get())
                ends = self._stopped()
            decoder.clock.leave_out(watch.now())
        if self._steps:
            self._steps -= 1
        return ends

    def _run(self) -> None:
        while not self._quit:
            call = self._later.popleft() if self._later else None
            if call is None:
                self._handle(self._commands.get())
                continue
            self._call(call)
        self._end_waiting()
        for decoder in self.lanes.values():
            decoder.close()

    def _call(self, call: Call) -> None:
        self._running = call.command
        try:
            call.function()
        except Exception as error:
            self._crashed(error)
        self._running = 0

    def _end_waiting(self) -> None:
        """Give each command that still waits its end: its answer stops before it begins."""
        while not self._commands.empty():
            self._handle(self._commands.get())
        for call in self._later:
            if call.command:
                self._call(call)

    def _handle(self, command: Command) -> None:
        try:
            self._carry_out(command)
        except Exception as error:
            self._crashed(error)

    def _carry_out(self, command: Command) -> None:
        match command:
            case Call():
                self._later.append(command)
            case Stop(up_to):
                self._stopped_up_to = max(self._stopped_up_to, up_to)
            case Hold(steps):
                self._steps = steps
            case Quit():
                self._quit = True
            case SwitchMode(lane, mode) if lane in self.lanes:
                self.lanes[lane].set_mode(mode)
                self.emit(lane, Switch(mode, self.lanes[lane].steps))
            case Change(lane, options) if lane in self.lanes:
                self.lanes[lane].set_options(options)
                self.emit(lane, Changed(options, self.lanes[lane].steps))


def _inferring(function: Callable[P, R]) -> Callable[P, R]:
    """The function in inference mode, entered once an answer and not once a step; torch is loaded by now."""
    import torch

    return torch.inference_mode()(function)


def is_out_of_memory(error: BaseException) -> bool:
    """Whether an exception means that the device or the machine has no memory left."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "alloc" in str(error).lower() and "memory" in str(error).lower()


def describe(error: BaseException) -> str:
    """One line for an exception that nobody expected."""
    text = str(error).strip().splitlines()
    return f"unexpected {type(error).__name__}: {text[0] if text else 'no message'} (details are in the log file)"
