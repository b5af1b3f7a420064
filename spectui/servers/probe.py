"""What a server is: its engine, its models, whether it speculates, and what it does not tell."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .connection import Connection, Reply
from .drafts import count
from .engines import LLAMA_SERVER, SGLANG, TRANSFORMERS, VLLM, Engine, engine_of
from .failures import Refused
from .prometheus import Counters, read_counters


@dataclass(frozen=True, slots=True)
class Facts:
    """What a server says of itself; all text may be shown."""

    engine: Engine
    model: str
    """The model to ask, as the server calls it: not for a terminal."""
    models: tuple[str, ...]
    version: str | None = None
    context: int | None = None
    """The most tokens that prompt and answer may hold together."""
    speculates: bool | None = None
    """None if it does not say before it has answered."""
    method: str | None = None
    counters: Counters = field(default_factory=Counters)

    @property
    def shown_model(self) -> str:
        """The model for people: of a file its name alone."""
        return shown_name(self.model)

    @property
    def title(self) -> str:
        """Engine and version."""
        return f"{self.engine.title} {self.version}" if self.version else self.engine.title

    @property
    def drafting(self) -> str:
        """Whether it speculates, in words."""
        if self.speculates is None:
            return "not told before an answer" if self.engine is not TRANSFORMERS else "no: it has no such option"
        return (f"yes, {self.method}" if self.method else "yes") if self.speculates else "no"


def shown_name(model: str) -> str:
    """A model's name as people read it; servers that load a file call the model by the whole path."""
    return sanitise_line(model.rpartition("/")[2] or model if model.startswith("/") else model)[:200]


def probe(connection: Connection) -> Facts:
    """Ask a server what it is; raises UserError if it is none, or has not the model that is wanted."""
    reply = connection.get("/v1/models")
    try:
        listed = reply.json
    except ValueError:
        listed = None
    entries = listed.get("data") if isinstance(listed, dict) else None
    if not isinstance(entries, list):
        raise UserError(f"{connection.server.shown} lists no models at /v1/models; is it an OpenAI-compatible server?")
    names = [one["id"] for one in entries if isinstance(one, dict) and isinstance(one.get("id"), str)]
    wanted = connection.server.model
    if wanted and names and wanted not in names:
        known = ", ".join(sanitise_line(name)[:100] for name in names[:8])
        raise UserError(f"{connection.server.shown} has no model {sanitise_line(wanted)}; it has {known}")
    if not wanted and not names:
        raise UserError(f"{connection.server.shown} lists no model; name one behind the address, #MODEL")
    engine = engine_of(reply.headers, entries)
    model = wanted or names[0]
    own = next((one for one in entries if isinstance(one, dict) and one.get("id") == model), {})
    told: dict[str, Any] = {"context": _first_count(own, "max_model_len")}
    with suppress(UserError):  # what only some servers have
        told |= _MORE[engine.title](connection) if engine.title in _MORE else {}
    counters = counters_of(connection)
    if told.get("speculates") is None and counters.known:
        told["speculates"] = True if counters.drafted or counters.acceptance_rate else None
    shown = tuple(map(shown_name, names[:100]))
    return Facts(engine, model, shown, counters=counters, **told)


def counters_of(connection: Connection) -> Counters:
    """The counters at ``/metrics``; unknown where a server has none."""
    try:
        return read_counters(connection.get("/metrics").text)
    except UserError:
        return Counters()


def _llama_server(connection: Connection) -> dict[str, Any]:
    props = _object(connection.get("/props"))
    defaults = props.get("default_generation_settings")
    settings = defaults if isinstance(defaults, dict) else {}
    method = (settings.get("params") or {}).get("speculative.types") if isinstance(settings.get("params"), dict) else ""
    told = _words(method) if isinstance(method, str) and method != "none" else None
    return {
        "version": _words(props.get("build_info")),
        "context": _first_count(settings, "n_ctx"),
        "speculates": True if told or settings.get("speculative") is True else None,
        "method": told,
    }


def _vllm(connection: Connection) -> dict[str, Any]:
    return {"version": _words(_object(connection.get("/version")).get("version"))}


def _sglang(connection: Connection) -> dict[str, Any]:
    try:
        info = _object(connection.get("/server_info"))
    except Refused:
        info = _object(connection.get("/get_server_info"))
    known = "speculative_algorithm" in info
    method = _words(info.get("speculative_algorithm"))
    made = {"version": _words(info.get("version")), "speculates": bool(method) if known else None, "method": method}
    context = _first_count(info, "context_length", "max_total_num_tokens")
    return made if context is None else made | {"context": context}


_MORE: dict[str, Callable[[Connection], dict[str, Any]]] = {
    LLAMA_SERVER.title: _llama_server,
    VLLM.title: _vllm,
    SGLANG.title: _sglang,
}


def _object(reply: Reply) -> dict[str, Any]:
    with suppress(ValueError):
        if isinstance(reply.json, dict):
            return reply.json
    return {}


def _words(value: Any) -> str | None:
    return sanitise_line(value)[:80] if isinstance(value, str) and value else None


def _first_count(of: dict[str, Any], *names: str) -> int | None:
    return next((found for name in names if (found := count(of.get(name)))), None)
