"""How a GGUF file stretches its positions, in transformers' words."""

from math import pi
from typing import Any

import numpy as np

from ...system.errors import UserError
from ...system.sanitise import sanitise_line
from .header import GgufHeader

FACTORS = "rope_freqs.weight"
"""Llama 3.1 and later: a factor for each frequency, made from four numbers that the file does not have."""
LOW, HIGH, ORIGINAL = 1.0, 4.0, 8192
"""The same three in all of Meta's models; the fourth is the largest factor."""


def rope_parameters(header: GgufHeader, prefix: str, head: int) -> dict[str, Any]:
    """What transformers calls ``rope_parameters``; raises UserError for a stretching that it cannot say."""
    metadata = header.metadata
    theta = float(metadata.get(f"{prefix}.rope.freq_base", 10000.0))
    partial = metadata.get(f"{prefix}.rope.dimension_count", head)
    if partial != head or head % 2:
        raise UserError(f"{sanitise_line(header.path.name)} rotates {partial} of {head} dimensions; use safetensors")
    if FACTORS in header.tensors:
        return {"rope_theta": theta, **_llama3(header, theta, head)}
    kind = str(metadata.get(f"{prefix}.rope.scaling.type", "none"))
    factor = float(metadata.get(f"{prefix}.rope.scaling.factor", 1.0))
    original = metadata.get(f"{prefix}.rope.scaling.original_context_length")
    if kind == "none" or (factor == 1.0 and kind == "linear"):
        return {"rope_type": "default", "rope_theta": theta}
    if kind == "linear":
        return {"rope_type": "linear", "rope_theta": theta, "factor": factor}
    if kind == "yarn" and original:
        return {
            "rope_type": "yarn",
            "rope_theta": theta,
            "factor": factor,
            "original_max_position_embeddings": int(original),
        }
    raise UserError(
        f"{sanitise_line(header.path.name)} stretches its positions in a way that cannot be read from GGUF "
        f"({sanitise_line(kind)[:20]}); use the model's safetensors"
    )


def _llama3(header: GgufHeader, theta: float, head: int) -> dict[str, Any]:
    tensor = header.tensors[FACTORS]
    told = np.fromfile(header.path, "<f4", tensor.size // 4, offset=tensor.begin) if tensor.kind == 0 else np.zeros(0)
    factor = round(float(told.max()), 3) if len(told) == head // 2 else 0.0
    made = llama3_factors(theta, head, factor) if factor >= 1.0 else np.zeros(0)
    if not len(made) or not np.allclose(made, told, rtol=1e-3):
        raise UserError(
            f"{sanitise_line(header.path.name)} stretches its positions by other numbers than Llama 3's; "
            "use the model's safetensors"
        )
    return {
        "rope_type": "llama3",
        "factor": factor,
        "low_freq_factor": LOW,
        "high_freq_factor": HIGH,
        "original_max_position_embeddings": ORIGINAL,
    }


def llama3_factors(theta: float, head: int, factor: float) -> np.ndarray:
    """What Llama 3 divides each of its frequencies by: long waves by ``factor``, short ones by 1, others between."""
    waves = 2 * pi * theta ** (np.arange(0, head, 2) / head)
    smooth = np.clip((ORIGINAL / waves - LOW) / (HIGH - LOW), 0.0, 1.0)
    return np.asarray(1.0 / ((1.0 - smooth) / factor + smooth))
