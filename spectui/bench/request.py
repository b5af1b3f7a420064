"""What a bench was asked for: questions and lanes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from ..config.choice import ServerChoice
from ..config.settings import Settings
from ..engine.drafters.registry import MODES
from ..record.metrics import REFERENCE
from ..session.runtime import Runtime
from ..system.errors import UserError
from .lane import Lane, ModeLane
from .llama_peer import NAMES, llama_lanes
from .partial import fingerprint
from .peers import PEERS, PeerLane, untouched, why_not_untouched
from .questions import Question, read_questions
from .server_lane import ServerLane

PEER_NAMES = (*PEERS, *NAMES)


@dataclass(frozen=True, slots=True)
class Request:
    """What to measure."""

    questions: Sequence[str]
    """Names of built-in sets, or files."""
    modes: Sequence[str]
    peers: Sequence[str] = ()
    limit: int | None = None
    skip_bad_lines: bool = False
    learning: bool = False
    """Whether every lane of ours may look up its own answers to earlier questions."""
    servers: Sequence[ServerChoice] = ()
    at_once: bool = False
    """Whether servers answer at the same time, and not one after another."""

    @property
    def runs_here(self) -> bool:
        """Whether a model is loaded, and not only servers asked."""
        return bool(self.modes or self.peers or not self.servers)


def gather(request: Request, say: Callable[[str], None]) -> list[Question]:
    """All questions, spread evenly over the sets if there is a limit."""
    made: list[Question] = []
    for name in request.questions:
        found = read_questions(name, say if request.skip_bad_lines else None)
        prefix = f"{Path(name).stem}:" if len(request.questions) > 1 else ""
        made += [replace(question, id=f"{prefix}{question.id}") for question in found]
    twice = next((q.id for i, q in enumerate(made) if any(q.id == other.id for other in made[:i])), None)
    if twice is not None:
        raise UserError(f"question_id {twice} occurs twice; every question needs its own")
    count = len(made) if request.limit is None else min(request.limit, len(made))
    return [made[index * len(made) // count] for index in range(count)]


def make_lanes(loaded: Runtime, request: Request, settings: Settings) -> tuple[list[Lane], dict[str, str]]:
    """The reference first, then what was asked for; and what this pair cannot do, with the reason."""
    options = settings.options
    left_out: dict[str, str] = {}
    lanes: list[Lane] = []
    for name in dict.fromkeys([REFERENCE, *request.modes]):
        if name in loaded.ready.modes:
            lanes.append(ModeLane(loaded, MODES[name].name, options, request.learning))
        else:
            left_out[name] = loaded.ready.unavailable[name]
    theirs = [name for name in dict.fromkeys(request.peers) if name in PEERS]
    why_not = why_not_untouched(loaded)
    modules = untouched(loaded) if theirs and why_not is None else None
    for name in theirs:
        peer = PEERS[name]
        if why_not is not None:
            left_out[name] = why_not
        elif modules is None or (peer.needs_draft and modules.draft is None):
            left_out[name] = "no draft model is loaded (--draft NAME)"
        else:
            lanes.append(PeerLane(loaded, peer, options, modules))
    others, impossible = llama_lanes(loaded, request.peers, settings.model, options)
    return [*lanes, *others], left_out | impossible


def identity(
    settings: Settings, where: Mapping[str, Any], lanes: Sequence[Lane | ServerLane], asked: Sequence[Question]
) -> Any:
    """Everything that two starts of a bench must share to be one bench."""
    return {
        "model": [where["model"], asdict(settings.model)],
        "decoding": asdict(replace(settings.decoding, mode="")),
        "machine": [where["processor"], where["threads"], where["versions"]],
        "lanes": [lane.name for lane in lanes],
        "datastore": [where["datastore_tokens"], where["learning"]],
        "servers": [where.get("servers"), where.get("servers_at_once")],
        "questions": fingerprint({question.id: [question.category, *question.turns] for question in asked}),
    }
