"""From what a person typed to where a model's files are."""

import os
from dataclasses import dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..config.choice import ModelChoice
from ..system.errors import UserError
from .hub import hub_answers
from .registry import RANDOM, Known, demo_folder, known_models


@dataclass(frozen=True, slots=True)
class Place:
    """Where one model comes from: a folder or hub id, or a shape to fill with random weights."""

    title: str
    source: str
    shape: dict[str, Any] | None = None
    local: bool = False
    cached: bool = False
    """Whether only the local cache is looked into, because the hub does not answer."""


def reachable(places: tuple[Place, Place | None]) -> tuple[Place, Place | None]:
    """The same places; hub ids among them are looked for in the local cache alone if the hub does not answer."""
    if all(place is None or place.local for place in places) or hub_answers():
        return places
    target, draft = (place and replace(place, cached=not place.local) for place in places)
    assert target is not None
    return target, draft


def resolve(choice: ModelChoice) -> tuple[Place, Place | None]:
    """Target and draft, by the embedded pair, the registry, a folder, a hub id, in this order.

    Raises UserError for names that can be nothing of these.
    """
    known = known_models().get(choice.model.removeprefix(RANDOM))
    target = place(choice.model)
    if choice.draft == "none":
        return target, None
    if choice.draft:
        return target, place(choice.draft, as_draft=True)
    return target, _own_draft(known, choice.model.startswith(RANDOM)) if known else None


def place(name: str, as_draft: bool = False) -> Place:
    """Where the model called ``name`` comes from."""
    if name.startswith(RANDOM):
        return _random(name, as_draft)
    known = known_models().get(name)
    if name == "demo":
        part = "draft" if as_draft else "target"
        return Place(f"demo-{part}" if as_draft else "demo", str(demo_folder() / part), local=True)
    if known is not None:
        return Place(name, known.target)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Place(folder.resolve().name, str(folder), local=True)
    if _looks_like_path(name) or folder.exists():
        what = "is not a folder" if folder.exists() else "does not exist"
        raise UserError(f"{name} {what}; give the folder that holds the model's config.json")
    if name.count("/") == 1 and " " not in name:
        return Place(name, name)
    near = get_close_matches(name, known_models(), 2, 0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(
        f"unknown model {name!r}; {hint}give a name from `spectui models`, a folder, or a hub id owner/name"
    )


def _random(name: str, as_draft: bool) -> Place:
    known = known_models().get(name.removeprefix(RANDOM))
    if known is None:
        names = ", ".join(known_models())
        raise UserError(f"{name}: random weights need the shape of a known model; choose from {names}")
    return Place(name, str(demo_folder() / "target"), known.draft_shape if as_draft else known.shape, local=True)


def _own_draft(known: Known, random: bool) -> Place | None:
    if known.draft is None:
        return None
    if random:
        return Place(f"{RANDOM}{known.name} draft", str(demo_folder() / "target"), known.draft_shape, local=True)
    if known.name == "demo":
        return place("demo", as_draft=True)
    return Place(known.draft, known.draft)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", os.sep)) or name.count("/") > 1
