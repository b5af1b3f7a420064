"""Passes by transformers' own forward, for models that are not of the Llama family."""

from inspect import signature
from typing import Any

import torch
from torch import Tensor

from .attention import AttentionMasks
from .capability import layer_types, text_config
from .forward import ForwardInput
from .kv_cache import AnyCache, KVCache, NativeCache
from .load_check import cache_name
from .transformers_attention import NAME


class StatefulForward:
    """Over transformers' own cache, which cannot be cut back: one token after the other, no trees."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self._device = next(model.parameters()).device
        self._cache_name = cache_name(model)
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}

    def new_cache(self, capacity: int) -> AnyCache:
        """A cache that grows by itself."""
        return NativeCache(text_config(self._model))

    def __call__(self, cache: AnyCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]]:
        """As ``Backend`` says."""
        arguments = self._tree(cache, inputs)
        if inputs.last_only:
            arguments.update(self._last)
        if inputs.hidden_layers:
            arguments["output_hidden_states"] = True  # a list of layers would mean others in other versions
        arguments[self._cache_name] = cache.adapter
        out = self._model(input_ids=torch.tensor([inputs.token_ids], device=self._device), use_cache=True, **arguments)
        logits = out.logits[0][-1:] if inputs.last_only else out.logits[0]
        return logits, [out.hidden_states[layer][0] for layer in inputs.hidden_layers]

    def _tree(self, cache: AnyCache, inputs: ForwardInput) -> dict[str, Any]:
        """What tells the model of a tree: nothing here."""
        return {}


class TransformersForward(StatefulForward):
    """Over our cache, with position ids and masks of trees, by the attention function that the model has now."""

    def __init__(self, model: Any) -> None:
        super().__init__(model)
        self._masks = AttentionMasks.of(model, model.config._attn_implementation == NAME)

    def new_cache(self, capacity: int) -> AnyCache:
        """A cache that drops rows at will."""
        return KVCache(len(layer_types(text_config(self._model))), capacity)

    def _tree(self, cache: AnyCache, inputs: ForwardInput) -> dict[str, Any]:
        assert isinstance(cache, KVCache)
        positions = torch.tensor([inputs.position_ids], device=self._device)
        return {"position_ids": positions, "attention_mask": self._masks(cache, inputs)}
