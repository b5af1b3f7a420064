"""A model of the Llama family with int8 weights: smoothed, quantised, and read back without the weights it had."""

import logging
import warnings
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import cache
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM

from .linear import STEPS, Linear, project
from .llama import Body, Layer, LlamaForward, Weights, why_not_llama

log = logging.getLogger(__name__)

ALPHA = 0.5
"""How much of the inputs' spread goes over to the weights (SmoothQuant, arXiv 2211.10438, section 4)."""
LINEARS = ("qkv_proj", "o_proj", "gate_up_proj", "down_proj")
FINE_INPUTS = ("down_proj",)
"""Layers with the most uneven inputs: with more than 8 bits of them SmolLM2-135M is off by 0.019 instead of 0.027 nats
(divergence from float32 on 3,475 tokens)."""
_READERS = {
    "qkv_proj": "self_attn.q_proj",
    "o_proj": "self_attn.o_proj",
    "gate_up_proj": "mlp.gate_proj",
    "down_proj": "mlp.down_proj",
}


@dataclass(frozen=True, slots=True)
class Int8Weights:
    """All that a quantised model is, beside its configuration."""

    tensors: Mapping[str, Tensor]
    """``layers.0.qkv_proj.weight`` int8 [out, in], ``.scale`` float32 [out], ``.bias`` where there is one; norms,
    ``embed_tokens`` and ``norm`` as they are, smoothed; ``lm_head``."""
    expected: Tensor
    """Logits of the model in floating point, by which each load is checked; as ``Check.expected``."""


def why_not_int8(model: Any) -> str | None:
    """Why a model cannot be run in int8, as a clause; None if it can."""
    why = why_not_llama(model)
    if why is not None:
        return why
    if not exact_here(for_few_rows=False):
        return "this processor or this build of torch has no exact int8 products"
    return None


@cache
def exact_here(for_few_rows: bool) -> bool:
    """Whether a kernel multiplies whole numbers without an error here, at the largest values too.

    On processors without VNNI some saturate in between. ``for_few_rows`` asks for the kernel of few rows.
    """
    generator = torch.Generator().manual_seed(0)
    weight = torch.randint(-STEPS, STEPS + 1, (64, 256), dtype=torch.int8, generator=generator)
    rows = torch.randint(-STEPS, STEPS + 1, (8, 256), dtype=torch.int8, generator=generator)
    weight[0], weight[1], rows[0] = STEPS, -STEPS, STEPS
    rows[:, 0] = STEPS  # then a row's steps are its numbers
    asked = rows[:1] if for_few_rows else rows
    try:
        made = project(asked.float(), int8_linear(weight, torch.ones(64), None, for_few_rows)).round()
    except (RuntimeError, AttributeError) as error:
        log.info("no int8 products: %s", error)
        return False
    return torch.equal(made.long(), asked.long() @ weight.long().t())


def int8_linear(weight: Tensor, scale: Tensor, bias: Tensor | None, for_few_rows: bool, fine: bool = False) -> Linear:
    """A layer from int8 weights [out, in]; ``for_few_rows`` keeps them a second time, for the kernel of few rows."""
    packed = torch.ops.onednn.qlinear_prepack(weight, None)
    step, zero_point, constants = scale / STEPS, torch.zeros(len(weight), dtype=torch.int64), torch.tensor([0.0, 128.0])
    single = _fbgemm(weight, step, zero_point) if for_few_rows else None
    return Linear(packed, bias, False, step, zero_point, constants, single, fine)


def _fbgemm(weight: Tensor, scale: Tensor, zero_point: Tensor) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch says that quantised tensors will go; without them this kernel is unused
        known = torch._make_per_channel_quantized_tensor(weight, scale.double(), zero_point, 0)
        return torch.ops.quantized.linear_prepack(known, None)


def quantised(weight: Tensor) -> tuple[Tensor, Tensor]:
    """int8 weights [out, in] and the scale of each output channel, float32 [out]; symmetric, to the nearest."""
    scale = weight.float().abs().amax(1).clamp_min(1e-30) / STEPS
    return (weight.float() / scale[:, None]).round_().to(torch.int8), scale


@torch.inference_mode()
def quantise(model: Any, calibration: Tensor, expected: Tensor) -> Int8Weights:
    """A model's weights in int8, smoothed by what its layers read in ``calibration``, token ids [sequences, length]."""
    weights = LlamaForward(model).weights
    maxima = input_maxima(model, calibration)
    tensors: dict[str, Tensor] = {"embed_tokens": weights.embed_tokens}
    for index, layer in enumerate(weights.layers):
        smoothed = _smoothed(layer, {name: maxima[f"{index}.{name}"] for name in LINEARS}, weights)
        for name, value in smoothed._asdict().items():
            _put(tensors, f"layers.{index}.{name}", value)
    factor = _factor(maxima["lm_head"], weights.lm_head.weight)
    _put(tensors, "norm", weights.norm / factor.repeat(2))
    _put(tensors, "lm_head", _scaled_inputs(weights.lm_head, factor))
    return Int8Weights(tensors, expected)


def bare_model(config: Any) -> Any:
    """A model of a configuration, without weights."""
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()


def dress(bare: Any, weights: Int8Weights) -> None:
    """Give a model without weights what int8 leaves to it: the embedding and the rotary frequencies."""
    embedding = weights.tensors["embed_tokens"].clone()  # for the reason of _copied
    bare.model.embed_tokens.weight = torch.nn.Parameter(embedding, requires_grad=False)
    bare.model.rotary_emb = type(bare.model.rotary_emb)(config=bare.config)


def int8_body(tensors: Mapping[str, Tensor], layers: int, for_few_rows: bool) -> Body:
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


def input_maxima(model: Any, ids: Tensor) -> dict[str, Tensor]:
    """The largest magnitude of each input channel, [in], of a model's linear layers while it reads token ids."""
    found: dict[str, Tensor] = {}

    def watch(name: str) -> Any:
        def hook(_: Any, inputs: tuple[Tensor, ...]) -> None:
            found[name] = inputs[0].abs().flatten(0, -2).amax(0)

        return hook

    with ExitStack() as stack:
        for index, layer in enumerate(model.model.layers):
            for name, reader in _READERS.items():
                module = layer.get_submodule(reader)
                stack.callback(module.register_forward_pre_hook(watch(f"{index}.{name}")).remove)
        stack.callback(model.lm_head.register_forward_pre_hook(watch("lm_head")).remove)
        model(input_ids=ids, use_cache=False)
    return found


def _smoothed(layer: Layer, maxima: Mapping[str, Tensor], weights: Weights) -> Layer:
    """The same layer with inputs of more even spread, at no cost: what an input loses, the layer before it takes in.

    Norms take it in for the projections behind them, the value rows for the output projection (one factor for all
    heads that read a value), and the up projection for the down projection.
    """
    config = weights.config
    heads, size = config.num_kv_heads, config.head_dim
    by_head = [one.view(heads, -1, size).amax(1) for one in (maxima["o_proj"], layer.o_proj.weight.abs().amax(0))]
    values = _ratio(*by_head)  # [key heads, dimension]
    group = config.num_heads // heads
    o_proj = _scaled_inputs(layer.o_proj, values[:, None].expand(-1, group, -1).reshape(-1))
    qkv = _scaled_outputs(layer.qkv_proj, values.reshape(-1))
    down = _factor(maxima["down_proj"], layer.down_proj.weight)
    gate_up = _scaled_outputs(layer.gate_up_proj, down)
    first, second = _factor(maxima["qkv_proj"], qkv.weight), _factor(maxima["gate_up_proj"], gate_up.weight)
    return layer._replace(
        input_layernorm=layer.input_layernorm / first.repeat(2),
        qkv_proj=_scaled_inputs(qkv, first),
        o_proj=o_proj,
        post_attention_layernorm=layer.post_attention_layernorm / second.repeat(2),
        gate_up_proj=_scaled_inputs(gate_up, second),
        down_proj=_scaled_inputs(layer.down_proj, down),
    )


def _factor(inputs: Tensor, weight: Tensor) -> Tensor:
    """By what each input channel is divided and its weights multiplied (SmoothQuant, equation 4)."""
    return _ratio(inputs, weight.abs().amax(0))


def _ratio(inputs: Tensor, weights: Tensor) -> Tensor:
    return (inputs.clamp_min(1e-5) ** ALPHA / weights.clamp_min(1e-5) ** (1 - ALPHA)).clamp(1e-3, 1e3)


def _scaled_inputs(linear: Linear, factor: Tensor) -> Linear:
    return linear._replace(weight=linear.weight * factor)


def _scaled_outputs(linear: Linear, factor: Tensor) -> Linear:
    """The last output channels divided by ``factor``, one each."""
    weight, bias = linear.weight.clone(), linear.bias
    weight[-len(factor) :] /= factor[:, None]
    if bias is not None:
        bias = bias.clone()
        bias[-len(factor) :] /= factor
    return linear._replace(weight=weight, bias=bias)


def _put(tensors: dict[str, Tensor], name: str, value: Tensor | Linear | None) -> None:
    if isinstance(value, Tensor):
        tensors[name] = value
    elif value is not None:
        tensors[f"{name}.weight"], tensors[f"{name}.scale"] = quantised(value.weight)
        if value.bias is not None:
            tensors[f"{name}.bias"] = value.bias


def _take(tensors: Mapping[str, Tensor], name: str, for_few_rows: bool) -> Linear:
    fine = name.rpartition(".")[2] in FINE_INPUTS
    weight, scale, bias = tensors[f"{name}.weight"], tensors[f"{name}.scale"], _copied(tensors.get(f"{name}.bias"))
    return int8_linear(weight, scale, bias, for_few_rows, fine)
