"""A conversation with a loaded pair: the one road from commands and text to records."""

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from .engine.drafters.registry import MODES, Mode, default_mode
from .engine.errors import UserError
from .engine.events import End, Event, Turn
from .engine.options import Options
from .engine.worker import Call, Change, Quit, Stop, SwitchMode, Worker, describe, is_out_of_memory
from .metrics import Rounds
from .models.choice import ModelChoice, StoreChoice
from .models.sanitise import sanitise
from .record.events import EndText, Failed, Loading, Measured, Note, Raced, Record

if TYPE_CHECKING:
    from .engine.retrieval.snapshot import Reader
    from .loaded import Loaded
    from .record.transcribe import Transcriber

log = logging.getLogger(__name__)

CHAT, AGAIN, BASELINE = "chat", "again", "baseline"
"""Lanes: the conversation, and the two of a measurement, the current mode once more and autoregressive decoding."""
Sink = Callable[[Record], None]


@dataclass(frozen=True, slots=True)
class Asked:
    """The last question, as the models saw it."""

    question: str
    prompt: tuple[int, ...]
    emitted: int = 0
    """Tokens of its answer."""


class Session:
    """One conversation; owns the decode thread.

    Methods may be called from any one thread and return at once. ``sink`` is called in the decode thread, in order,
    with sanitised records; it must be quick.
    """

    def __init__(
        self,
        choice: ModelChoice,
        options: Options,
        mode: str | None,
        sink: Sink,
        system: str | None = None,
        store: StoreChoice | None = None,
    ) -> None:
        self.modes: Mapping[str, Mode] = MODES
        self._choice, self._options, self._mode = choice, options, mode
        self._store = store
        self._sink = sink
        self._worker = Worker(self._emit, self._crashed)
        self._loaded: Loaded | None = None
        self._transcribers: dict[str, Transcriber] = {}
        self._system = [{"role": "system", "content": system}] if system else []
        self._messages: list[dict[str, str]] = []
        self._asked: Asked | None = None
        self._reader: Reader | None = None
        self._rounds = Rounds()
        self._running = False
        self.environment: dict[str, Any] = {}
        """Where this session runs, for reports; empty until the models are loaded."""

    @property
    def mode(self) -> str:
        """The mode of the next step."""
        return self._mode or default_mode(has_draft=self._choice.draft != "none")

    @property
    def options(self) -> Options:
        """The options of the next step."""
        return self._options

    @property
    def busy(self) -> bool:
        """Whether an answer or a baseline runs or waits to run."""
        return self._running

    @property
    def has_question(self) -> bool:
        """Whether there is a last question to run again or to race."""
        return self._asked is not None

    # -- commands, from the user's thread

    def load(self) -> None:
        """Start the decode thread, which loads the models; ends in Ready or Failed."""
        self._worker.submit(Call(self._load))
        self._worker.start()

    def ask(self, text: str) -> None:
        """Answer ``text`` as the next message; ignored while an answer runs."""
        self._run(lambda: self._answer(text))

    def rerun(self) -> None:
        """Answer the last question again in the current mode; the old answer is dropped."""
        self._run(self._again)

    def baseline(self) -> None:
        """Answer the last question in the current mode and autoregressively, same ids, settings and length, in turns.

        Again and again while that is too short to be measured.
        Both have a lane of their own and nothing of it enters the conversation. Ends with Measured.
        """
        self._run(self._measure)

    def race(self, modes: Sequence[str], text: str | None = None, repeat: bool = False) -> None:
        """Let several modes answer ``text``, or the last question, side by side, each in a lane named like it.

        With ``repeat`` again and again while that is too short to be measured.
        Nothing of it enters the conversation. Ends with a Compared record for each lane that has to agree, and Raced.
        """
        self._run(lambda: self._race(modes, text, repeat))

    def stop(self) -> None:
        """End what runs at the next step; its text is kept."""
        if self._running:
            self._worker.submit(Stop())

    def switch(self, mode: str) -> None:
        """Use another mode from the next step on; ignored if this pair cannot run it."""
        if self._loaded is None or mode in self._loaded.ready.modes:
            self._mode = mode
            self._worker.submit(SwitchMode(CHAT, mode))

    def change(self, options: Options) -> None:
        """Use other options from the next step on."""
        self._options = options
        self._worker.submit(Change(CHAT, options))

    def clear(self) -> None:
        """Begin a new conversation; whatever runs is stopped."""
        self.stop()
        self._worker.submit(Call(self._forget))

    def close(self, timeout: float = 1.0) -> bool:
        """Stop whatever runs and end the threads; whether they ended within about ``timeout`` seconds.

        Answers that wait to be learnt are learnt first.
        """
        ended = self._worker.close(timeout)
        store = self._loaded.store if self._loaded is not None else None
        return (store is None or store.close(timeout)) and ended

    def _run(self, function: Callable[[], None]) -> None:
        if self._running:
            return
        self._running = True

        def guarded() -> None:
            try:
                function()
            finally:
                self._running = False

        self._worker.submit(Call(guarded))

    # -- in the decode thread

    def _load(self) -> None:
        begun = perf_counter()
        try:
            self._sink(Loading("starting torch"))
            from .loaded import prepare
            from .models.loading import load_pair

            pair = load_pair(self._choice, self._progress)
            self._loaded = prepare(pair, self._progress, begun, self._store)
            self._begin(self._loaded)
        except UserError as error:
            self._fail(str(error))
        except Exception as error:
            self._crashed(error)
            self._fail("out of memory; use a smaller model" if is_out_of_memory(error) else describe(error))

    def _progress(self, stage: str, fraction: float | None = None) -> None:
        self._sink(Loading(sanitise(stage), fraction))

    def _fail(self, message: str) -> None:
        self._sink(Failed(sanitise(message)))
        self._worker.submit(Quit())

    def _begin(self, loaded: "Loaded") -> None:
        from .environment import environment
        from .record.transcribe import Transcriber

        mode = self._mode or default_mode(has_draft="draft" in loaded.ready.modes)
        if mode not in loaded.ready.modes:
            raise UserError(f"mode {mode!r} cannot run: {loaded.ready.unavailable.get(mode, 'there is no such mode')}")
        self._transcribers = {CHAT: Transcriber(loaded.pair.tokenizer, CHAT)}
        self._mode = mode
        if loaded.store is not None:
            loaded.store.failed = self._learns_no_more
            self._reader = loaded.store.reader()
        self._worker.lanes[CHAT] = loaded.decoder(mode, self._options, reader=self._reader)
        self.environment = environment(loaded, self._options)
        self._sink(loaded.ready)

    def _answer(self, text: str, again: bool = False) -> None:
        if self._loaded is None:
            return
        if self._reader is not None:
            self._reader.hides = again
        try:
            prompt = self._prompt(text)
        except UserError as error:
            self._sink(EndText(CHAT, End("error", sanitise(str(error)))))
            return
        turn = Turn(prompt, self.mode, self._worker.lanes[CHAT].options)
        self._sink(self._transcribers[CHAT].turn(turn, text))
        end = self._worker.answer(CHAT, prompt)
        if end.reason == "error":
            return
        emitted = self._worker.lanes[CHAT].answer.emitted
        if self._loaded.store is not None and end.reason != "stopped" and not again:
            self._loaded.store.learn(prompt, emitted)
        self._asked = Asked(text, prompt, len(emitted))
        self._messages += [
            {"role": "user", "content": text},
            {"role": "assistant", "content": self._loaded.text(emitted)},
        ]

    def _prompt(self, text: str) -> tuple[int, ...]:
        """Ids of the conversation with ``text`` as its next message."""
        assert self._loaded is not None
        return tuple(self._loaded.prompt([*self._system, *self._messages, {"role": "user", "content": text}]))

    def _again(self) -> None:
        if len(self._messages) >= 2:
            question = self._messages[-2]["content"]
            del self._messages[-2:]
            self._answer(question, again=True)

    def _measure(self) -> None:
        from .racing import REFERENCE

        asked = self._asked
        if asked is not None and asked.emitted:
            options = replace(self._options, max_new_tokens=asked.emitted)
            lanes = {AGAIN: self.mode, BASELINE: REFERENCE}
            self._side_by_side(lanes, options, lambda: asked.prompt, asked.question, Measured())

    def _race(self, modes: Sequence[str], text: str | None, repeat: bool) -> None:
        asked = self._asked
        lanes = {mode: mode for mode in modes}
        if text is not None:
            self._side_by_side(lanes, self._options, lambda: self._prompt(text), text, Raced(), repeat)
        elif asked is not None:
            self._side_by_side(lanes, self._options, lambda: asked.prompt, asked.question, Raced(), repeat)

    def _side_by_side(
        self,
        lanes: Mapping[str, str],
        options: Options,
        prompt: Callable[[], tuple[int, ...]],
        question: str,
        over: Record,
        repeat: bool = True,
    ) -> None:
        if self._loaded is None:
            return
        from .racing import race

        try:
            with self._loaded.undisturbed():
                ids, self._rounds = prompt(), Rounds()
                again = True
                while again:
                    self._rounds.begin()
                    ended = race(
                        self._loaded, self._worker, self._transcribers, self._sink, lanes, options, ids, question
                    )
                    again = repeat and ended and self._rounds.due
        except UserError as error:
            self._sink(Note(sanitise(str(error))))
        self._running = False
        self._sink(over)

    def _emit(self, lane: str, event: Event) -> None:
        record = self._transcribers[lane](event)
        if lane != CHAT:
            self._rounds.count(lane, event)
        if lane == CHAT and isinstance(event, End):
            self._running = False
        self._sink(record)

    def _forget(self) -> None:
        self._messages = []
        self._asked = None

    def _learns_no_more(self, message: str) -> None:
        """Called in the thread that learns; records are told in the decode thread."""
        log.warning(message)
        self._worker.submit(Call(lambda: self._sink(Note(sanitise(message)))))

    def _crashed(self, error: BaseException) -> None:
        log.error("unexpected failure in the decode thread", exc_info=error)
