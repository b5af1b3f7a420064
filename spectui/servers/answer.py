"""An answer of a server: the pieces of text as they come, with what is said about tokens and drafts."""

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

from ..system.errors import UserError
from .address import Server
from .connection import Connection
from .drafts import Drafts, Kind, LiveKinds, count, late_kinds, read_drafts
from .engines import Engine
from .failures import Refused, reason_in
from .lines import MOST_LINE, TooLong, events

PATH = "/v1/chat/completions"
MOST_ID = 1 << 31
"""No vocabulary has as many tokens."""
MOST_TEXT = 16 << 20
"""Characters of an answer; no context holds as many."""
THINKS, ANSWERS = "<think>\n", "\n</think>\n\n"
"""Around thoughts that a server sends apart, as models write them themselves."""


@dataclass(frozen=True, slots=True)
class Piece:
    """What came at once."""

    text: str
    """As the server sent it: not for a terminal."""
    time_ms: float
    """Since the request."""
    kind: Kind | None
    """What the server says of it; None if it says nothing yet."""
    tokens: int | None
    """Tokens of the answer so far."""
    ids: tuple[int, ...]
    """Of its tokens, if they are sent."""
    drafts: Drafts | None
    """All drafts so far."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """An answer that came to its end."""

    reason: str
    """``stop`` or ``length``."""
    tokens: int | None
    prompt_tokens: int | None
    drafts: Drafts | None
    kinds: tuple[Kind, ...]
    """Of each piece, where only the end tells them; else empty."""
    time_ms: float


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for."""

    messages: Sequence[Mapping[str, str]]
    sampling: Mapping[str, Any]
    """Values of the options of sampling, by their names."""
    max_new_tokens: int


def request_body(engine: Engine, model: str, wanted: Wanted, extras: bool = True) -> dict[str, Any]:
    """The body of a request."""
    sampling = wanted.sampling
    body = {
        "model": model,
        "messages": [dict(one) for one in wanted.messages],
        "stream": True,
        "max_tokens": wanted.max_new_tokens,
        "temperature": sampling["temperature"],
        "top_p": sampling["top_p"],
        "seed": sampling["seed"],
    }
    if sampling["temperature"]:
        body |= {name: sampling[ours] for ours, name in engine.sampling.items() if ours != "repetition_penalty"}
        if not sampling["top_k"]:
            body.pop("top_k", None)
    if "repetition_penalty" in engine.sampling:
        body[engine.sampling["repetition_penalty"]] = sampling["repetition_penalty"]
    return {**body, **engine.extras} if extras else body


class Asking:
    """One request and its answer."""

    def __init__(self, connection: Connection, engine: Engine, model: str, speculates: bool = False) -> None:
        self._connection, self._engine, self._model = connection, engine, model
        self._speculates = speculates
        """Whether it is known to draft: then an answer of llama.cpp that names no drafts had none."""
        self._extras = True
        """Whether the server takes what only some servers know."""

    def __call__(self, wanted: Wanted) -> Iterator[Piece | Outcome]:
        """The pieces, then the outcome; raises UserError if it breaks, or Cancelled."""
        begun = perf_counter()
        try:
            yield from self._once(wanted, begun)
        except Refused as error:
            if error.status not in (400, 422) or not (self._extras and self._engine.extras):
                raise
            self._extras = False
            yield from self._once(wanted, begun)

    def _once(self, wanted: Wanted, begun: float) -> Iterator[Piece | Outcome]:
        body = request_body(self._engine, self._model, wanted, self._extras)
        reading = _Reading(self._connection.server, self._speculates)
        with self._connection.post(PATH, body) as parts:
            try:
                yield from self._pieces(parts, reading, begun)
            except UserError:
                yield from reading.held(_since(begun))
                raise
        yield from reading.held(_since(begun))
        outcome = reading.outcome(_since(begun))
        self._speculates = self._speculates or (outcome.drafts is not None and bool(outcome.drafts.drafted))
        yield outcome

    def _pieces(self, parts: Iterable[bytes], reading: "_Reading", begun: float) -> Iterator[Piece]:
        """What comes, until the server says that no more does."""
        try:
            for data in events(parts, self._connection.server.hush):
                if data.strip() == "[DONE]":
                    reading.done = True
                    break
                piece = reading.take(data, _since(begun))
                if piece is not None:
                    yield piece
        except TooLong as error:
            most = f"{MOST_LINE >> 20} MiB"
            raise UserError(f"{reading.shown} sends more than {most} without an end of line; stopped") from error


def _since(begun: float) -> float:
    """Milliseconds."""
    return (perf_counter() - begun) * 1e3


class _Reading:
    """What was read of an answer."""

    def __init__(self, server: Server, speculates: bool) -> None:
        self.shown, self._speculates = server.shown, speculates
        self._server, self._hushing = server, server.hushing()
        self.done = False
        """Whether the server said that no more comes; it says why in the last piece, if the answer is whole."""
        self._reason: str | None = None
        self._tokens: int | None = None
        self._prompt_tokens: int | None = None
        self._drafts: Drafts | None = None
        self._live = LiveKinds()
        self._sizes: list[int] = []
        self._ids = 0
        self._length = 0
        self._thinks = False
        self._half = ""
        """The first half of a character that a server has cut in two."""

    def take(self, data: str, time_ms: float) -> Piece | None:
        """Read one event; the piece of text in it, if there is one."""
        try:
            event = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise UserError(f"{self.shown} sends what is no JSON; is it an OpenAI-compatible server?") from error
        if not isinstance(event, dict):
            raise UserError(f"{self.shown} sends what is no event; is it an OpenAI-compatible server?")
        if event.get("error"):
            why = self._server.hush_text(reason_in(event)) or "it says no more"
            raise UserError(f"{self.shown} failed in mid-answer: {why}; the text so far is kept")
        choices = event.get("choices")
        choice = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
        self._count(event, choice)
        if isinstance(choice.get("finish_reason"), str):
            self._reason = choice["finish_reason"]
        ids = _ids(choice.get("token_ids"))
        self._ids += len(ids)
        text = self._text(choice.get("delta"))
        if not text and not ids:
            return None
        self._length += len(text)
        if self._length > MOST_TEXT:
            raise UserError(f"{self.shown} sends more text than any context holds; stopped")
        self._sizes.append(len(ids))
        return Piece(self._hushing.take(text), time_ms, self._kind(event, ids), self._known_tokens, ids, self._drafts)

    def held(self, time_ms: float) -> Iterator[Piece]:
        """The text that was held back, if there is some, now that no more comes."""
        if text := self._hushing.rest():
            yield Piece(text, time_ms, None, self._known_tokens, (), self._drafts)

    def outcome(self, time_ms: float) -> Outcome:
        """The end; raises UserError if the stream stopped before it."""
        if self._reason is None:
            why = "; another request may have taken its place" if self.done else ""
            raise UserError(f"{self.shown} cut the answer off{why}; the text so far is kept: ask again")
        by_step = self._drafts.by_step if self._drafts is not None else ()
        kinds = late_kinds(self._sizes, by_step) if by_step and all(self._sizes) else ()
        reason = "length" if self._reason == "length" else "stop"
        return Outcome(reason, self._known_tokens, self._prompt_tokens, self._drafts, kinds, time_ms)

    @property
    def _known_tokens(self) -> int | None:
        """Tokens of the answer so far; None if nobody tells."""
        return self._tokens if self._tokens is not None else self._ids or None

    def _count(self, event: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        usage, timings = event.get("usage"), event.get("timings")
        if isinstance(usage, dict):
            self._tokens = _later(self._tokens, count(usage.get("completion_tokens")))
            self._prompt_tokens = _later(self._prompt_tokens, count(usage.get("prompt_tokens")))
        if isinstance(timings, dict):
            self._tokens = _later(self._tokens, count(timings.get("predicted_n")))
            if self._speculates and self._drafts is None:
                self._drafts = Drafts("timings", 0, 0)
        self._drafts = read_drafts(event) or read_drafts(choice) or self._drafts

    def _kind(self, event: Mapping[str, Any], ids: Sequence[int]) -> Kind | None:
        """What is known of a piece now: only counters beside each single token tell at once."""
        return self._live.kind(self._drafts) if isinstance(event.get("timings"), dict) and len(ids) <= 1 else None

    def _text(self, delta: Any) -> str:
        """The text of a delta; thoughts that come apart stand in the tags that models write themselves."""
        if not isinstance(delta, dict):
            return ""
        thought, said = (
            next((delta[name] for name in names if isinstance(delta.get(name), str)), "")
            for names in (("reasoning_content", "reasoning"), ("content",))
        )
        text = ""
        if thought:
            text, self._thinks = thought if self._thinks else THINKS + thought, True
        if said:
            text, self._thinks = text + (ANSWERS + said if self._thinks else said), False
        return self._whole(text)

    def _whole(self, text: str) -> str:
        """The text with characters put together that came in two halves."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        if any("\ud800" <= one <= "\udfff" for one in text):
            text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        return text


def _ids(value: Any) -> tuple[int, ...]:
    """Ids of tokens; none if some are no ids."""
    made = [count(one) for one in value] if isinstance(value, list) else []
    known = tuple(one for one in made if one is not None and one < MOST_ID)
    return known if len(known) == len(made) else ()


def _later(old: int | None, new: int | None) -> int | None:
    """A count that only grows."""
    return old if new is None else new if old is None else max(old, new)
