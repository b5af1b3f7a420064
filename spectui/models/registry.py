"""The models that have a name of their own; importing this loads nothing heavy."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from .sources import Package

RANDOM = "random:"


@dataclass(frozen=True, slots=True)
class Known:
    """A model with a name, and the draft that fits it."""

    name: str
    target: str
    """Hub id, or a folder below ``demo`` for the embedded pair."""
    draft: str | None
    """Another name, or a hub id; None where no smaller model is enough faster to draft."""
    note: str
    shipped_draft: str = ""
    """The folder below ``drafts`` of one that comes with the program, used where there is no other ``draft``."""
    heads: tuple[str, ...] = ()
    """Trained heads for ``eagle``, the best first: hub ids, or names below the folder of those that are shipped."""
    mode: str = ""
    """In which conversations begin, where it was the fastest (docs/benchmarks.md); empty leaves it to what there is."""
    package: Package | None = None
    """One that carries the weights, tried where they are not in the hub's cache."""
    sampling: dict[str, float] = field(default_factory=dict)
    """What its makers advise: ``temperature``, ``top_p``."""
    shape: dict[str, Any] = field(default_factory=dict)
    """Configuration of the target's architecture, for ``random:NAME``."""
    draft_shape: dict[str, Any] = field(default_factory=dict)
    """The same of a draft that has no name of its own."""

    @property
    def drafts_shape(self) -> dict[str, Any]:
        """The shape of the draft, empty without one."""
        named = known_models().get(self.draft or "")
        return named.shape if named and named is not self else self.draft_shape


@dataclass(frozen=True, slots=True)
class Family:
    """Example prompts of one kind."""

    title: str
    prompts: tuple[str, ...]


def demo_folder() -> Path:
    """Where the embedded pair lies."""
    return Path(str(files(__package__))) / "demo"


@cache
def known_models() -> dict[str, Known]:
    """The names in ``registry.toml``, in its order."""
    listed = tomllib.loads((files(__package__) / "registry.toml").read_text("utf-8"))
    return {name: _known(name, **entry) for name, entry in listed.items()}


def _known(name: str, package: dict[str, str] | None = None, draft: str | None = None, **entry: Any) -> Known:
    heads = tuple(entry.pop("heads", ()))
    return Known(name=name, draft=draft, heads=heads, package=Package(**package) if package else None, **entry)


@cache
def _examples() -> dict[str, dict[str, list[str]]]:
    made: dict[str, dict[str, list[str]]] = tomllib.loads((files(__package__) / "examples.toml").read_text("utf-8"))
    return made


def examples(model: str) -> list[Family]:
    """Prompts that show what a model or its family is good at; a general set for models without their own."""
    every, name = _examples(), f"{model.removeprefix(RANDOM)}-"
    chosen = next((every[family] for family in every if name.startswith(f"{family}-")), every["general"])
    return [Family(title, tuple(prompts)) for title, prompts in chosen.items()]
