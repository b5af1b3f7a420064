"""Where something was measured: without it no figure means anything."""

import os
import platform
import sys
from datetime import UTC, datetime
from typing import Any

import torch

from ..config.choice import AUTO
from ..engine.tuning.dry_run import CONTEXT
from ..engine.tuning.machine import processor
from ..engine.values.options import Options
from .runtime import Runtime


def environment(loaded: Runtime, options: Options, asked: str) -> dict[str, Any]:
    """Models, machine, versions, settings, and the measured cost of verification; ``asked`` named the model."""
    device = loaded.target.device
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "model": loaded.ready.model,
        "auto": asked == AUTO,
        "draft": loaded.ready.draft,
        "device": str(device),
        "processor": processor(device),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "dtype": loaded.ready.dtype,
        "forward": "lean" if loaded.target.uses_llama_forward else "transformers",
        "python": sys.version.split()[0],
        "system": platform.system(),
        "versions": loaded.ready.versions,
        "settings": options.by_name(),
        "datastore_tokens": sum(map(len, loaded.compared)),
        "verification_ms": {str(rows): ms for rows, ms in loaded.latency.points.items()},
        "verification_context": CONTEXT,
    }
