"""A server's lane: asked in a thread of its own, told as records, taken back at once when it is stopped."""

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from queue import Empty, SimpleQueue
from threading import Thread
from typing import TYPE_CHECKING, Any

from ..config.choice import ServerChoice
from ..engine.values.events import End, Turn
from ..engine.values.option import values_of
from ..engine.values.options import Options
from ..engine.worker import describe
from ..record.events import EndText, Record, ServedText, Told, TurnText
from ..system.errors import UserError
from ..system.sanitise import sanitise

if TYPE_CHECKING:
    from ..servers.address import Server
    from ..servers.answer import Outcome, Piece, Wanted
    from ..servers.probe import Facts
    from ..servers.prometheus import Counters

log = logging.getLogger(__name__)

SERVED = "server"
"""The mode of a lane that is a server: how it drafts is its own affair."""
LOOK = 0.05
"""Seconds between looks whether an answer shall stop, while nothing comes."""
UNMEASURED = "a server cannot be measured against itself; start it without drafts as well, and race the two"
Sink = Callable[[Record], None]
Messages = Sequence[Mapping[str, str]]


class ServedLane:
    """One server that was found, under its lane's name; answers one request after another."""

    def __init__(self, choice: ServerChoice, facts: "Facts | None" = None) -> None:
        """Ask the server what it is, unless the ``facts`` are known; raises UserError if it is none."""
        from ..servers.answer import Asking
        from ..servers.connection import Connection
        from ..servers.probe import probe

        server = _server_of(choice)
        self.name, self.url = sanitise(server.name), server.shown
        self._choice, self._connection = choice, Connection(server)
        try:
            self.facts: Facts = facts or probe(self._connection)
        except UserError:
            self._connection.close()
            raise
        self._ask = Asking(self._connection, self.facts.engine, self.facts.model, self.facts.speculates is True)

    def another(self) -> "ServedLane":
        """The same server by a connection of its own."""
        return ServedLane(self._choice, self.facts)

    @property
    def what(self) -> str:
        """Engine, version, model, and whether it speculates, in one phrase."""
        return f"{self.facts.title}, {self.facts.shown_model}, at {self.url}; drafts: {self.facts.drafting}"

    def unsent(self, options: Options) -> str | None:
        """The options of sampling that somebody set and this server is not told; None if there are none."""
        usual = values_of(Options().sampling)
        always = ("temperature", "top_p", "seed")
        names = [
            name.replace("_", "-")
            for name, value in values_of(options.sampling).items()
            if value != usual[name] and name not in always and name not in self.facts.engine.sampling
        ]
        return f"{self.name} is not told {', '.join(names)}: it does not know that" if names else None

    def begin(self, messages: Messages, options: Options, name: str = "") -> "Running":
        """Send a request; the answer is read beside whoever asked, and told under the lane's name or another."""
        from ..servers.answer import Wanted

        return Running(self, Wanted(messages, values_of(options.sampling), options.max_new_tokens), name or self.name)

    def stream(self, wanted: "Wanted") -> "Iterator[Piece | Outcome]":
        """The pieces of an answer, then its outcome; raises UserError, or Cancelled."""
        return self._ask(wanted)

    def counters(self) -> "Counters":
        """What the server's own counters say now; unknown where it has none."""
        from ..servers.probe import counters_of

        return counters_of(self._connection)

    def cancel(self) -> None:
        """Take the running request back."""
        self._connection.cancel()

    def close(self) -> None:
        """End the connection."""
        self._connection.close()


@dataclass(frozen=True, slots=True)
class Broken:
    """An answer that came to no end."""

    message: str | None
    """Why; None if it was taken back."""


class Running:
    """An answer on its way; a thread of its own reads it, so that each piece is stamped when it comes."""

    def __init__(self, lane: ServedLane, wanted: "Wanted", name: str) -> None:
        self.lane, self._name = lane, name
        self.text: list[str] = []
        """Raw, as the server reads it back."""
        self.end: End | None = None
        self._pieces = 0
        self._came: SimpleQueue[Piece | Outcome | Broken] = SimpleQueue()
        Thread(target=self._read, args=(wanted,), name=f"server {lane.name}", daemon=True).start()

    def records(self, wait: float) -> list[Record]:
        """What has come, as records; waits so long for the first. The last one is an EndText."""
        made: list[Record] = []
        while self.end is None:
            try:
                came = self._came.get(timeout=0.0 if made else wait)
            except Empty:
                break
            made += self._told(came)
        return made

    def stop(self) -> list[Record]:
        """Take the request back; the records that were still to come."""
        self.lane.cancel()
        return self.records(0.0) if self.end is not None else [*self.records(0.0), *self._ended(End("stopped"))]

    def _read(self, wanted: "Wanted") -> None:
        from ..servers.failures import Cancelled

        try:
            for one in self.lane.stream(wanted):
                self._came.put(one)
        except Cancelled:
            self._came.put(Broken(None))
        except UserError as error:
            self._came.put(Broken(str(error)))
        except Exception as error:
            log.exception("unexpected failure while reading from a server")
            self._came.put(Broken(describe(error)))

    def _told(self, came: "Piece | Outcome | Broken") -> list[Record]:
        from ..servers.answer import Outcome

        name = self._name
        if isinstance(came, Broken):
            return self._ended(End("error", sanitise(came.message)) if came.message else End("stopped"))
        drafts = came.drafts
        drafted, accepted = (drafts.drafted, drafts.accepted) if drafts is not None else (None, None)
        if isinstance(came, Outcome):
            told = Told(name, came.time_ms, came.tokens, came.prompt_tokens, drafted, accepted,
                        drafts.passes if drafts is not None else None, drafts.source if drafts is not None else None,
                        drafts.by_step if drafts is not None else (), came.kinds)  # fmt: skip
            return [told, *self._ended(End("length" if came.reason == "length" else "eos"))]
        self.text.append(came.text)
        self._pieces += 1
        text = sanitise(came.text)
        return [ServedText(name, self._pieces - 1, came.time_ms, text, came.kind, came.tokens, came.ids,
                           drafted, accepted)]  # fmt: skip

    def _ended(self, end: End) -> list[Record]:
        if self.end is not None:
            return []
        self.end = end
        return [EndText(self._name, end)]


def answer_all(
    lanes: Sequence[ServedLane],
    messages: Messages,
    options: Options,
    sink: Sink,
    stopped: Callable[[], bool],
    at_once: bool = False,
    name: str = "",
) -> list[Running]:
    """Let lanes answer, one after another or all at once; the answers, each with its end.

    Who is stopped before its turn has an end as well. A single lane may be told under another ``name``.
    """
    answers: list[Running] = []
    for group in [lanes] if at_once else [[lane] for lane in lanes]:
        running = [lane.begin(messages, options, name) for lane in group]
        answers += running
        _follow(running, sink, stopped)
        if any(one.end is not None and one.end.reason == "stopped" for one in running):
            leave_out(lanes[len(answers) :], sink)
            break
    return answers


def leave_out(lanes: Sequence[ServedLane], sink: Sink) -> None:
    """Lanes that were to answer and will not."""
    for lane in lanes:
        sink(EndText(lane.name, End("stopped")))


def all_ended(answers: Sequence[Running]) -> bool:
    """Whether every one came to its own end."""
    return all(one.end is not None and one.end.reason not in ("stopped", "error") for one in answers)


def _follow(running: Sequence[Running], sink: Sink, stopped: Callable[[], bool]) -> None:
    """Hand on what comes until all have ended or somebody stops them."""
    while open_ones := [one for one in running if one.end is None]:
        wait = LOOK / len(open_ones)
        over = stopped()
        for one in open_ones:
            for record in one.stop() if over else one.records(wait):
                sink(record)


def connect(choices: Sequence[ServerChoice], earlier: Sequence[ServerChoice] = ()) -> dict[str, ServedLane]:
    """The lanes of these servers, by name; raises UserError for one that cannot be asked.

    A key that went to an ``earlier`` server goes to no other host.
    """
    from ..servers.address import check_keys

    check_keys([_server_of(one) for one in (*earlier, *choices)])
    lanes: dict[str, ServedLane] = {}
    try:
        for choice in choices:
            lane = ServedLane(choice)
            if lane.name in lanes:
                raise UserError(f"two servers are called {lane.name}; name them in [servers.NAME]")
            lanes[lane.name] = lane
    except UserError:
        for lane in lanes.values():
            lane.close()
        raise
    return lanes


def with_names(choices: Sequence[ServerChoice]) -> dict[str, ServerChoice]:
    """These servers by the names of their lanes, which they have as names of their own then."""
    names = [sanitise(_server_of(one).name) for one in choices]
    return {name: replace(one, name=name) for name, one in zip(names, choices, strict=True)}


def _server_of(choice: ServerChoice) -> "Server":
    from ..servers.address import server_at

    return server_at(choice.url, choice.name, choice.model, choice.key_variable, choice.silence)


def named(lanes: Mapping[str, ServedLane]) -> dict[str, str]:
    """What each lane is, in one phrase."""
    return {name: lane.what for name, lane in lanes.items()}


def facts_of(lanes: Sequence[ServedLane], at_once: bool) -> dict[str, Any]:
    """What a report says of these servers; nothing where there are none."""
    if not lanes:
        return {}
    return {
        "servers": [{"name": lane.name, "url": lane.url, "what": lane.what} for lane in lanes],
        "servers_at_once": at_once,
    }


def messages_to(system: str | None, before: Messages, question: str) -> list[Mapping[str, str]]:
    """A conversation with a question as its last message."""
    first = [{"role": "system", "content": system}] if system else []
    return [*first, *before, {"role": "user", "content": question}]


def begin_turns(lanes: Sequence[ServedLane], options: Options, question: str, sink: Sink) -> None:
    """Tell that these lanes are about to answer a question."""
    for lane in lanes:
        sink(turn_of(lane.name, options, question))


def turn_of(lane: str, options: Options, question: str, before: int | None = None) -> TurnText:
    """A server's answer to a question begins, behind so many others; its prompt's tokens are not known."""
    return TurnText(lane, Turn((), SERVED, options, before=before), sanitise(question), ())
