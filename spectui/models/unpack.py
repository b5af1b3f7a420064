"""From a GGUF file, wherever it is, to the folder that everything else reads."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from ..system.progress import Progress
from .fetch import fetch
from .registry import known_models
from .resolve import Place
from .size import check_memory
from .sources import cached_file


def unpacked(place: Place, progress: Progress, item: int = 0) -> Place:
    """The same model as a folder; what is no GGUF file stays as it is.

    Raises UserError before anything is written if its numbers, of ``item`` bytes each, do not fit into memory.
    """
    if not place.gguf:
        return place
    from .gguf.cache import converted

    path = Path(place.gguf) if place.local else _fetched(place, progress)

    def check(config: Mapping[str, Any], elements: int) -> None:
        _check_model(place, config)
        check_memory(place.title, elements, item)

    folder = converted(path, place.title, progress, check)
    return replace(place, source=str(folder), local=True, gguf="")


def _check_model(place: Place, config: Mapping[str, Any]) -> None:
    """What a package brings must be the model that has the name."""
    known = known_models().get(place.title)
    if place.package is None or known is None:
        return
    for name in ("num_hidden_layers", "hidden_size", "vocab_size"):
        if config[name] != known.shape[name]:
            raise UserError(
                f"the package {place.package.name} that is installed carries another model than {place.title} "
                f"({name} {config[name]} instead of {known.shape[name]}); "
                f"`{place.package.install}=={place.package.version}` brings the right one"
            )


def _fetched(place: Place, progress: Progress) -> Path:
    if place.cached:
        raise UserError(f"{place.title} is not in the local cache and the hub does not answer; {place.remedy}")
    fetch(place, lambda done, total: progress(f"fetching {place.title}", done / max(1, total)))
    path = cached_file(place.source, place.gguf)
    if path is None:
        raise UserError(f"{place.title} was removed from the hub's cache meanwhile; fetch it again")
    return path
