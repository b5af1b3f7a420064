"""Writes a trained head as vLLM and SGLang load it: a folder of the flat dialect.

``config.json`` says ``LlamaForCausalLMEagle3``; ``model.safetensors`` has the tensors by the names of ``EagleHead``,
and ``d2t`` (int64, what has to be added to a head's id to get the target's) and ``t2d`` (bool, which of the target's
ids the head has). The embedding is the target's and not stored. With ``int8`` each matrix is stored as int8 with
``<name>_scale``, float32 [out, 1], beside it: the row times its scale is the weight.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from .eagle_head import Shape
from .model_folder import layer_config, stored_weights, write_folder
from .target import Target


def head_config(target: Target, shape: Shape, aux: tuple[int, ...]) -> dict[str, Any]:
    """The configuration of a head."""
    return {
        "architectures": ["LlamaForCausalLMEagle3"],
        "num_hidden_layers": 1,
        "vocab_size": int(target.config.vocab_size),
        "draft_vocab_size": shape.vocabulary,
        "eagle_aux_hidden_state_layer_ids": list(aux),
        "target_hidden_size": shape.hidden,
        "tie_word_embeddings": False,
        **layer_config(target, shape),
    }


def write_head(
    folder: Path, config: Mapping[str, Any], tensors: Mapping[str, Tensor], ids: Tensor, int8: bool = False
) -> None:
    """Write ``folder``, whole or not at all; ``ids`` are the target's ids of the head's tokens, ascending.

    Raises UserError if it cannot be written.
    """
    stored = stored_weights(tensors, int8)
    ids = ids.cpu()
    stored["d2t"] = ids - torch.arange(len(ids))
    stored["t2d"] = torch.zeros(int(config["vocab_size"]), dtype=torch.bool).index_fill_(0, ids, True)
    write_folder(folder, config, stored)
