"""Writes a trained draft model: a folder that transformers loads, or layers alone that borrow the rest.

The folder is a model of its own, with embedding, output projection and tokenizer of the target. The layers alone come
with the program: ``models.borrowed`` reads them beside their target.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..engine.model.capability import OUTPUT_TOKEN_IDS
from ..models.borrowed import BORROWS
from .eagle_head import Shape
from .model_folder import CONFIG, WEIGHTS, layer_config, stored_weights, unwritten, write_folder
from .target import Target

PREFIX = "model."
LENT = (f"{PREFIX}embed_tokens.weight", "lm_head.weight")
"""What layers alone take from their target."""


def draft_config(target: Target, layers: int, ids: Tensor) -> dict[str, Any]:
    """The configuration of a draft model of so many layers, which drafts the tokens ``ids`` alone."""
    return {
        "architectures": ["LlamaForCausalLM"],
        "num_hidden_layers": layers,
        "vocab_size": len(target.embed_tokens),
        "tie_word_embeddings": target.tied,
        OUTPUT_TOKEN_IDS: ids.tolist(),
        **layer_config(target, Shape.like(target, target.vocabulary)),
    }


def write_draft(folder: Path, target: Target, tensors: Mapping[str, Tensor], layers: int, ids: Tensor) -> None:
    """Write a model of its own, with the target's tokenizer; raises UserError if it cannot be written."""
    stored = {f"{PREFIX}{name}": tensor.to(torch.bfloat16) for name, tensor in tensors.items()}
    stored[f"{PREFIX}embed_tokens.weight"] = target.embed_tokens.to(torch.bfloat16)
    if not target.tied:
        stored["lm_head.weight"] = target.lm_head().to(torch.bfloat16)
    if target.pair.tokenizer is not None:
        _write_tokenizer(folder, target.pair.tokenizer)
    write_folder(folder, draft_config(target, layers, ids), stored)


def write_layers(made: Path, folder: Path, int8: bool = True) -> None:
    """Write into ``folder`` what a draft model in the folder ``made`` does not have from its target.

    Matrices are in int8 or in bfloat16.
    """
    own = {name: tensor for name, tensor in load_file(made / WEIGHTS).items() if name not in LENT}
    config = {**json.loads((made / CONFIG).read_bytes()), BORROWS: True}
    write_folder(folder, config, stored_weights(own, int8))


def _write_tokenizer(folder: Path, tokenizer: Any) -> None:
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:  # the library that writes it has no errors of its own
        raise unwritten(folder, error) from error
