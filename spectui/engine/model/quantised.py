"""A model of the Llama family with quantised weights: made once, and read back without the weights it had."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from transformers import GenerationConfig

from ..values.dtypes import INT4, INT8
from .int4 import grouped, int4_linear, packed_nibbles, ungrouped, unpacked_nibbles, why_no_groups
from .int8 import exact_here, int8_linear, quantised
from .linear import Linear
from .llama import Body, Layer, LlamaForward, why_not_family
from .smoothing import factor, input_maxima, scaled_inputs, smoothed

LINEARS = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
FINE_INPUTS = ("down_proj",)
"""Layers with the most uneven inputs: with more than 8 bits of them SmolLM2-135M is off by 0.019 instead of 0.027 nats
(divergence from float32 on 3,475 tokens)."""
EMBEDDING = "embed_tokens"
"""Where quantised weights have the embedding, as it came."""


@dataclass(frozen=True, slots=True)
class QuantisedWeights:
    """All that a quantised model is, beside its configuration."""

    dtype: str
    """``int8`` or ``int4``: of the linear layers within decoder layers."""
    tensors: Mapping[str, Tensor]
    """``layers.0.qkv_proj.weight`` int8 [out, in] with ``.scale`` float32 [out], or uint8 [out, in / 2] with
    ``.groups`` bfloat16 [in / GROUP, out, 2]; ``.bias`` where there is one; ``embed_tokens`` and norms, which are
    smoothed for int8; ``lm_head`` in int8."""
    expected: Tensor
    """Logits of the model in floating point, by which each load is checked; as ``Check.expected``."""


class BareModel(torch.nn.Module):
    """A model of the Llama family without its layers, which quantised weights stand in for; transformers' builds none.

    It has a configuration, the settings of its generation and an embedding, of which one that borrows gets its target's
    later.
    """

    def __init__(self, config: Any, embedding: Tensor | None) -> None:
        super().__init__()
        self.config, self.generation_config = config, GenerationConfig.from_model_config(config)
        none = torch.empty((config.vocab_size, config.hidden_size), device="meta")
        weight = none if embedding is None else embedding
        self.embed_tokens: torch.nn.Embedding = torch.nn.Embedding.from_pretrained(weight)  # type: ignore[no-untyped-call]

    @property
    def device(self) -> torch.device:
        """As transformers' models."""
        return self.embed_tokens.weight.device

    def get_input_embeddings(self) -> torch.nn.Module:
        """As transformers' models."""
        return self.embed_tokens

    def set_input_embeddings(self, embedding: torch.nn.Embedding) -> None:
        """As transformers' models."""
        self.embed_tokens = embedding

    def get_output_embeddings(self) -> None:
        """None: its output projection is among the quantised weights."""


def why_not_quantised(config: Any, dtype: str) -> str | None:
    """Why the model of a configuration cannot be run in int8 or int4, as a clause; None if it can."""
    why = why_not_family(config)
    if why is not None:
        return why
    if not exact_here(for_few_rows=False):
        return "this processor or this build of torch has no exact int8 products"
    return why_no_groups(config) if dtype == INT4 else None


@torch.inference_mode()
def quantise(model: Any, dtype: str, calibration: Tensor, expected: Tensor) -> QuantisedWeights:
    """A model's weights, in int8 smoothed by what its layers read in ``calibration``, token ids [sequences, length]."""
    weights = LlamaForward(model).weights
    maxima = input_maxima(model, calibration)
    tensors: dict[str, Tensor] = {EMBEDDING: weights.embed_tokens}
    for index, layer in enumerate(weights.layers):
        if dtype == INT8:
            layer = smoothed(layer, {name: maxima[f"{index}.{name}"] for name in LINEARS}, weights)
        for name, value in layer._asdict().items():
            _put(tensors, f"layers.{index}.{name}", value, dtype)
    by = factor(maxima["lm_head"], weights.lm_head.weight)
    _put(tensors, "norm", weights.norm / by.repeat(2), dtype)
    _put(tensors, "lm_head", scaled_inputs(weights.lm_head, by), INT8)
    return QuantisedWeights(dtype, tensors, expected)


def matrix(weights: QuantisedWeights, name: str, rows: Tensor | None = None) -> Tensor:
    """The float32 weights [out, in] of a linear layer, as they are computed with; of some ``rows`` if given."""
    whole, groups = weights.tensors[f"{name}.weight"], weights.tensors.get(f"{name}.groups")
    if rows is not None:
        whole, groups = whole[rows], None if groups is None else groups[:, rows]
    if groups is not None:
        return ungrouped(unpacked_nibbles(whole), groups.float())
    scale = weights.tensors[f"{name}.scale"]
    return whole.float() * (scale if rows is None else scale[rows])[:, None]


def bare_model(config: Any, weights: QuantisedWeights) -> BareModel:
    """What these weights leave to a model; those without an embedding are of one that borrows it."""
    return BareModel(config, _copied(weights.tensors.get(EMBEDDING)))


def quantised_body(tensors: Mapping[str, Tensor], layers: int, for_few_rows: bool) -> Body:
    """Decoder layers, last norm and head from what ``quantise`` gave."""

    def layer(index: int) -> Layer:
        name = f"layers.{index}."
        linears = {linear: _take(tensors, name + linear, for_few_rows) for linear in LINEARS}
        norms = {norm: _copied(tensors.get(name + norm)) for norm in Layer._fields if norm not in linears}
        return Layer(**linears, **norms)  # type: ignore[arg-type]

    norm, head = tensors["norm"].clone(), _take(tensors, "lm_head", for_few_rows)
    return Body([layer(index) for index in range(layers)], norm, head)


def _copied(tensor: Tensor | None) -> Tensor | None:
    """A tensor that does not keep the whole file in memory from which it was read."""
    return None if tensor is None else tensor.clone()


def _put(tensors: dict[str, Tensor], name: str, value: Tensor | Linear | None, dtype: str) -> None:
    if isinstance(value, Tensor):
        tensors[name] = value
    elif value is not None:
        if dtype == INT4:
            steps, tensors[f"{name}.groups"] = grouped(value.weight)
            tensors[f"{name}.weight"] = packed_nibbles(steps)
        else:
            tensors[f"{name}.weight"], tensors[f"{name}.scale"] = quantised(value.weight)
        if value.bias is not None:
            tensors[f"{name}.bias"] = value.bias


def _take(tensors: Mapping[str, Tensor], name: str, for_few_rows: bool) -> Linear:
    weight, bias = tensors[f"{name}.weight"], _copied(tensors.get(f"{name}.bias"))
    groups = tensors.get(f"{name}.groups")
    if groups is not None:
        return int4_linear(weight, groups.clone(), bias)
    fine = name.rpartition(".")[2] in FINE_INPUTS
    return int8_linear(weight, tensors[f"{name}.scale"].clone(), bias, for_few_rows, fine)
