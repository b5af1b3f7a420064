"""The models that have a name of their own; importing this loads nothing heavy."""

import tomllib
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

RANDOM = "random:"


@dataclass(frozen=True, slots=True)
class Known:
    """A model with a name, and the draft that fits it."""

    name: str
    target: str
    """Hub id, or a folder below ``demo`` for the embedded pair."""
    draft: str | None
    note: str
    shape: dict[str, Any] = field(default_factory=dict)
    """Configuration of the target's architecture, for ``random:NAME``."""
    draft_shape: dict[str, Any] = field(default_factory=dict)


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
    return {name: Known(name=name, **entry) for name, entry in listed.items()}


@cache
def _examples() -> dict[str, dict[str, list[str]]]:
    made: dict[str, dict[str, list[str]]] = tomllib.loads((files(__package__) / "examples.toml").read_text("utf-8"))
    return made


def examples(model: str) -> list[Family]:
    """Prompts that show what a model is good at; a general set for models without their own."""
    every = _examples()
    chosen = every.get(model.removeprefix(RANDOM), every["general"])
    return [Family(title, tuple(prompts)) for title, prompts in chosen.items()]
