"""Writes a trained head as vLLM and SGLang load it: a folder of the flat dialect.

``config.json`` says ``LlamaForCausalLMEagle3``; ``model.safetensors`` has the tensors by the names of ``EagleHead``,
and ``d2t`` (int64, what has to be added to a head's id to get the target's) and ``t2d`` (bool, which of the target's
ids the head has). The embedding is the target's and not stored. With ``int8`` each matrix is stored as int8 with
``<name>_scale``, float32 [out, 1], beside it: the row times its scale is the weight.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import save
from torch import Tensor

from ..models.borrowed import narrowed
from ..system.errors import UserError, reason_of
from ..system.files import write_whole
from .eagle_head import Shape
from .target import Target

CONFIG, WEIGHTS = "config.json", "model.safetensors"
COPIED = ("rope_theta", "rope_parameters", "rope_scaling", "max_position_embeddings", "bos_token_id", "eos_token_id")
"""What the head's configuration has from the target's."""


def head_config(target: Target, shape: Shape, aux: tuple[int, ...]) -> dict[str, Any]:
    """The configuration of a head."""
    theirs = target.config.to_dict()
    copied = {name: theirs[name] for name in COPIED if theirs.get(name) is not None}
    if "rope_theta" not in copied and "rope_theta" in (rope := copied.get("rope_parameters") or {}):
        copied["rope_theta"] = rope["rope_theta"]  # where older programs look
    return {
        "architectures": ["LlamaForCausalLMEagle3"],
        "model_type": "llama",
        "hidden_act": "silu",
        "hidden_size": shape.hidden,
        "intermediate_size": shape.intermediate,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.key_heads,
        "head_dim": shape.head_dim,
        "num_hidden_layers": 1,
        "rms_norm_eps": shape.eps,
        "vocab_size": int(theirs["vocab_size"]),
        "draft_vocab_size": shape.vocabulary,
        "eagle_aux_hidden_state_layer_ids": list(aux),
        "target_hidden_size": shape.hidden,
        "tie_word_embeddings": False,
        "attention_bias": False,
        "mlp_bias": False,
        "torch_dtype": "bfloat16",
        **copied,
    }


def write_head(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], ids: Tensor, int8: bool = False
) -> None:
    """Write ``folder``, whole or not at all; ``ids`` are the target's ids of the head's tokens, ascending.

    Raises UserError if it cannot be written.
    """
    stored: dict[str, Tensor] = {}
    for name, tensor in tensors.items():
        if int8 and tensor.ndim == 2:
            stored[name], stored[f"{name}_scale"] = narrowed(tensor.detach().float())
        else:
            stored[name] = tensor.detach().to(torch.bfloat16)
    ids = ids.cpu()
    stored["d2t"] = ids - torch.arange(len(ids))
    stored["t2d"] = torch.zeros(int(config["vocab_size"]), dtype=torch.bool).index_fill_(0, ids, True)
    stored = {name: tensor.cpu().contiguous() for name, tensor in stored.items()}
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_whole(folder / WEIGHTS, save(stored, {"format": "pt"}), private=False)
        write_whole(folder / CONFIG, (json.dumps(dict(config), indent=2) + "\n").encode(), private=False)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write {folder}: {reason_of(error)}; make room or choose another --output") from error
