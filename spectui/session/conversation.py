"""The decode thread's half of a session: the models, the messages, and the command that runs."""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..config.choice import ModelChoice, ServerChoice, StoreChoice
from ..engine.drafters.registry import MODES, Mode
from ..engine.values.events import End, Event, Turn
from ..engine.values.options import Options
from ..engine.worker import Call, Worker, describe, is_out_of_memory
from ..record.archived import Archived, Said
from ..record.events import (
    CHAT,
    Cleared,
    EndText,
    Failed,
    Finished,
    Instructed,
    Kind,
    Loading,
    Note,
    Record,
    Resumed,
    Started,
)
from ..record.metrics import Rounds
from ..system.errors import UserError
from ..system.progress import Progress
from ..system.sanitise import sanitise
from .served import (
    Messages,
    ServedLane,
    all_ended,
    answer_all,
    begin_turns,
    connect,
    facts_of,
    leave_out,
    messages_to,
    named,
)

if TYPE_CHECKING:
    from ..engine.retrieval.snapshot import Reader
    from ..record.transcribe import Transcriber
    from .runtime import Runtime

log = logging.getLogger(__name__)

AGAIN, BASELINE = "again", "baseline"
"""The lanes of a measurement: the current mode once more and autoregressive decoding."""
Sink = Callable[[Record], None]
Loader = Callable[[ModelChoice, StoreChoice | None, Progress], "Runtime"]


@dataclass(frozen=True, slots=True)
class Asked:
    """The last question, as the models saw it."""

    question: str
    prompt: tuple[int, ...]
    emitted: int
    """Tokens of its answer."""


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a conversation starts from."""

    choice: ModelChoice
    options: Options
    mode: str | None
    """None takes the best that the models allow."""
    system: str | None
    store: StoreChoice | None
    loader: Loader
    given: Collection[str] | None = None
    """Options that somebody has set; the rest of sampling follows the model. None if nothing does."""
    servers: Sequence[ServerChoice] = ()
    """Servers that may answer besides, each in a lane of its own."""
    at_once: bool = False
    """Whether they answer at the same time, and not one after another."""
    earlier: Sequence[ServerChoice] = ()
    """Servers that were asked before in this session: a key that one of them has goes to no other host."""


def load_models(choice: ModelChoice, store: StoreChoice | None, progress: Progress) -> "Runtime":
    """Load a pair and prepare it for decoding; raises UserError with one line that names the remedy."""
    begun = perf_counter()
    progress("starting torch", None)
    from ..models.loading import load_pair
    from .runtime import prepare

    return prepare(load_pair(choice, progress), progress, begun, store)


class Conversation:
    """Runs commands one after another. Apart from the first fields below, it is used in the decode thread alone."""

    def __init__(self, beginning: Beginning, sink: Sink, worker: Worker | None = None) -> None:
        """With the ``worker`` of another half it can take over from that."""
        self.modes: Mapping[str, Mode] = MODES
        """What an answer's mode may be."""
        self.loaded: Runtime | None = None
        """Written by the decode thread; other threads may read what never changes in it."""
        self.options = beginning.options
        """What answers begin with; written by the decode thread before ``loaded``."""
        self.environment: dict[str, Any] = {}
        """Where this runs, for reports; written with ``loaded``, empty until then."""
        self.finished = 0
        """The id of the last command that is over; written by the decode thread, read by others."""
        self.worker = worker or Worker(self._emit, self._crashed)
        self._beginning, self._sink = beginning, sink
        self._transcribers: dict[str, Transcriber] = {}
        self._instruction = self._system = beginning.system
        """The system message of conversations that begin, and of this one."""
        self._messages: list[dict[str, str]] = []
        self._asked: Asked | None = None
        self._reader: Reader | None = None
        self._rounds = Rounds()
        self._served: dict[str, ServedLane] = {}
        self._choice = beginning.choice
        """What is loaded."""

    def load(self, choice: ModelChoice | None = None) -> None:
        """Load the models, others than those of the beginning if told so; ends in Ready or Failed."""
        choice = choice or self._beginning.choice
        try:
            self._bring(choice)
        except Exception as error:
            self._not_loaded(self._why(error))

    def exchange(self, choice: ModelChoice, mode: str | None) -> None:
        """Go on with other models, which get the same messages, and in the mode that was wished for if they can.

        Those of before stay, or are loaded again if both did not fit into memory, where the others cannot be loaded.
        Ends in Ready of the models that are here then, or in Failed if there are none.
        """
        if self.loaded is None:
            return self.load(choice)
        before, name = self._choice, self.loaded.ready.model
        if not self._has_room(choice):
            self._let_go()
        try:
            self._bring(choice, mode)
            self._asked = None
        except Exception as error:
            self._note(f"{self._why(error)}; {name} {'stays' if self.loaded is not None else 'is loaded again'}")
            if self.loaded is not None:
                self._sink(replace(self.loaded.ready, notes=()))
            else:
                self.load(before)

    @property
    def servers(self) -> tuple[ServerChoice, ...]:
        """The servers of this conversation, those that answered before among them."""
        return (*self._beginning.earlier, *self._beginning.servers)

    def follower(self, kind: "type[Conversation]", choice: ModelChoice | ServerChoice) -> "Conversation":
        """Another half, which may take this conversation over with other models or a server."""
        served = isinstance(choice, ServerChoice)
        change: dict[str, Any] = {"servers": (choice,)} if served else {"servers": (), "choice": choice}
        asked = self._beginning.servers if self._served else ()
        change["earlier"] = (*self._beginning.earlier, *asked)
        after = kind(replace(self._beginning, **change), self._sink, self.worker)
        after.finished, after.options = self.finished, self.options
        after._instruction, after._system, after._messages = self._instruction, self._system, self._messages
        return after

    def take_over(self, before: "Conversation", mode: str | None) -> None:
        """Load what answers from now on, in this mode if that can be, and let go what the half of before has.

        Ends in Ready; raises what loading raises, and then that half stays as it was.
        """
        self._bring(self._choice, mode, before)

    def stay(self, error: Exception) -> None:
        """Nothing else could take over: say why, and go on with what is here; ends in Ready or Failed."""
        if self.loaded is None:
            self._sink(Failed(sanitise(self._why(error))))
        else:
            self._note(f"{self._why(error)}; {self.loaded.ready.model} stays")
            self._sink(replace(self.loaded.ready, notes=()))

    def run(self, command: int, kind: Kind, function: Callable[[], None]) -> None:
        """Carry out a command between its Started and its Finished, whatever happens."""
        try:
            self._sink(Started(command, kind))
            if self.loaded is None:
                raise UserError("no model is loaded")
            function()
        except UserError as error:
            self._note(str(error))
        except Exception as error:
            self._crashed(error)
            self._note(describe(error))
        finally:
            self.finished = command
            self._sink(Finished(command, kind))

    # -- commands

    def answer(self, text: str, again: bool = False, before: int | None = None) -> None:
        """Answer ``text`` as the next message; ``again`` looks up no earlier answer to the same prompt.

        ``before`` drops all questions but so many, with their answers, first.
        """
        loaded = self._loaded
        if before is not None:
            del self._messages[2 * before :]
        if self._reader is not None:
            self._reader.hides = again
        try:
            prompt = self._prompt(text)
        except UserError as error:
            self._sink(EndText(CHAT, End("error", sanitise(str(error)))))
            return
        lane = self.worker.lanes[CHAT]
        turn = Turn(prompt, lane.mode, lane.options, before=len(self._messages) // 2)
        self._sink(self._transcribers[CHAT].turn(turn, text))
        end = self.worker.answer(CHAT, prompt)
        if end.reason == "error":
            return
        emitted = lane.answer.emitted
        if loaded.store is not None and end.reason != "stopped" and not again:
            loaded.store.learn(prompt, emitted)
        self._asked = Asked(text, prompt, len(emitted))
        self._remember(text, loaded.text(emitted))

    def again(self) -> None:
        """Answer the last question once more; the old answer is dropped."""
        if len(self._messages) < 2:
            raise UserError("there is no question yet; ask something first")
        question = self._messages[-2]["content"]
        del self._messages[-2:]
        self.answer(question, again=True)

    def measure(self) -> None:
        """The last prompt in the current mode and autoregressively, side by side, as long as its answer was."""
        from .race import REFERENCE

        asked = self._asked
        if asked is None or not asked.emitted:
            raise UserError("the last answer has no tokens, so there is nothing to measure; ask something first")
        lane = self.worker.lanes[CHAT]
        options = replace(lane.options, max_new_tokens=asked.emitted)
        self._side_by_side({AGAIN: lane.mode, BASELINE: REFERENCE}, options, asked.prompt, asked.question)

    def race(self, modes: Sequence[str], text: str | None, repeat: bool = False) -> None:
        """Let modes answer ``text``, or the last question, side by side, each in a lane named like it.

        What the model's makers advise for sampling does not hold here: races are greedy unless somebody asked.
        """
        asked = self._asked
        if text is not None:
            prompt, question = self._prompt(text), text
        elif asked is not None:
            prompt, question = asked.prompt, asked.question
        else:
            raise UserError("there is no question yet; ask something first")
        options = replace(self.worker.lanes[CHAT].options, sampling=self._beginning.options.sampling)
        local = {mode: mode for mode in modes if mode not in self._served}
        served = [self._served[name] for name in modes if name in self._served]
        before = self._messages if text is not None else self._messages[:-2]
        messages = messages_to(self._system, before, question)
        self._side_by_side(local, options, prompt, question, repeat, served, messages)

    def instruct(self, system: str | None) -> None:
        """Use another system message from the next question on."""
        self._instruction = self._system = system
        self._sink(Instructed(system or ""))

    def forget(self) -> None:
        """Begin a new conversation."""
        self._system, self._messages, self._asked = self._instruction, [], None
        self._sink(Cleared())

    def resume(self, past: Archived) -> None:
        """Go on with a conversation that was kept, behind the last of its turns."""
        self._system, self._messages, self._asked = past.system, [], None
        for turn in past.turns:
            if self.loaded is not None and turn is past.turns[-1]:
                with suppress(UserError):  # it is longer than these models can read
                    self._asked = Asked(turn.question, self._prompt(turn.question), len(turn.tokens))
            self._remember(turn.question, self._read_back(turn))
        self._sink(Resumed(past.id, past.answers))

    def learn(self, learns: bool) -> None:
        """Let finished answers go into the datastore from now on, or not."""
        store = self._beginning.store
        if store is not None:
            self._beginning = replace(self._beginning, store=replace(store, learns=learns))
        if self.loaded is not None and self.loaded.store is not None:
            self.loaded.store.learns = learns

    # -- parts

    @property
    def _loaded(self) -> "Runtime":
        assert self.loaded is not None
        return self.loaded

    def _not_loaded(self, why: str) -> None:
        """Say so; models that were there before stay, and begin anew as the session does."""
        if self.loaded is None:
            self._sink(Failed(sanitise(why)))
        else:
            self._note(f"{why}; {self.loaded.ready.model} stays")
            mode = self._first_mode(self.loaded)
            self.worker.lanes[CHAT] = self.loaded.decoder(mode, self.options, reader=self._reader)
            self._sink(replace(self.loaded.ready, notes=()))

    def _why(self, error: Exception) -> str:
        """Why models could not be loaded, in one line; what nobody expected is reported as well."""
        if isinstance(error, UserError):
            return str(error)
        self._crashed(error)
        return "out of memory; use a smaller model" if is_out_of_memory(error) else describe(error)

    def _has_room(self, choice: ModelChoice) -> bool:
        """Whether other models fit beside those that are here, as far as their size is known."""
        from ..models.catalogue import needed
        from .runtime import free_memory

        device = self._loaded.target.device
        free, need = free_memory(device), needed(choice, 2 if device.type == "cuda" else 4)
        return free is None or need is None or need <= free

    def _bring(self, choice: ModelChoice, mode: str | None = None, before: "Conversation | None" = None) -> None:
        """Load models and take them, in this mode if they can run it; raises what loading raises."""
        loaded = self._beginning.loader(choice, self._beginning.store, self._progress)
        self._replace(before)
        self._begin(loaded, choice, mode)

    def _replace(self, before: "Conversation | None") -> None:
        """Let the half of before go, whose worker is ours from now on."""
        if before is not None:
            before._let_go()
            self.worker.emit = self._emit

    def _let_go(self) -> None:
        """Give the memory of the models back, and whatever else is theirs."""
        import gc

        if self.loaded is not None and self.loaded.store is not None:
            self.loaded.store.close(1.0)
        for decoder in self.worker.lanes.values():
            decoder.close()
        self.worker.lanes.clear()
        self._transcribers, self._reader, self.loaded = {}, None, None
        gc.unfreeze()
        gc.collect()

    def _begin(self, loaded: "Runtime", choice: ModelChoice, wished: str | None = None) -> None:
        """Take models that were loaded, in the mode that was ``wished`` for if they can run it."""
        from ..models.sampling import with_advice
        from ..record.transcribe import Transcriber
        from .environment import environment

        mode = wished if wished in loaded.ready.modes else self._first_mode(loaded)
        if mode not in loaded.ready.modes and wished is not None:
            mode = loaded.first_mode
        if mode not in loaded.ready.modes:
            raise UserError(f"mode {mode!r} cannot run: {loaded.ready.unavailable.get(mode, 'there is no such mode')}")
        if self.loaded is not None and self.loaded.store is not None:
            self.loaded.store.close(1.0)
        self._transcribers, self._reader = {CHAT: Transcriber(loaded.pair.tokenizer, CHAT)}, None
        if loaded.store is not None:
            loaded.store.failed = self._learns_no_more
            self._reader = loaded.store.reader()
        options, given = self._beginning.options, self._beginning.given
        if given is not None:
            options = with_advice(options, given, loaded.pair.name, loaded.pair.target)
        for decoder in self.worker.lanes.values():
            decoder.close()
        self.worker.lanes.clear()
        self.worker.lanes[CHAT] = loaded.decoder(mode, options, reader=self._reader)
        self._served = self._served or connect(self._beginning.servers)
        loaded = replace(loaded, ready=replace(loaded.ready, servers=named(self._served)))
        self._choice = choice
        self.environment = environment(loaded, self._beginning.options, choice.model)
        self.environment |= facts_of(list(self._served.values()), self._beginning.at_once)
        self.options, self.loaded = options, loaded
        self._sink(loaded.ready)

    def _first_mode(self, loaded: "Runtime") -> str:
        return self._beginning.mode or loaded.first_mode

    def _prompt(self, text: str) -> tuple[int, ...]:
        """Ids of the conversation with ``text`` as its next message."""
        system = [{"role": "system", "content": self._system}] if self._system else []
        return tuple(self._loaded.prompt([*system, *self._messages, {"role": "user", "content": text}]))

    def _remember(self, question: str, answer: str) -> None:
        self._messages += [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]

    def _read_back(self, turn: Said) -> str:
        """An earlier answer as the models read it: from its ids if it is of these models, else from its text."""
        loaded = self.loaded
        same = loaded is not None and turn.model == loaded.ready.model
        if loaded is None or not same or max(turn.tokens, default=0) >= loaded.pair.vocabulary:
            return turn.text
        return loaded.text(turn.tokens)

    def _side_by_side(
        self,
        lanes: Mapping[str, str],
        options: Options,
        prompt: tuple[int, ...],
        question: str,
        repeat: bool = True,
        served: Sequence[ServedLane] = (),
        messages: Messages = (),
    ) -> None:
        """Race the lanes once or, to ``repeat``, until there is enough to measure; then servers get the messages."""
        from .race import race

        loaded, self._rounds = self._loaded, Rounds()
        again = True
        with loaded.undisturbed():
            while again:
                self._rounds.begin()
                begin_turns(served, options, question, self._sink)
                ended = not lanes or race(
                    loaded, self.worker, self._transcribers, self._sink, lanes, options, prompt, question
                )
                if ended:
                    at_once = self._beginning.at_once
                    ended = all_ended(answer_all(served, messages, options, self._sink, self.worker.stopped, at_once))
                else:
                    leave_out(served, self._sink)
                again = repeat and ended and self._rounds.due

    def _emit(self, lane: str, event: Event) -> None:
        if lane != CHAT:
            self._rounds.count(lane, event)
        self._sink(self._transcribers[lane](event))

    def _progress(self, stage: str, fraction: float | None = None) -> None:
        self._sink(Loading(sanitise(stage), fraction))

    def _note(self, message: str) -> None:
        self._sink(Note(sanitise(message)))

    def _learns_no_more(self, message: str) -> None:
        """Called in the thread that learns; records are told in the decode thread."""
        log.warning(message)
        self.worker.submit(Call(lambda: self._note(message)))

    def _crashed(self, error: BaseException) -> None:
        log.error("unexpected failure in the decode thread", exc_info=error)
