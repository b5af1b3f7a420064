"""From a GGUF file, wherever it is, to the folder that everything else reads."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from ..system.errors import UserError
from .failures import explain
from .resolve import Place

Progress = Callable[[str, float | None], None]


def unpacked(place: Place, progress: Progress) -> Place:
    """The same model as a folder; what is no GGUF file stays as it is."""
    if not place.gguf:
        return place
    from .gguf.cache import converted

    path = Path(place.gguf) if place.local else _fetched(place, progress)
    folder = converted(path, place.title, progress)
    return replace(place, source=str(folder), local=True, gguf="")


def _fetched(place: Place, progress: Progress) -> Path:
    from huggingface_hub import hf_hub_download

    if place.cached:
        raise UserError(f"{place.title} is not in the local cache and the hub does not answer; {place.remedy}")
    progress(f"fetching {place.title}", None)
    with explain(place):
        return Path(hf_hub_download(place.source, place.gguf))
    raise AssertionError
