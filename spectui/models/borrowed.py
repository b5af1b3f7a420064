"""Draft models that have layers only: embedding, output projection and tokenizer are their target's.

Such a folder has ``config.json`` with ``"borrows_from_target": true`` and ``model.safetensors`` with the layers and the
last norm, by transformers' names; a matrix in int8 has ``<name>_scale``, float32 [out, 1], beside it.
"""

import json
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import Tensor

from ..engine.drafters.eagle.build import SCALE
from ..system.errors import UserError
from .resolve import Place

BORROWS = "borrows_from_target"
SHARED = ("vocab_size", "hidden_size")
"""What the target must have the same."""


def borrows(place: Place) -> bool:
    """Whether a place holds layers that need a target beside them."""
    if not place.local or place.gguf or place.shape is not None:
        return False
    try:
        config = json.loads((Path(place.source) / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return False  # whoever loads it says what is wrong
    return isinstance(config, dict) and config.get(BORROWS) is True


def borrowed(place: Place, config: Any, target: Any, device: Any, dtype: Any) -> Any:
    """The draft model of a configuration, its layers from ``place`` and the rest from ``target``.

    Raises UserError for layers that are not whole, or of a draft for another target.
    """
    from transformers import AutoModelForCausalLM

    _check_target(place, config, target)
    embedding = target.get_input_embeddings().weight.detach()
    with torch.device("meta"):
        draft = AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    tensors = {name: tensor.to(dtype) for name, tensor in widened(Path(place.source) / "model.safetensors").items()}
    try:
        draft.load_state_dict(tensors, strict=False, assign=True)
    except RuntimeError as error:
        raise UserError(f"{place.title} is damaged: its layers have other shapes; copy it again") from error
    draft.get_input_embeddings().weight = torch.nn.Parameter(embedding.to(dtype), requires_grad=False)
    draft.tie_weights()
    draft.model.rotary_emb = type(draft.model.rotary_emb)(config=config)
    missing = [name for name, parameter in draft.named_parameters() if parameter.is_meta]
    if missing:
        raise UserError(f"{place.title} is damaged: {len(missing)} of its tensors are missing; copy it again")
    return draft.requires_grad_(False).to(device)


def borrow_embedding(place: Place, draft: Any, target: Any) -> None:
    """Give a draft model whose quantised weights hold no embedding that of its target; others keep theirs.

    Raises UserError for a draft for another target.
    """
    if draft.get_input_embeddings().weight.is_meta:
        _check_target(place, draft.config, target)
        draft.set_input_embeddings(target.get_input_embeddings())


def _check_target(place: Place, config: Any, target: Any) -> None:
    theirs = target.config.get_text_config(decoder=True)
    wrong = [name for name in SHARED if getattr(config, name) != getattr(theirs, name)]
    if wrong or not (config.tie_word_embeddings and theirs.tie_word_embeddings):
        raise UserError(
            f"{place.title} drafts for another target ({wrong[0] if wrong else 'its output projection'} differs); "
            "use the one that it was made for, or --draft none"
        )


def widened(file: Path) -> dict[str, Tensor]:
    """The tensors of a file, those in int8 as the float32 that they stand for."""
    stored = load_file(file)
    scales = {name.removesuffix(SCALE): stored.pop(name) for name in list(stored) if name.endswith(SCALE)}
    for name in scales.keys() & stored.keys():
        stored[name] = stored[name].float() * scales[name]
    return stored
