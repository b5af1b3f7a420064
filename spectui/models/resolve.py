"""From what a person typed to where a model's files are."""

import os
from contextlib import suppress
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.resources import files
from pathlib import Path
from typing import Any

from ..config.choice import AUTO, ModelChoice
from ..config.paths import drafters
from ..system.errors import UserError
from ..system.files import file_stem
from .hub import hub_answers
from .registry import RANDOM, Known, demo_folder, known_models
from .sources import Package, cached_file, cached_model

HUB_REMEDY = "check the name and the network, or give a local folder"
GGUF = ".gguf"
DRAFT = "-draft"
"""Behind the model's name in that of the folder of a draft model that was trained for it."""
REAL, TOYS = "smollm2-135m", "demo"
"""What ``auto`` stands for: a real model where its weights are on this machine, and the pair that is always there."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where one model comes from: a folder, hub id or GGUF file, or a shape to fill with random weights."""

    title: str
    source: str
    shape: dict[str, Any] | None = None
    local: bool = False
    cached: bool = False
    """Whether only the local cache is looked into, because the hub does not answer."""
    gguf: str = ""
    """A GGUF file that has to be read first: its path, or its name in the hub's repository ``source``."""
    package: Package | None = None
    """The package that brings the file, or would bring it."""

    @property
    def remedy(self) -> str:
        """What helps where the hub cannot be reached."""
        if self.package is None:
            return HUB_REMEDY
        if self.package.folder is None:
            return f"`{self.package.install}` brings it too"
        return (
            f"the package {self.package.name} is installed but has no {self.package.file.rpartition('/')[2]}: "
            f"`{self.package.install}=={self.package.version}` brings it"
        )


def reachable(places: tuple[Place, Place | None]) -> tuple[Place, Place | None]:
    """The same places; hub ids among them are looked for in the local cache alone if the hub does not answer."""
    if all(place is None or place.local for place in places) or hub_answers():
        return places
    target, draft = (place and replace(place, cached=not place.local) for place in places)
    assert target is not None
    return target, draft


def resolve(choice: ModelChoice) -> tuple[Place, Place | None]:
    """Target and draft, by the embedded pair, the registry, a folder or file, a hub id, in this order.

    Raises UserError for names that can be nothing of these.
    """
    name = meant(choice.model)
    known = known_models().get(name.removeprefix(RANDOM))
    target = place(name)
    if choice.draft == "none":
        return target, None
    if choice.draft:
        return target, place(choice.draft, as_draft=True)
    own = trained(target, DRAFT)
    return target, own or (_own_draft(known, name.startswith(RANDOM)) if known else None)


def drafter_folder(title: str, suffix: str = "") -> Path:
    """Where ``spectui train-head`` puts what it makes for the model called so: a head, or a draft model."""
    return drafters() / f"{file_stem(title)}{suffix}"


def trained(target: Place, suffix: str = "") -> Place | None:
    """What ``spectui train-head`` made here for a model, if it did; it goes before what the registry names."""
    folder = drafter_folder(target.title, suffix)
    here = target.shape is None and (folder / "config.json").is_file()
    return Place(f"{folder.name} (trained here)", str(folder), local=True) if here else None


def shipped_folder() -> Path:
    """Below it are the draft models that come with the program."""
    return Path(str(files(__package__))) / "drafts"


def shipped_draft(known: Known) -> Place | None:
    """The draft model of a known one that comes with the program, if it does."""
    folder = shipped_folder() / known.shipped_draft
    here = known.shipped_draft and (folder / "config.json").is_file()
    return Place(f"{known.name}-draft", str(folder), local=True) if here else None


def advised_mode(choice: ModelChoice) -> str:
    """In which mode conversations with a known model begin; empty if nothing is advised, or a drafter was asked for."""
    known = known_models().get(meant(choice.model))
    asked = {choice.draft, choice.head} - {"", "none"}
    return known.mode if known and not asked else ""


def brings_draft(choice: ModelChoice) -> bool:
    """Whether what was chosen has a draft model, as far as that is known before it is loaded."""
    with suppress(UserError):
        return resolve(choice)[1] is not None
    return False


def meant(model: str) -> str:
    """The name that ``auto`` stands for here and now; any other name means itself."""
    if model != AUTO:
        return model
    known = known_models()[REAL]
    here = (known.package is not None and known.package.path) or cached_model(known.target)
    return REAL if here else TOYS


def place(name: str, as_draft: bool = False) -> Place:
    """Where the model called ``name`` comes from."""
    if name.startswith(RANDOM):
        return _random(name, as_draft)
    known = known_models().get(name)
    if name == "demo":
        part = "draft" if as_draft else "target"
        return Place(f"demo-{part}" if as_draft else "demo", str(demo_folder() / part), local=True)
    if known is not None:
        return _nearest(known)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return Place(folder.resolve().name, str(folder), local=True)
    if folder.is_file() and folder.suffix.lower() == GGUF:
        return Place(folder.stem, str(folder), local=True, gguf=str(folder))
    if ":" in name and name.lower().endswith(GGUF):
        return _file_of_hub(name)
    if _looks_like_path(name) or folder.exists():
        what = "is neither a folder nor a .gguf file" if folder.exists() else "does not exist"
        raise UserError(f"{name} {what}; give the folder that holds the model's config.json, or a .gguf file")
    if name.count("/") == 1 and " " not in name:
        return Place(name, name)
    near = get_close_matches(name, known_models(), 2, 0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UserError(
        f"unknown model {name!r}; {hint}give a name from `spectui models`, a folder, a .gguf file, "
        "or a hub id owner/name"
    )


def _nearest(known: Known) -> Place:
    """The first source of a named model that is there: the hub's cache, its package, and at last the hub."""
    folder = cached_model(known.target)
    if folder is not None:
        return Place(known.name, str(folder), local=True)
    path = known.package.path if known.package else None
    if path is not None:
        return Place(known.name, str(path), local=True, gguf=str(path), package=known.package)
    return Place(known.name, known.target, package=known.package)


def _file_of_hub(name: str) -> Place:
    repository, _, file = name.partition(":")
    if repository.count("/") != 1 or " " in name or ".." in file or file.startswith("/"):
        raise UserError(f"{name} names no file of the hub; write owner/name:file.gguf")
    path = cached_file(repository, file)
    return Place(name, str(path or repository), local=path is not None, gguf=str(path or file))


def _random(name: str, as_draft: bool) -> Place:
    known = known_models().get(name.removeprefix(RANDOM))
    if known is None:
        names = ", ".join(known_models())
        raise UserError(f"{name}: random weights need the shape of a known model; choose from {names}")
    shape = (as_draft and known.drafts_shape) or known.shape
    return Place(name, str(demo_folder() / "target"), shape, local=True)


def _own_draft(known: Known, random: bool) -> Place | None:
    if known.draft is None:
        return None if random else shipped_draft(known)
    if random:
        return Place(f"{RANDOM}{known.name} draft", str(demo_folder() / "target"), known.drafts_shape, local=True)
    return place("demo" if known.name == "demo" else known.draft, as_draft=True)


def _looks_like_path(name: str) -> bool:
    return name.startswith((".", "~", os.sep)) or name.count("/") > 1 or name.lower().endswith(GGUF)
