"""Events with text: an engine event, the lane it belongs to, and the sanitised words for its tokens.

Everything downstream of the engine (trace file, metrics, terminal) lives on these values alone. All text in them
has passed ``models.sanitise``; it holds no control character but newline and tab.
"""

from dataclasses import dataclass, field
from typing import Literal

from ..engine.values.events import Changed, End, Prefill, Switch, Turn
from ..engine.values.step import Step

FORMAT = "spectui.trace/1"
"""Of a trace, which holds these records."""
CHAT = "chat"
"""The lane of a conversation."""


@dataclass(frozen=True, slots=True)
class Loading:
    """A stage of getting the models ready; ``fraction`` is in [0, 1], None when unknown."""

    stage: str
    fraction: float | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """The models are loaded; also the header of a trace."""

    model: str
    draft: str | None
    device: str
    dtype: str
    seconds: float
    """Time from the command to load until ready."""
    context: int | None
    """The most tokens that prompt and answer may hold together; None where a server does not tell."""
    modes: tuple[str, ...]
    """Names of the modes that this pair can run, in the registry's order."""
    unavailable: dict[str, str] = field(default_factory=dict)
    """Mode name -> why this pair cannot run it, in one plain phrase."""
    notes: tuple[str, ...] = ()
    """Things that a user should know about this model on this device."""
    versions: dict[str, str] = field(default_factory=dict)
    head: str | None = None
    """The trained head that drafts in ``eagle``."""
    quality: str | None = None
    """What a dtype of few bits costs in quality, in words; None if that is not known."""
    plain_ms: float | None = None
    """What a pass over one token took at load, behind some context; None if that was not measured."""
    servers: dict[str, str] = field(default_factory=dict)
    """Lanes that are servers -> what each is, in one phrase."""


@dataclass(frozen=True, slots=True)
class Failed:
    """The models could not be loaded; ``message`` is one clear line with the remedy."""

    message: str


@dataclass(frozen=True, slots=True)
class TurnText:
    """An answer begins: the question as asked, and the texts of the prompt's tokens (template included)."""

    lane: str
    turn: Turn
    question: str
    texts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PrefillText:
    """The first token's text; empty while a character is still incomplete."""

    lane: str
    prefill: Prefill
    text: str


@dataclass(frozen=True, slots=True)
class StepText:
    """A step with a text for each of its drafted nodes and for each emitted token.

    The concatenation of all emitted texts, and the tail of ``EndText``, is the answer. A token that completes no
    grapheme has the text ``""``; the last token of a grapheme owns the whole of it. Node texts are previews: each
    reads as it would after its path, and takes no part in that concatenation.
    """

    lane: str
    step: Step
    nodes: tuple[str, ...]
    emitted: tuple[str, ...]
    branches: tuple[tuple[str, ...], ...] = ()
    """Previews of the branches that were drafted meanwhile."""
    top: tuple[tuple[str, ...], ...] = ()
    """Previews of what the target could have chosen, as in the step's ``target_top``."""
    quotes: tuple[tuple[tuple[str, ...], tuple[str, ...]], ...] = ()
    """Texts of the step's ``quotes``: before and behind."""


@dataclass(frozen=True, slots=True)
class SwitchText:
    """Another mode takes over."""

    lane: str
    switch: Switch


@dataclass(frozen=True, slots=True)
class ChangedText:
    """Other options hold from here on."""

    lane: str
    changed: Changed


ServedKind = Literal["target", "accepted", "correction", "bonus"]


@dataclass(frozen=True, slots=True)
class ServedText:
    """What a server sent at once, and what it has said so far of its tokens and drafts; unknown is None."""

    lane: str
    index: int
    """0-based number of the piece in its answer."""
    time_ms: float
    """Since the request, on the clock of whoever asked, the network included."""
    text: str
    kind: ServedKind | None = None
    """Of the whole piece: ``accepted`` if there are accepted tokens in it."""
    tokens: int | None = None
    """Tokens of the answer so far."""
    ids: tuple[int, ...] = ()
    """Of the piece's tokens, if the server sends them."""
    drafted: int | None = None
    accepted: int | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """What a server says of an answer when it is over; unknown is None."""

    lane: str
    time_ms: float
    tokens: int | None = None
    prompt_tokens: int | None = None
    drafted: int | None = None
    accepted: int | None = None
    passes: int | None = None
    """Target passes after the first token."""
    source: str | None = None
    """The field that told of the drafts."""
    by_step: tuple[tuple[int, int], ...] = ()
    """(drafted, accepted) of each pass that had a draft."""
    kinds: tuple[ServedKind, ...] = ()
    """Of each piece, where only now is known what was drafted; else empty."""


@dataclass(frozen=True, slots=True)
class EndText:
    """An answer is over; ``tail`` is text that was still held back."""

    lane: str
    end: End
    tail: str = ""


@dataclass(frozen=True, slots=True)
class Compared:
    """A lane's answer was held against the autoregressive one."""

    lane: str
    place: int | None = None
    """Index in the answer of the first token that differs; None is the same text."""
    gap: float | None = None
    """Between the two highest scores of the target for that token."""


Kind = Literal["answer", "measurement", "race"]
"""What a command asks for."""


@dataclass(frozen=True, slots=True)
class Started:
    """A command begins: all records of lanes up to its Finished belong to it."""

    command: int
    """The id that its caller was given."""
    kind: Kind


@dataclass(frozen=True, slots=True)
class Finished:
    """A command is over, however it went; each one that was accepted ends in exactly one such record."""

    command: int
    kind: Kind


@dataclass(frozen=True, slots=True)
class Cleared:
    """A new conversation begins: what follows is not part of the old one."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A conversation that was kept goes on; these are the ids of it and of the answers that the models know."""

    conversation: int
    answers: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Instructed:
    """Another system message, empty for none, holds from the next question on."""

    system: str


@dataclass(frozen=True, slots=True)
class Note:
    """Something that a person should know now, in one line."""

    message: str


Record = (
    Loading
    | Ready
    | Failed
    | TurnText
    | PrefillText
    | StepText
    | SwitchText
    | ChangedText
    | ServedText
    | Told
    | EndText
    | Compared
    | Started
    | Finished
    | Cleared
    | Resumed
    | Instructed
    | Note
)
