"""Quantised weights of models, each made once from the weights it came with and kept in the user's cache."""

import logging
import os
from collections.abc import Mapping
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any

from ..config.paths import quantised_weights
from ..engine.model.quantised import QuantisedWeights
from ..system.files import close_to_others, file_stem, private_folder, write_whole
from ..system.sanitise import sanitise_line
from .resolve import Place

FORMAT = "spectui.quantised/1"
EXPECTED = "expected"
log = logging.getLogger(__name__)


def quantised_file(place: Place, config: Any, dtype: str) -> Path:
    """Where the quantised weights of a model are, or will be: named by what its own weights are."""
    identity = [FORMAT, dtype, place.source, str(getattr(config, "_commit_hash", None)), config.to_json_string()]
    if place.local:
        told = [(file.name, file.stat()) for file in sorted(Path(place.source).glob("*.safetensors"))]
        identity += [f"{name} {stat.st_size} {stat.st_mtime_ns}" for name, stat in told]
    digest = blake2b("\n".join(identity).encode(), digest_size=8).hexdigest()
    return quantised_weights() / f"{file_stem(place.title)}-{dtype}-{digest}.safetensors"


def read_quantised(file: Path) -> tuple[QuantisedWeights, Mapping[str, str]] | None:
    """What was kept, and what was noted beside it; None if there is nothing, or nothing that can be used."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, "pt") as opened:
            notes = opened.metadata() or {}
            if notes.get("format") != FORMAT:
                return None
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        expected = tensors.pop(EXPECTED)
        return QuantisedWeights(notes["dtype"], tensors, expected), notes
    except (OSError, SafetensorError, KeyError):
        return None


def keep_quantised(file: Path, weights: QuantisedWeights, notes: Mapping[str, str]) -> None:
    """Write weights, whole or not at all; where that is impossible they are made anew at each start."""
    from safetensors import SafetensorError
    from safetensors.torch import save_file

    temporary = file.with_suffix(f".{os.getpid()}.tmp")  # another program may write it too
    tensors = {name: tensor.contiguous() for name, tensor in weights.tensors.items()}
    try:
        private_folder(file.parent)
        save_file(
            tensors | {EXPECTED: weights.expected.contiguous()},
            temporary,
            {"format": FORMAT, "dtype": weights.dtype, **notes},
        )
        close_to_others(temporary)
        temporary.replace(file)
    except (OSError, SafetensorError) as error:
        log.warning("quantised weights are not kept: %s", error)
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def read_quality(file: Path) -> str | None:
    """What quantisation costs this model in quality, in words; None if nobody has measured it."""
    try:
        return sanitise_line(file.with_suffix(".quality").read_text("utf-8")) or None
    except (OSError, UnicodeDecodeError):
        return None


def keep_quality(file: Path, words: str) -> None:
    """Note it beside the weights, whose file is there."""
    with suppress(OSError):
        write_whole(file.with_suffix(".quality"), words.encode())
