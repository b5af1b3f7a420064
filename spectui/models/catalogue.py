"""The models that have a name, with all that helps to choose one: size, source, memory, drafts. Loads nothing heavy."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ..config.choice import ModelChoice
from ..system.errors import UserError
from .head_places import head_place
from .registry import RANDOM, Known, known_models
from .resolve import brings_draft, meant, place, resolve
from .size import ROOM, folder_elements, shape_elements

WORTH = 3
"""A draft has at most one parameter for so many of its target's."""
HUB_BYTES = 2
"""Of a parameter on the hub, where weights are bfloat16."""
Here = Literal["yes", "package", "no"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One model as a person chooses it."""

    name: str
    source: str
    """Where it comes from, in words."""
    note: str
    elements: int
    """Parameters of the target."""
    draft: str | None
    """The draft that it brings."""
    drafts: tuple[str, ...]
    """All that fit, its own first."""
    heads: tuple[str, ...]
    """Trained heads for it."""
    here: Here
    """Whether its weights are on this machine, and by which way."""
    download: int
    """Bytes to fetch, with its draft; 0 where nothing is fetched."""
    need: int
    """Bytes of memory to work in, with its draft."""

    def fits(self, free: int | None) -> str:
        """Whether that many free bytes hold it, in a word or two."""
        if free is None:
            return "?"
        return "yes" if self.need <= free else "in bfloat16" if self.need / 2 <= free else "no"


def catalogue(item: int = 4) -> list[Entry]:
    """All models with a name, in the registry's order; ``item`` is the size of a parameter in memory, in bytes."""
    return [_entry(known, item) for known in known_models().values()]


def needed(choice: ModelChoice, item: int = 4) -> int | None:
    """Bytes of memory for what was chosen, with its draft; None where that is not known before it is loaded."""
    known = known_models().get(meant(choice.model).removeprefix(RANDOM))
    if known is not None:
        drafts = shape_elements(known.drafts_shape) if known.draft and brings_draft(choice) else 0
        return int(item * ROOM * (shape_elements(known.shape) + drafts))
    try:
        found = place(choice.model)
    except UserError:
        return None
    here = found.local and not found.gguf
    return int(item * ROOM * folder_elements(Path(found.source))) or None if here else None


def _entry(known: Known, item: int) -> Entry:
    found, elements = place(known.name), shape_elements(known.shape)
    both = elements + (shape_elements(known.drafts_shape) if known.draft else 0)
    return Entry(
        name=known.name,
        source=_source(known),
        note=known.note,
        elements=elements,
        draft=_own_draft(known),
        drafts=tuple(dict.fromkeys(_drafts(known))),
        heads=_heads(known),
        here="no" if not found.local else "package" if found.gguf else "yes",
        download=0 if known.name == "demo" else HUB_BYTES * both,
        need=int(item * ROOM * both),
    )


def _own_draft(known: Known) -> str | None:
    """The draft model that is loaded with it, by the name that people see."""
    found = resolve(ModelChoice(known.name))[1]
    return found.title if found is not None else None


def _drafts(known: Known) -> Iterator[str]:
    """Its own draft, then the named models of the same vocabulary that are small enough beside it."""
    if known.draft is not None:
        yield "demo-draft" if known.name == "demo" else known.draft
    most = shape_elements(known.shape) / WORTH
    for other in known_models().values():
        same = other.shape["vocab_size"] == known.shape["vocab_size"] and _family(other) == _family(known)
        if other is not known and same and shape_elements(other.shape) <= most:
            yield other.name


def _heads(known: Known) -> tuple[str, ...]:
    """The trained head that ``eagle`` takes, and whether it is here."""
    found = head_place(ModelChoice(known.name))
    return () if found is None else (f"{found.title}{' (here)' if found.local else ''}",)


def _family(known: Known) -> str:
    return known.name.partition("-")[0]


def _source(known: Known) -> str:
    if known.name == "demo":
        return "the program"
    return f"{known.target} or {known.package.install}" if known.package else known.target
