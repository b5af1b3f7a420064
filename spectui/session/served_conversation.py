"""A conversation with a server: the same commands and records as with a loaded pair, but nothing is loaded."""

import os
import platform
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from time import perf_counter
from typing import Any, cast

from ..config.choice import ModelChoice
from ..engine.drafters.registry import MODES, Mode
from ..engine.values.events import Changed, End, Event, Switch
from ..engine.values.options import Options
from ..engine.worker import Worker
from ..record.archived import Said
from ..record.events import CHAT, ChangedText, EndText, Ready, SwitchText
from ..system.errors import UserError
from ..system.sanitise import sanitise
from .conversation import Asked, Beginning, Conversation, Sink
from .served import (
    SERVED,
    UNMEASURED,
    ServedLane,
    answer_all,
    begin_turns,
    connect,
    facts_of,
    messages_to,
    named,
    turn_of,
)

THEIRS = "the server decides how it drafts; no key changes that"


@dataclass(frozen=True, slots=True)
class Found:
    """What stands where a loaded pair would: a server was found."""

    ready: Ready
    store: None = None
    first_mode: str = SERVED


@dataclass(slots=True)
class LaneState:
    """What may be changed of a server's lane."""

    options: Options
    mode: str = SERVED
    steps: int = 0

    def set_options(self, options: Options) -> None:
        """From the next answer on."""
        self.options = options

    def set_mode(self, mode: str) -> None:
        """There is no other one."""

    def close(self) -> None:
        """Nothing is held."""


class ServedConversation(Conversation):
    """Runs the commands of a session whose answers come from servers; the first one is who the chat is with."""

    def __init__(self, beginning: Beginning, sink: Sink, worker: Worker | None = None) -> None:
        super().__init__(beginning, sink, worker)
        first = beginning.servers[0]
        name = sanitise(first.name or first.url.partition("://")[2].partition("#")[0])
        self.modes = {SERVED: Mode(SERVED, f"Server {name}", THEIRS, "", drafts=False)}

    def answer(self, text: str, again: bool = False, before: int | None = None) -> None:
        """Answer ``text`` as the next message; ``before`` keeps so many questions, with their answers, before it."""
        if before is not None:
            del self._messages[2 * before :]
        first = next(iter(self._served.values()))
        options = self.worker.lanes[CHAT].options
        self._sink(turn_of(CHAT, options, text, before=len(self._messages) // 2))
        messages = messages_to(self._system, self._messages, text)
        (answer,) = answer_all([first], messages, options, self._sink, self.worker.stopped, name=CHAT)
        if answer.end is None or answer.end.reason == "error":
            return
        said = "".join(answer.text)
        self._asked = Asked(text, (), len(answer.text))
        self._remember(text, said)

    def measure(self) -> None:
        """A server does not decode otherwise because we ask it to."""
        raise UserError(UNMEASURED)

    def race(self, modes: Sequence[str], text: str | None, repeat: bool = False) -> None:
        """Let servers answer ``text``, or the last question, each in a lane named like it."""
        asked = self._asked
        if text is None and asked is None:
            raise UserError("there is no question yet; ask something first")
        question = text if text is not None else asked.question if asked is not None else ""
        before = self._messages if text is not None else self._messages[:-2]
        lanes = [self._served[name] for name in modes if name in self._served]
        options = self.worker.lanes[CHAT].options
        begin_turns(lanes, options, question, self._sink)
        messages = messages_to(self._system, before, question)
        answer_all(lanes, messages, options, self._sink, self.worker.stopped, self._beginning.at_once)

    def _bring(self, choice: ModelChoice, mode: str | None = None, before: Conversation | None = None) -> None:
        """Find the servers, whatever models are named."""
        begun = perf_counter()
        self._progress("asking the server what it is", None)
        served = connect(self._beginning.servers, self._beginning.earlier)
        self._replace(before)
        options = self._beginning.options
        ready = served_ready(served, options, perf_counter() - begun)
        self._served, self.options = served, options
        self.worker.lanes[CHAT] = cast(Any, LaneState(options))
        self.environment = served_environment(list(served.values()), options, self._beginning.at_once)
        self.loaded = cast(Any, Found(ready))
        self._sink(ready)

    def _let_go(self) -> None:
        """End the connections."""
        for lane in self._served.values():
            lane.close()
        self.worker.lanes.clear()
        self._served, self.loaded = {}, None

    def _read_back(self, turn: Said) -> str:
        """An earlier answer by its text: nobody here has the server's tokenizer."""
        return turn.text

    def _prompt(self, text: str) -> tuple[int, ...]:
        """Nothing: only the server knows the ids of a prompt."""
        return ()

    def _emit(self, lane: str, event: Event) -> None:
        """What the worker tells besides answers."""
        match event:
            case Changed():
                self._sink(ChangedText(lane, event))
            case Switch():
                self._sink(SwitchText(lane, event))
            case End(message=message):
                self._sink(EndText(lane, End("error", sanitise(message or ""))))

    def _not_loaded(self, why: str) -> None:
        self.loaded = None
        super()._not_loaded(why)


def served_ready(served: Mapping[str, ServedLane], options: Options, seconds: float = 0.0) -> Ready:
    """What stands for loaded models: the first server, and who else answers; ``seconds`` were needed to find them."""
    first = next(iter(served.values()))
    notes = [note for lane in served.values() if (note := lane.unsent(options))]
    untold = "; ".join(first.facts.engine.untold)
    return Ready(
        model=first.facts.shown_model,
        draft="the server's own",
        device=f"{first.facts.title} at {first.url}",
        dtype="as it serves",
        seconds=seconds,
        context=first.facts.context,
        modes=(SERVED,),
        unavailable=dict.fromkeys(MODES, THEIRS),
        notes=(*notes, f"{first.name} does not tell {untold}"),
        versions={"spectui": version("spectui")},
        servers=named(served),
    )


def served_environment(lanes: Sequence[ServedLane], options: Options, at_once: bool) -> dict[str, Any]:
    """Where servers were asked from, for reports: no model runs here."""
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": ", ".join(dict.fromkeys(lane.facts.shown_model for lane in lanes)),
        "draft": None,
        "device": SERVED,
        "processor": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "threads": 0,
        "dtype": "as served",
        "forward": None,
        "python": sys.version.split()[0],
        "system": platform.system(),
        "versions": {"spectui": version("spectui")},
        "settings": options.by_name(),
        "datastore_tokens": 0,
        "verification_ms": {},
        "verification_context": 0,
        **facts_of(lanes, at_once),
    }
