"""SmoothQuant: the spread of a layer's inputs made even at the cost of its weights (Xiao et al., arXiv 2211.10438)."""

from collections.abc import Mapping
from contextlib import ExitStack
from typing import Any

from torch import Tensor

from .linear import Linear
from .llama import Layer, Weights

ALPHA = 0.5
"""How much of the inputs' spread goes over to the weights (section 4)."""
_READERS = {
    "qkv_proj": "self_attn.q_proj",
    "o_proj": "self_attn.o_proj",
    "gate_up_proj": "mlp.gate_proj",
    "down_proj": "mlp.down_proj",
}


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


def smoothed(layer: Layer, maxima: Mapping[str, Tensor], weights: Weights) -> Layer:
    """The same layer with inputs of more even spread, at no cost: what an input loses, the layer before it takes in.

    Norms take it in for the projections behind them, the value rows for the output projection (one factor for all
    heads that read a value), and the up projection for the down projection.
    """
    config = weights.config
    heads, size = config.num_kv_heads, config.head_dim
    by_head = [one.view(heads, -1, size).amax(1) for one in (maxima["o_proj"], layer.o_proj.weight.abs().amax(0))]
    values = _ratio(*by_head)  # [key heads, dimension]
    group = config.num_heads // heads
    o_proj = scaled_inputs(layer.o_proj, values[:, None].expand(-1, group, -1).reshape(-1))
    qkv = _scaled_outputs(layer.qkv_proj, values.reshape(-1))
    down = factor(maxima["down_proj"], layer.down_proj.weight)
    gate_up = _scaled_outputs(layer.gate_up_proj, down)
    first, second = factor(maxima["qkv_proj"], qkv.weight), factor(maxima["gate_up_proj"], gate_up.weight)
    return layer._replace(
        input_layernorm=layer.input_layernorm / first.repeat(2),
        qkv_proj=scaled_inputs(qkv, first),
        o_proj=o_proj,
        post_attention_layernorm=layer.post_attention_layernorm / second.repeat(2),
        gate_up_proj=scaled_inputs(gate_up, second),
        down_proj=scaled_inputs(layer.down_proj, down),
    )


def factor(inputs: Tensor, weight: Tensor) -> Tensor:
    """By what each input channel is divided and its weights multiplied (SmoothQuant, equation 4)."""
    return _ratio(inputs, weight.abs().amax(0))


def _ratio(inputs: Tensor, weights: Tensor) -> Tensor:
    return (inputs.clamp_min(1e-5) ** ALPHA / weights.clamp_min(1e-5) ** (1 - ALPHA)).clamp(1e-3, 1e3)


def scaled_inputs(linear: Linear, factor: Tensor) -> Linear:
    """The weights for inputs that were divided by ``factor``, [in]."""
    return linear._replace(weight=linear.weight * factor)


def _scaled_outputs(linear: Linear, factor: Tensor) -> Linear:
    """The last output channels divided by ``factor``, one each."""
    weight, bias = linear.weight.clone(), linear.bias
    weight[-len(factor) :] /= factor[:, None]
    if bias is not None:
        bias = bias.clone()
        bias[-len(factor) :] /= factor
    return linear._replace(weight=weight, bias=bias)
