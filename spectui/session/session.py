"""A conversation with a loaded pair: the one road from commands and text to records.

A session has two halves. This one belongs to the thread of whoever gives commands: it numbers them and knows what was
wished for. The other, ``Conversation``, belongs to the decode thread: it alone says what runs.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ..config.choice import ModelChoice, ServerChoice, StoreChoice
from ..engine.drafters.registry import Mode, default_mode
from ..engine.values.options import Options
from ..engine.worker import Call, Change, Hold, Stop, SwitchMode
from ..models.head_places import brings_head
from ..models.resolve import advised_mode, brings_draft
from ..record.archived import Archived
from ..record.events import CHAT, Kind
from .conversation import AGAIN, BASELINE, Beginning, Conversation, Loader, Sink, load_models
from .served_conversation import ServedConversation

__all__ = ["AGAIN", "BASELINE", "CHAT", "Session", "Sink"]


class Session:
    """One conversation; owns the decode thread.

    Methods may be called from any one thread and return at once. ``sink`` is called in the decode thread, in order,
    with sanitised records; it must be quick. A command that is accepted has an id; its records come between the
    Started and the Finished of that id. One command runs at a time, and others are refused until it is over.
    """

    def __init__(
        self,
        choice: ModelChoice,
        options: Options,
        mode: str | None,
        sink: Sink,
        system: str | None = None,
        store: StoreChoice | None = None,
        loader: Loader = load_models,
        given: Collection[str] | None = None,
        servers: Sequence[ServerChoice] = (),
        at_once: bool = False,
        half: Callable[[Beginning, Sink], Conversation] = Conversation,
    ) -> None:
        """``given`` are the options that somebody has set: the rest of sampling follows the model, without it none.

        ``servers`` may race, each in a lane of its own, ``at_once`` or one after another.
        """
        self._choice, self._mode, self._wished = choice, mode, mode
        self._changed: Options | None = None
        """The options, once they were changed."""
        self._half = half(Beginning(choice, options, mode, system, store, loader, given, servers, at_once), sink)
        self._worker = self._half.worker
        self._newest = 0
        """The id of the last command."""
        self._left_behind = 0
        """Commands up to this id belong to a conversation that was left."""

    @property
    def servers(self) -> tuple[ServerChoice, ...]:
        """The servers that answer or have answered here."""
        return self._half.servers

    @property
    def modes(self) -> Mapping[str, Mode]:
        """What an answer's mode may be: those of the registry, or that a server answers."""
        return self._half.modes

    @property
    def mode(self) -> str:
        """The mode of the next step."""
        loaded = self._half.loaded
        if self._mode and (loaded is None or self._mode in loaded.ready.modes):
            return self._mode
        if loaded is not None:
            return loaded.first_mode
        return advised_mode(self._choice) or default_mode(brings_draft(self._choice), brings_head(self._choice))

    @property
    def options(self) -> Options:
        """The options of the next step."""
        return self._changed or self._half.options

    @property
    def busy(self) -> bool:
        """Whether a command of this conversation runs or waits to run."""
        return self._newest > max(self._half.finished, self._left_behind)

    @property
    def environment(self) -> dict[str, Any]:
        """Where this session runs, for reports; empty until the models are loaded."""
        return self._half.environment

    @property
    def verify_ms(self) -> Mapping[int, float]:
        """T(m) as it was measured at load: tokens of a pass -> milliseconds; empty until the models are loaded."""
        loaded = self._half.loaded
        return loaded.latency.points if loaded is not None else {}

    # -- commands

    def load(self) -> None:
        """Start the decode thread, which loads the models; ends in Ready or Failed."""
        self._worker.submit(Call(self._half.load))
        self._worker.start()

    def open(self, choice: ModelChoice) -> None:
        """Begin a new conversation with other models; ends in Ready, of the models before if these cannot be loaded."""
        self.clear()
        self._choice, self._mode, self._changed = choice, self._wished, None
        self._worker.submit(Call(lambda: self._half.load(choice)))

    def exchange(self, choice: ModelChoice | ServerChoice) -> None:
        """Go on with other models or a server in the same conversation and, where they can run it, in the same mode.

        Ends in Ready, of what was there before if these cannot be had. Call it while nothing runs.
        """
        if isinstance(choice, ModelChoice):
            self._choice = choice
        mode = self._mode
        self._worker.submit(Call(lambda: self._exchange(choice, mode)))
        if self._changed is not None:
            self._worker.submit(Call(self._keep_changed))

    def ask(self, text: str, before: int | None = None) -> int | None:
        """Answer ``text`` as the next message; the command's id, or None if another one runs.

        With ``before`` it is asked behind so many questions and their answers, and the others are dropped.
        """
        return self._command("answer", lambda: self._half.answer(text, before=before))

    def rerun(self) -> int | None:
        """Answer the last question again in the current mode, dropping the old answer; id or None as for ``ask``."""
        return self._command("answer", lambda: self._half.again())

    def baseline(self) -> int | None:
        """Answer the last question in the current mode and autoregressively, same ids, settings and length, in turns.

        Again and again while that is too short to be measured.
        Both have a lane of their own and nothing of it enters the conversation. The id or None as for ``ask``.
        """
        return self._command("measurement", lambda: self._half.measure())

    def race(self, modes: Sequence[str], text: str | None = None, repeat: bool = False) -> int | None:
        """Let several modes answer ``text``, or the last question, side by side, each in a lane named like it.

        With ``repeat`` again and again while that is too short to be measured. Nothing of it enters the conversation.
        The id or None as for ``ask``.
        """
        return self._command("race", lambda: self._half.race(modes, text, repeat))

    def stop(self) -> None:
        """End the last command at its next step, or before its first one if it waits; its text is kept."""
        self._worker.submit(Stop(self._newest))

    def hold(self, steps: int | None = 0) -> None:
        """Let an answer stand still after so many more steps; None lets it go on."""
        self._worker.submit(Hold(steps))

    def switch(self, mode: str) -> None:
        """Use another mode from the next step on; ignored if this pair cannot run it."""
        loaded = self._half.loaded
        if loaded is None or mode in loaded.ready.modes:
            self._mode = mode
            self._worker.submit(SwitchMode(CHAT, mode))

    def change(self, options: Options) -> None:
        """Use other options from the next step on."""
        self._changed = options
        self._worker.submit(Change(CHAT, options))

    def instruct(self, system: str) -> None:
        """Use another system message from the next question on, also in later conversations; empty for none."""
        self._worker.submit(Call(lambda: self._half.instruct(system)))

    def clear(self) -> None:
        """Begin a new conversation, which takes commands at once; what runs is stopped."""
        self._leave(lambda: self._half.forget())

    def resume(self, past: Archived) -> None:
        """Go on with a conversation that was kept, which takes commands at once; what runs is stopped."""
        self._leave(lambda: self._half.resume(past))

    def learn(self, learns: bool) -> None:
        """Let finished answers go into the datastore from now on, or not."""
        self._worker.submit(Call(lambda: self._half.learn(learns)))

    def close(self, timeout: float = 1.0) -> bool:
        """Stop whatever runs and end the threads; whether they ended within about ``timeout`` seconds.

        Answers that wait to be learnt are learnt first.
        """
        ended = self._worker.close(timeout)
        loaded = self._half.loaded
        store = loaded.store if loaded is not None else None
        return (store is None or store.close(timeout)) and ended

    def _exchange(self, choice: ModelChoice | ServerChoice, mode: str | None) -> None:
        """In the decode thread: another half takes over where a server comes or goes."""
        before, serves = self._half, isinstance(choice, ServerChoice)
        if isinstance(choice, ModelChoice) and not isinstance(before, ServedConversation):
            before.exchange(choice, mode)
            return
        after = before.follower(ServedConversation if serves else Conversation, choice)
        self._half = after
        try:
            after.take_over(before, mode)
        except Exception as error:
            self._half = before
            before.stay(error)

    def _leave(self, begin: Callable[[], None]) -> None:
        """Stop what runs and begin another conversation."""
        self.stop()
        self._left_behind = self._newest
        self._worker.submit(Call(begin))

    def _keep_changed(self) -> None:
        """Models that have come decode with the options that somebody has changed, too."""
        if self._changed is not None:
            self._worker.submit(Change(CHAT, self._changed))

    def _command(self, kind: Kind, function: Callable[[], None]) -> int | None:
        if self.busy:
            return None
        self._newest += 1
        command = self._newest
        self._worker.submit(Call(lambda: self._half.run(command, kind, function), command))
        return command
