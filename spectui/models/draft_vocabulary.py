"""Draft models whose output projection has rows for frequent tokens alone (FR-Spec, Zhao et al., arXiv 2502.14856).

A small draft model spends most of a pass on the logits of tokens that its target hardly ever says. Such a model's
``config.json`` lists the tokens that it keeps as ``"output_token_ids"``, ascending.
"""

from typing import Any

import torch
from torch import Tensor

from ..engine.model.capability import OUTPUT_TOKEN_IDS
from ..system.errors import UserError


def keep_frequent_outputs(model: Any, name: str) -> None:
    """Cut a model's output projection down to the tokens that its configuration lists; does nothing without a list.

    Of a model whose projection is quantised, and cut already, it only says which tokens these are. A second call does
    nothing. Raises UserError if it is no list of tokens of the model.
    """
    listed = getattr(model.config, OUTPUT_TOKEN_IDS, None)
    if listed is None or getattr(model, OUTPUT_TOKEN_IDS, None) is not None:
        return
    output = model.get_output_embeddings()
    whole = isinstance(listed, list) and all(type(one) is int for one in listed) and sorted(set(listed)) == listed
    if not whole or not listed or not 0 <= listed[0] <= listed[-1] < model.config.vocab_size:
        raise UserError(f"{name} is damaged: its {OUTPUT_TOKEN_IDS} are no list of its tokens; copy it again")
    ids = torch.tensor(listed, device=model.get_input_embeddings().weight.device)
    if output is not None:
        weight: Tensor = output.weight.detach()
        kept = torch.nn.Linear(weight.shape[1], len(listed), bias=False, device="meta")
        kept.weight = torch.nn.Parameter(weight[ids], requires_grad=False)
        model.set_output_embeddings(kept)
    model.register_buffer(OUTPUT_TOKEN_IDS, ids, persistent=False)
