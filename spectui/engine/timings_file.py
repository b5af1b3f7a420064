"""Times that were measured at an earlier start, kept for machine, versions and models."""

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version
from math import isfinite
from pathlib import Path
from typing import Any

import torch

from ..system.files import private_folder, write_whole
from .measurement import Timings
from .model.causal_lm import CausalLM
from .policy.latency import SIZES
from .tuning.background_worker import ThreadSplit
from .tuning.machine import processor, usable_cores

FORMAT = "spectui.timings/1"
Key = Mapping[str, Any]


def key_of(target: CausalLM, draft: CausalLM | None) -> Key:
    """All that the times depend on: of a model its shape, for weights of other values take as long."""
    models = [target] if draft is None else [target, draft]
    return {
        "format": FORMAT,
        "cores": usable_cores(),
        "threads": torch.get_num_threads(),
        "versions": {name: version(name) for name in ("spectui", "torch", "transformers")},
        "places": [f"{processor(model.device)}, {model.device}" for model in models],
        "numbers": [f"{model.dtype}, packed: {model.is_packed}" for model in models],
        "shapes": [_digest(model.config.to_json_string()) for model in models],
    }


def timings_path(folder: Path, key: Key) -> Path:
    """The file for a key."""
    return folder / f"{_digest(json.dumps(key, sort_keys=True))}.json"


def read_timings(folder: Path, key: Key) -> Timings | None:
    """What was kept; None if there is nothing, or nothing that makes sense."""
    try:
        kept = json.loads(timings_path(folder, key).read_text("utf-8"))
        return _timings(kept["timings"]) if kept["key"] == key else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def keep_timings(folder: Path, key: Key, timings: Timings) -> None:
    """Write them, whole or not at all; where that is impossible, every start measures again."""
    text = json.dumps({"key": key, "timings": asdict(timings)}, indent=1)
    try:
        private_folder(folder)
        write_whole(timings_path(folder, key), text.encode())
    except OSError as error:
        logging.getLogger(__name__).info("measured times are not kept: %s", error)


def _timings(value: Mapping[str, Any]) -> Timings:
    """Raises ValueError, KeyError, TypeError or AttributeError for what cannot have been measured."""
    verify = {int(rows): _positive(ms) for rows, ms in value["verify_ms"].items()}
    share = value["share"]
    if verify and tuple(verify) != SIZES:
        raise ValueError("other sizes")
    return Timings(
        verify_ms=verify,
        draft_ms=_positive(value["draft_ms"]) if share else 0.0,
        share=_share(share) if share else None,
    )


def _share(value: Mapping[str, Any]) -> ThreadSplit:
    read: dict[str, Callable[[Any], Any]] = {
        "target_threads": _threads,
        "draft_threads": _threads,
        "slowdown": _positive,
        "draft_ms": _positive,
    }
    return ThreadSplit(**{name: convert(value[name]) for name, convert in read.items()})


def _threads(value: Any) -> int:
    count = int(value)
    if not 0 <= count <= torch.get_num_threads():
        raise ValueError(f"{count} threads")
    return count


def _positive(value: Any) -> float:
    number = float(value)
    if not isfinite(number) or number <= 0.0:
        raise ValueError(f"{number} ms")
    return number


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
