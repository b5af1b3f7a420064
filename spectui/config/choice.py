"""What a person asks to be loaded."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class ModelChoice:
    """Names and wishes; nothing is looked up yet."""

    model: str = "demo"
    """A known name, a folder, a hub id, or ``random:NAME``."""
    draft: str | None = None
    """None takes the model's own draft if it has one; ``none`` loads no draft."""
    device: str = "auto"
    dtype: str = "auto"
    trust_remote_code: bool = False


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Whether there is a datastore to look up in."""

    folder: Path
    """Below it every tokenizer has a datastore of its own."""
    learns: bool = True
    """Whether finished answers go into it."""
    compares: bool = False
    """Whether comparisons (races, benches, measurements) look up in it too; else theirs is empty."""
