"""Fetches a model from the hub: with progress, to be given up at any time and taken up again later."""

from collections.abc import Callable
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from .failures import explain
from .hub import hub_answers
from .resolve import Place
from .sources import cached_file, repository_folder

FILES = ("*.json", "model*.safetensors", "chat_template*.jinja", "merges.txt", "vocab.txt", "tokenizer.model")
LARGE = 1 << 24
"""Bytes from which on what was fetched of a file is kept."""
PART = ".part"
Progress = Callable[[int, int], None]
"""Is told the bytes that are here and those of all."""


class Cancelled(Exception):
    """Whoever wanted the model does not want it any more; what was fetched is kept for the next time."""


def fetch(place: Place, progress: Progress, cancelled: Callable[[], bool] = lambda: False) -> None:
    """Bring what ``place`` names into the hub's cache; nothing happens if it is on this machine already.

    Raises Cancelled soon after ``cancelled`` says yes, and UserError with the remedy for whatever is wrong.
    """
    if place.local:
        return
    if not hub_answers():
        raise UserError(f"{place.title} cannot be fetched: the hub does not answer; {place.remedy}")
    with explain(place):
        try:
            _fetch(place, progress, cancelled)
        except Cancelled:
            pass
        else:
            return
    raise Cancelled


def _fetch(place: Place, progress: Progress, cancelled: Callable[[], bool]) -> None:
    from huggingface_hub import HfApi, hf_hub_download

    listed = HfApi().model_info(place.source, files_metadata=True).siblings or ()
    sizes = {file.rfilename: int(file.size or 0) for file in listed if _wanted(file.rfilename, place.gguf)}
    if not any(name == place.gguf or name.endswith(".safetensors") for name in sizes):
        what = place.gguf or "weights in safetensors"
        raise UserError(f"{place.source} has no {what}; look at its files on the hub, or use another model")
    total, before = sum(sizes.values()), 0
    for name in sorted(sizes, key=lambda name: sizes[name]):  # the configuration first: what is wrong shows early
        if cancelled():
            raise Cancelled
        bar = _bar(before, total, progress, cancelled)
        if sizes[name] > LARGE:
            _fetch_large(place.source, name, bar)
        hf_hub_download(place.source, name, tqdm_class=bar)
        before += sizes[name]
        progress(before, total)


def _fetch_large(repository: str, name: str, bar: Any) -> None:
    """Put a file where the hub's client looks for it. The client itself begins each file anew after an interruption."""
    from filelock import FileLock
    from huggingface_hub import get_hf_file_metadata, hf_hub_url
    from huggingface_hub.file_download import http_get
    from huggingface_hub.utils import build_hf_headers  # type: ignore[attr-defined]

    url = hf_hub_url(repository, name)
    told = get_hf_file_metadata(url)
    if not told.etag or not told.etag.isalnum() or cached_file(repository, name):
        return
    blobs = repository_folder(repository) / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    whole, part = blobs / told.etag, blobs / f"{told.etag}{PART}"
    with FileLock(f"{part}.lock"):
        if whole.exists():
            return
        part.touch()
        with part.open("r+b") as file:
            here = file.seek(0, 2)
            http_get(url, file, resume_size=here, headers=build_hf_headers(), expected_size=told.size, tqdm_class=bar)
        part.replace(whole)


def _wanted(name: str, gguf: str) -> bool:
    if gguf:
        return name == gguf
    return "/" not in name and any(fnmatch(name, pattern) for pattern in FILES)


def _bar(before: int, total: int, progress: Progress, cancelled: Callable[[], bool]) -> Any:
    """What the hub's client takes for a progress bar."""

    class Bar:
        """Says how many bytes are here, and asks whether to go on."""

        def __init__(self, *_: Any, total: float | None = None, initial: float = 0, **__: Any) -> None:
            self.total, self.n = total, initial
            self.update(0)

        def update(self, n: float | None = 1) -> None:
            """Count bytes that came."""
            if cancelled():
                raise Cancelled
            self.n += n or 0
            progress(min(total, before + int(self.n)), total)

        def __enter__(self) -> "Bar":
            return self

        def __exit__(self, *_: object) -> None:
            pass

        def __getattr__(self, name: str) -> Callable[..., None]:
            """What draws is not needed."""
            return lambda *_, **__: None

    return Bar


def weights_here(place: Place) -> Path | None:
    """Where a model is on this machine, None if it is not."""
    return Path(place.gguf or place.source) if place.local else None
