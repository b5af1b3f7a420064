"""Times that were measured at an earlier start, kept for machine, versions and models."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from hashlib import blake2b
from importlib.metadata import version
from math import inf
from pathlib import Path
from typing import Any

from ..system.files import private_folder, write_whole
from ..system.json_lines import DAMAGED
from .measurement import Timings
from .model.capability import text_config
from .policy.latency import SIZES
from .tuning.background_worker import ThreadSplit
from .tuning.machine import processor, usable_cores
from .tuning.threads import ALL

FORMAT = "spectui.timings/2"
Key = Mapping[str, Any]


def key_of(models: Sequence[Any], numbers: Sequence[str]) -> Key:
    """All that the times of a target and its draft depend on, given what each computes with.

    Of a model that is its shape, for weights of other values take as long.
    """
    return {
        "format": FORMAT,
        "cores": usable_cores(),
        "threads": ALL,
        "versions": {name: version(name) for name in ("spectui", "torch", "transformers")},
        "places": [f"{processor(model.device)}, {model.device}" for model in models],
        "numbers": list(numbers),
        "shapes": [_digest(text_config(model).to_json_string()) for model in models],
    }


def timings_path(folder: Path, key: Key) -> Path:
    """The file for a key."""
    return folder / f"{_digest(json.dumps(key, sort_keys=True))}.json"


def read_timings(folder: Path, key: Key) -> Timings | None:
    """What was kept; None if there is nothing, or nothing that makes sense."""
    try:
        kept = json.loads(timings_path(folder, key).read_text("utf-8"))
        return _timings(kept["timings"]) if kept["key"] == key else None
    except (OSError, *DAMAGED):
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
    """Raises what a damaged file raises for what cannot have been measured."""
    share = None if value["share"] is None else ThreadSplit(**value["share"])
    verify_ms = {int(rows): ms for rows, ms in value["verify_ms"].items()}
    made = Timings(verify_ms, float(value["draft_ms"]), share, int(value["threads"]), bool(value["packed"]))
    times = list(verify_ms.values())
    if share is not None:
        times += [made.draft_ms, share.slowdown, share.draft_ms]
        if not {share.target_threads, share.draft_threads} <= set(range(ALL + 1)):
            raise ValueError("other threads")
    if made.threads not in range(1, ALL + 1):
        raise ValueError("other threads")
    if not all(0.0 < ms < inf for ms in times):
        raise ValueError("no times")
    if verify_ms and tuple(verify_ms) != SIZES:
        raise ValueError("other sizes")
    return made


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
