"""What heads and draft models on disk have in common: the numbers of a layer, and how a folder is written."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from ..engine.drafters.eagle.build import SCALE
from ..engine.model.int8 import quantised
from ..system.errors import UserError, reason_of
from ..system.files import write_whole
from ..system.sanitise import sanitise_line
from .eagle_head import Shape
from .target import Target

CONFIG, WEIGHTS = "config.json", "model.safetensors"
COPIED = ("rope_theta", "rope_parameters", "rope_scaling", "max_position_embeddings", "bos_token_id", "eos_token_id")
"""What the configuration has from the target's."""


def layer_config(target: Target, shape: Shape) -> dict[str, Any]:
    """What the configuration of any drafter says that has layers like its target's."""
    theirs = target.config.to_dict()
    copied = {name: theirs[name] for name in COPIED if theirs.get(name) is not None}
    if "rope_theta" not in copied and "rope_theta" in (rope := copied.get("rope_parameters") or {}):
        copied["rope_theta"] = rope["rope_theta"]  # where older programs look
    return {
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head_dim,
        "rms_norm_eps": shape.eps,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
        **copied,
    }


def stored_weights(tensors: Mapping[str, Tensor], int8: bool) -> dict[str, Tensor]:
    """Weights as they are written: matrices in int8, if so asked, the others in bfloat16.

    Beside a matrix in int8 stands ``<name>_scale``, float32 [out, 1]: a row times its scale is the weight.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if int8 and tensor.ndim == 2:
            stored[name], scale = quantised(tensor.detach())
            stored[f"{name}{SCALE}"] = scale[:, None]
        else:
            stored[name] = tensor.detach().to(torch.bfloat16)
    return stored


def write_folder(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    """Write weights, then the configuration, each whole or not at all; raises UserError if they cannot be written."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, save(stored, {"format": "pt"}), private=False)
        write_whole(folder / CONFIG, (json.dumps(dict(config), indent=2) + "\n").encode(), private=False)
    except (OSError, SafetensorError) as error:
        raise unwritten(folder, error) from error


def unwritten(folder: Path, error: Exception) -> UserError:
    """Why a folder cannot be written, with the remedy."""
    reason = sanitise_line(reason_of(error))
    return UserError(f"cannot write {folder}: {reason}; make room or choose another --output")
