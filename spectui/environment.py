"""Where something was measured: without it no figure means anything."""

import os
import platform
import sys
from datetime import UTC, datetime
from typing import Any

import torch

from .engine.options import Options
from .engine.timings import MEASURED_CONTEXT
from .loaded import Loaded
from .machine import processor


def environment(loaded: Loaded, options: Options) -> dict[str, Any]:
    """Models, machine, versions, settings, and the measured cost of verification."""
    device = loaded.target.device
    sampling, speculation = options.sampling, options.speculation
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": loaded.ready.model,
        "draft": loaded.ready.draft,
        "device": str(device),
        "processor": processor(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "dtype": loaded.ready.dtype,
        "forward": "lean" if loaded.target.is_lean else "transformers",
        "python": sys.version.split()[0],
        "system": platform.system(),
        "versions": loaded.ready.versions,
        "settings": {
            "temperature": sampling.temperature,
            "top_k": sampling.top_k,
            "top_p": sampling.top_p,
            "min_p": sampling.min_p,
            "repetition_penalty": sampling.repetition_penalty,
            "seed": sampling.seed,
            "max_new_tokens": options.max_new_tokens,
            "draft_tokens": speculation.draft_tokens,
            "draft_tree": speculation.draft_tree,
            "rule": speculation.rule,
        },
        "datastore_tokens": sum(map(len, loaded.store.indexes)) if loaded.store else 0,
        "verification_ms": {str(rows): ms for rows, ms in loaded.cost.points.items()},
        "verification_context": MEASURED_CONTEXT,
    }
