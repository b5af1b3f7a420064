"""What the decode thread reports, besides the steps themselves; ids and numbers only."""

from dataclasses import dataclass
from typing import Literal

from .options import Options
from .step import Step

Reason = Literal["eos", "stop", "length", "context", "stopped", "error"]


@dataclass(frozen=True, slots=True)
class Turn:
    """An answer begins."""

    prompt: tuple[int, ...]
    mode: str
    options: Options
    remembers: int = 0
    """Tokens of the datastore that a lane of a comparison may look up."""
    before: int | None = None
    """Earlier questions of the conversation that are in the prompt, each with its answer; None if nobody counts."""


@dataclass(frozen=True, slots=True)
class Prefill:
    """The prompt is in the KV cache and the target has chosen the first token."""

    ms: float
    reused: int
    """Prompt tokens whose KV rows were still there from the turn before."""
    token: int
    time_ms: float
    """Time to first token: milliseconds since the command to answer."""


@dataclass(frozen=True, slots=True)
class Switch:
    """Another mode takes over before the step with this index."""

    mode: str
    index: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Other options hold from the step with this index on."""

    options: Options
    index: int


@dataclass(frozen=True, slots=True)
class End:
    """An answer is over."""

    reason: Reason
    message: str | None = None
    """What went wrong and the remedy, when the reason is ``error``."""


Event = Turn | Prefill | Step | Switch | Changed | End
