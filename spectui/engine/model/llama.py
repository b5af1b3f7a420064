"""A leaner forward for the Llama family: fused projections, no Python between the operations."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from .capability import layer_types, rope_switch, text_config
from .kv_cache import KVCache
from .torchscript import scripted

FAMILY = ("llama", "mistral", "qwen2", "qwen3")
PACKED_ROWS = 5
"""For how many rows the layout is chosen: it is the fastest from 1 to 8, and not slower beyond."""


class Layer(NamedTuple):
    """The weights of one decoder layer; projections that read the same input are one matrix."""

    before_attention: Tensor
    qkv: Tensor
    qkv_bias: Tensor | None
    query_norm: Tensor | None
    key_norm: Tensor | None
    out: Tensor
    out_bias: Tensor | None
    before_mlp: Tensor
    gate_up: Tensor
    down: Tensor


class Weights(NamedTuple):
    """All weights of a model."""

    embedding: Tensor
    layers: list[Layer]
    norm: Tensor
    head: Tensor


class Shape(NamedTuple):
    """Head counts and constants; ``packed`` tells that matrices are in oneDNN's own layout."""

    heads: int
    key_heads: int
    dimension: int
    eps: float
    scale: float
    packed: bool


def norm(x: Tensor, weight: Tensor, eps: float) -> Tensor:
    """Root mean square norm over the last dimension, with transformers' roundings: the mean is in float32.

    ``weight`` stands there twice, [2 * dimension]: in float32 the layer norm of [x, -x], whose mean is 0, is the one
    fused kernel that a CPU has for this, in half the time.
    """
    size = x.shape[-1]
    if x.dtype == torch.float32:
        return torch.layer_norm(torch.cat([x, -x], -1), [2 * size], weight, None, eps)[..., :size]
    return weight[:size] * functional.rms_norm(x.float(), [size], None, eps).to(x.dtype)


def project(x: Tensor, weight: Tensor, bias: Tensor | None, packed: bool) -> Tensor:
    """Linear layer on [rows, in]."""
    if packed:
        none: list[int | float | complex | None] = []
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, weight, bias, "none", none, "")
        return made
    return functional.linear(x, weight, bias)


def project_onto(onto: Tensor, x: Tensor, weight: Tensor, bias: Tensor | None, packed: bool) -> Tensor:
    """Linear layer on [rows, in], added to ``onto`` [rows, out]."""
    if packed:
        made: Tensor = torch.ops.mkldnn._linear_pointwise(x, onto, weight, bias, "add")
        return made
    return onto + functional.linear(x, weight, bias)


def forward(
    ids: list[int],
    positions: list[int],
    weights: Weights,
    shape: Shape,
    turns: tuple[Tensor, Tensor],
    mask: Tensor,
    keys: Tensor,
    values: Tensor,
    start: int,
    last: bool,
    wanted: list[int],
) -> tuple[Tensor, list[Tensor]]:
    """One pass over ``ids`` [rows], whose keys and values go into the buffers from row ``start`` on.

    Otherwise as ``layers``; the mask may be wider than start + rows.
    """
    device = weights.embedding.device
    tokens, places = torch.tensor(ids, device=device), torch.tensor(positions, device=device)
    end = start + len(ids)
    return layers(
        tokens, places, None, weights, shape, turns, mask[:, :, :, :end], keys, values, start, end, last, wanted
    )


def layers(
    ids: Tensor,
    places: Tensor,
    slots: Tensor | None,
    weights: Weights,
    shape: Shape,
    turns: tuple[Tensor, Tensor],
    mask: Tensor,
    keys: Tensor,
    values: Tensor,
    start: int,
    end: int,
    last: bool,
    wanted: list[int],
) -> tuple[Tensor, list[Tensor]]:
    """All operations of a pass over ``ids`` [rows] at the positions ``places`` [rows].

    Their keys and values go into the rows ``slots`` [rows] of the buffers, or without them into those from ``start``
    on; attention is over the first ``end`` rows. turns are the tables of cos and sin [positions, 1, dimension], the
    first half of sin negated; keys and values are the cache's buffers [layers, 1, key heads, capacity, dimension]; the
    mask is additive [1, 1, group * rows, end]. Returns the logits [rows or, if ``last``, 1, vocabulary] and the states
    after the layers in ``wanted``, ascending (0 is the embedding; the last is normed).
    """
    x = functional.embedding(ids, weights.embedding)
    cos, sin = turns[0].index_select(0, places), turns[1].index_select(0, places)
    rows = x.shape[0]
    half = shape.dimension // 2
    turned = shape.heads + shape.key_heads
    states: list[Tensor] = []
    if 0 in wanted:
        states.append(x)
    for index in range(len(weights.layers)):
        layer = weights.layers[index]
        h = norm(x, layer.before_attention, shape.eps)
        qkv = project(h, layer.qkv, layer.qkv_bias, shape.packed).view(rows, turned + shape.key_heads, shape.dimension)
        qk = qkv[:, :turned]
        query_norm, key_norm = layer.query_norm, layer.key_norm
        if query_norm is not None and key_norm is not None:
            q = norm(qk[:, : shape.heads], query_norm, shape.eps)
            k = norm(qk[:, shape.heads :], key_norm, shape.eps)
            qk = torch.cat([q, k], 1)
        qk = qk * cos + torch.cat([qk[..., half:], qk[..., :half]], -1) * sin
        if slots is None:
            keys[index, 0, :, start:end] = qk[:, shape.heads :].transpose(0, 1)
            values[index, 0, :, start:end] = qkv[:, turned:].transpose(0, 1)
        else:
            keys[index, 0].index_copy_(1, slots, qk[:, shape.heads :].transpose(0, 1))
            values[index, 0].index_copy_(1, slots, qkv[:, turned:].transpose(0, 1))
        query = qk[:, : shape.heads].transpose(0, 1).reshape(1, shape.key_heads, -1, shape.dimension)
        mixed = functional.scaled_dot_product_attention(
            query, keys[index, :, :, :end], values[index, :, :, :end], attn_mask=mask, scale=shape.scale
        )
        mixed = mixed.reshape(shape.heads, rows, shape.dimension).transpose(0, 1).reshape(rows, -1)
        x = project_onto(x, mixed, layer.out, layer.out_bias, shape.packed)
        h = norm(x, layer.before_mlp, shape.eps)
        gate, up = project(h, layer.gate_up, None, shape.packed).chunk(2, -1)
        x = project_onto(x, functional.silu(gate) * up, layer.down, None, shape.packed)
        if index + 1 in wanted and index + 1 < len(weights.layers):
            states.append(x)
    x = norm(x, weights.norm, shape.eps)
    if len(weights.layers) in wanted:
        states.append(x)
    return project(x[-1:] if last else x, weights.head, None, shape.packed), states


class LlamaForward:
    """A model's forward over a KVCache; it shares the model's weights, which stay usable by transformers.

    With ``pack`` the matrices exist a second time, in the layout in which oneDNN multiplies few rows fastest.
    """

    def __init__(self, model: Any, pack: bool = False) -> None:
        config = text_config(model)
        body = model.model
        attention = body.layers[0].self_attn
        self.shape = Shape(
            heads=config.num_attention_heads,
            key_heads=config.num_key_value_heads,
            dimension=attention.head_dim,
            eps=config.rms_norm_eps,
            scale=attention.scaling,
            packed=pack and can_pack(model),
        )
        self.weights = Weights(
            body.embed_tokens.weight.detach(),
            [_fused(layer) for layer in body.layers],
            _twice(body.norm.weight),
            model.lm_head.weight.detach(),
        )
        if self.shape.packed:
            self.weights = _packed(self.weights)
        self._rotary = body.rotary_emb
        self._turns = self._table(0)
        self._run: Callable[..., tuple[Tensor, list[Tensor]]] = scripted(forward)

    def __call__(
        self,
        cache: KVCache,
        ids: Sequence[int],
        positions: Sequence[int],
        mask: Tensor,
        last: bool,
        hidden: Sequence[int],
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits [rows or 1, vocabulary] of ``ids`` [rows] at ``positions`` [rows], and the states asked for.

        The cache has room for the rows, and therefore no position reaches its capacity.
        """
        keys, values = self.buffers(cache)
        start = cache.length + cache.scratch
        sizes = (self.weights, self.shape, self.turns(cache.capacity), mask, keys, values, start, last, list(hidden))
        return self._run(list(ids), list(positions), *sizes)

    def in_place(
        self,
        ids: Tensor,
        places: Tensor,
        slots: Tensor,
        mask: Tensor,
        keys: Tensor,
        values: Tensor,
        turns: tuple[Tensor, Tensor],
        width: int,
        hidden: Sequence[int],
    ) -> list[Tensor]:
        """A pass that reads and writes nothing but these tensors, over ``width`` rows: logits, then states."""
        sizes = (self.weights, self.shape, turns, mask, keys, values, 0, width, False, list(hidden))
        logits, states = layers(ids, places, slots, *sizes)
        return [logits, *states]

    def buffers(self, cache: KVCache) -> tuple[Tensor, Tensor]:
        """The cache's keys and values, [layers, 1, key heads, capacity, dimension] each."""
        return cache.buffers(self.shape.key_heads, self.shape.dimension, self.weights.embedding)

    def turns(self, positions: int) -> tuple[Tensor, Tensor]:
        """The tables of at least so many positions; a table that was given out stays as it is."""
        if len(self._turns[0]) < positions:
            self._turns = self._table(positions)
        return self._turns

    def _table(self, positions: int) -> tuple[Tensor, Tensor]:
        """The cosines and sines by which keys and queries of the first ``positions`` are turned."""
        embedding = self.weights.embedding
        cos, sin = self._rotary(embedding[:1, None], torch.arange(positions, device=embedding.device)[None])
        half = cos.shape[-1] // 2
        return cos[0, :, None], torch.cat([-sin[0, :, None, :half], sin[0, :, None, half:]], -1)


def can_pack(model: Any) -> bool:
    """Whether oneDNN can multiply this model's matrices in its own layout."""
    weight = next(model.parameters())
    return bool(weight.device.type == "cpu" and weight.dtype == torch.float32 and torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def _packed(weights: Weights) -> Weights:
    def pack(matrix: Tensor) -> Tensor:
        made: Tensor = torch.ops.mkldnn._reorder_linear_weight(matrix.contiguous(), PACKED_ROWS)
        return made

    layers = [
        layer._replace(qkv=pack(layer.qkv), out=pack(layer.out), gate_up=pack(layer.gate_up), down=pack(layer.down))
        for layer in weights.layers
    ]
    return weights._replace(layers=layers, head=pack(weights.head))


def lean_forward(model: Any, pack: bool = False) -> tuple[LlamaForward | None, str]:
    """The lean forward of a model of the family; None, and why, if it is built otherwise."""
    why = _why_not(model)
    return (LlamaForward(model, pack), "") if why is None else (None, why)


def _why_not(model: Any) -> str | None:
    config = text_config(model)
    if config.model_type not in FAMILY or type(model).__name__.lower() != f"{config.model_type}forcausallm":
        return f"{type(model).__name__} is not of the Llama family"
    if len(set(layer_types(config))) > 1:
        return "its layers are of several kinds"
    if rope_switch(config) is not None:
        return "its rotary frequencies depend on the length"
    if config.hidden_act != "silu" or getattr(config, "mlp_bias", False):
        return "its MLP has another activation, or biases"
    if getattr(config, "quantization_config", None) is not None or len({p.device for p in model.parameters()}) > 1:
        return "its weights are quantised or lie on several devices"
    return None


def _fused(layer: Any) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    inputs = [attention.q_proj, attention.k_proj, attention.v_proj]
    return Layer(
        before_attention=_twice(layer.input_layernorm.weight),
        qkv=_joined([linear.weight for linear in inputs]),
        qkv_bias=_joined([linear.bias for linear in inputs]) if inputs[0].bias is not None else None,
        query_norm=_twice(attention.q_norm.weight) if hasattr(attention, "q_norm") else None,
        key_norm=_twice(attention.k_norm.weight) if hasattr(attention, "k_norm") else None,
        out=attention.o_proj.weight.detach(),
        out_bias=attention.o_proj.bias.detach() if attention.o_proj.bias is not None else None,
        before_mlp=_twice(layer.post_attention_layernorm.weight),
        gate_up=_joined([mlp.gate_proj.weight, mlp.up_proj.weight]),
        down=mlp.down_proj.weight.detach(),
    )


def _twice(weight: Any) -> Tensor:
    return torch.cat([weight.detach(), weight.detach()])


def _joined(parts: Sequence[Any]) -> Tensor:
    """The parameters below each other in one tensor, of which they become views: no weight exists twice."""
    whole = torch.cat([part.detach() for part in parts])
    row = 0
    for part in parts:
        part.data = whole[row : row + len(part)]
        row += len(part)
    return whole
