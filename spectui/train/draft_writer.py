"""Writes a trained draft model: a folder that transformers loads, or layers alone that borrow the rest.

The folder is a model of its own, with embedding, output projection and tokenizer of the target. The layers alone come
with the program: ``models.borrowed`` reads them beside their target.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save
from torch import Tensor

from ..engine.model.int8 import quantised
from ..models.borrowed import BORROWS
from ..system.errors import UserError, reason_of
from ..system.files import write_whole
from ..system.sanitise import sanitise_line
from .eagle_head import Shape
from .head_writer import CONFIG, COPIED, WEIGHTS
from .target import Target

PREFIX = "model."
LENT = (f"{PREFIX}embed_tokens.weight", "lm_head.weight")
"""What layers alone take from their target."""


def draft_config(target: Target, layers: int) -> dict[str, Any]:
    """The configuration of a draft model of so many layers."""
    theirs, shape = target.config.to_dict(), Shape.like(target, target.vocabulary)
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head_dim,
        "num_hidden_layers": layers,
        "rms_norm_eps": shape.eps,
        "vocab_size": len(target.embed_tokens),
        "tie_word_embeddings": target.tied,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
        **{name: theirs[name] for name in COPIED if theirs.get(name) is not None},
    }


def write_draft(folder: Path, target: Target, tensors: Mapping[str, Tensor], layers: int) -> None:
    """Write a model of its own, with the target's tokenizer; raises UserError if it cannot be written."""
    stored = {f"{PREFIX}{name}": tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    stored[f"{PREFIX}embed_tokens.weight"] = target.embed_tokens.to(torch.bfloat16)
    if not target.tied:
        stored["lm_head.weight"] = target.lm_head().to(torch.bfloat16)
    if target.pair.tokenizer is not None:
        _write_tokenizer(folder, target.pair.tokenizer)
    _write(folder, draft_config(target, layers), stored)


def write_layers(made: Path, folder: Path, int8: bool = True) -> None:
    """Write into ``folder`` what a draft model in the folder ``made`` does not have from its target.

    Matrices are in int8 with ``<name>_scale``, float32 [out], beside each, or in bfloat16.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in load_file(made / WEIGHTS).items():
        if name in LENT:
            continue
        if int8 and tensor.ndim == 2:
            stored[name], stored[f"{name}_scale"] = quantised(tensor)
        else:
            stored[name] = tensor.to(torch.bfloat16)
    _write(folder, {**json.loads((made / CONFIG).read_bytes()), BORROWS: True}, stored)


def _write_tokenizer(folder: Path, tokenizer: Any) -> None:
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the library that writes it has no errors of its own
        raise _unwritten(folder, error) from error


def _write(folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> None:
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, save(stored, {"format": "pt"}), private=False)
        write_whole(folder / CONFIG, (json.dumps(dict(config), indent=2) + "\n").encode(), private=False)
    except (OSError, SafetensorError) as error:
        raise _unwritten(folder, error) from error


def _unwritten(folder: Path, error: Exception) -> UserError:
    reason = sanitise_line(reason_of(error))
    return UserError(f"cannot write {folder}: {reason}; make room or choose another --output")
