"""The forward of the Llama family as one function: fused projections, no Python between the operations."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .attention import AttentionMasks
from .capability import layer_types, rope_switch, text_config
from .forward import ForwardInput
from .kv_cache import AnyCache, KVCache
from .torchscript import scripted

FAMILY = ("llama", "mistral", "qwen2", "qwen3")
PACKED_ROWS = 5
"""For how many rows the layout is chosen: it is the fastest from 1 to 8, and not slower beyond."""


class Layer(NamedTuple):
    """The weights of one decoder layer; projections that read the same input are one matrix."""

    input_layernorm: Tensor
    qkv_proj: Tensor
    qkv_bias: Tensor | None
    q_norm: Tensor | None
    k_norm: Tensor | None
    o_proj: Tensor
    o_bias: Tensor | None
    post_attention_layernorm: Tensor
    gate_up_proj: Tensor
    down_proj: Tensor


class Config(NamedTuple):
    """Head counts and constants; ``packed`` tells that matrices are in oneDNN's own layout."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    rms_norm_eps: float
    scaling: float
    packed: bool


class Weights(NamedTuple):
    """All that a model is."""

    config: Config
    embed_tokens: Tensor
    layers: list[Layer]
    norm: Tensor
    lm_head: Tensor
    rope_cache: tuple[Tensor, Tensor]
    """cos and sin [positions, 1, head_dim] by which queries and keys are turned; the first half of sin is negated."""


class LlamaInput(NamedTuple):
    """The tensors that a pass reads; ``keys`` and ``values`` are written too."""

    token_ids: Tensor
    """[rows], as are the next two."""
    position_ids: Tensor
    cache_slots: Tensor | None
    """The rows of the cache that keys and values go to; None: the last of those that attention is over (faster)."""
    attention_mask: Tensor
    """Additive [1, 1, group * rows, width]; attention is over the first ``width`` rows of the cache."""
    keys: Tensor
    """The cache's buffer [layers, 1, key heads, capacity, head_dim]."""
    values: Tensor
    last_only: bool
    """Whether the logits of the last row are enough."""
    hidden_layers: list[int]
    """The layers whose states are wanted, ascending; 0 is the embedding, the last is normed."""


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


def store(cache: Tensor, made: Tensor, slots: Tensor | None, width: int) -> None:
    """Write keys or values [rows, heads, head_dim] into a layer's buffer [heads, capacity, head_dim]."""
    if slots is None:
        cache[:, width - made.shape[0] : width] = made.transpose(0, 1)
    else:
        cache.index_copy_(1, slots, made.transpose(0, 1))


def forward(weights: Weights, inputs: LlamaInput) -> tuple[Tensor, list[Tensor]]:
    """One pass: logits [rows, or 1 if only the last is wanted, vocabulary], and the states [rows, width] asked for."""
    config, mask = weights.config, inputs.attention_mask
    width = mask.shape[-1]
    x = functional.embedding(inputs.token_ids, weights.embed_tokens)
    cos, sin = weights.rope_cache
    cos, sin = cos.index_select(0, inputs.position_ids), sin.index_select(0, inputs.position_ids)
    rows, half = x.shape[0], config.head_dim // 2
    rotated = config.num_heads + config.num_kv_heads
    states: list[Tensor] = []
    if 0 in inputs.hidden_layers:
        states.append(x)
    for index in range(len(weights.layers)):
        layer = weights.layers[index]
        h = norm(x, layer.input_layernorm, config.rms_norm_eps)
        qkv = project(h, layer.qkv_proj, layer.qkv_bias, config.packed)
        qkv = qkv.view(rows, rotated + config.num_kv_heads, config.head_dim)
        qk, v = qkv[:, :rotated], qkv[:, rotated:]
        q_norm, k_norm = layer.q_norm, layer.k_norm
        if q_norm is not None and k_norm is not None:
            q = norm(qk[:, : config.num_heads], q_norm, config.rms_norm_eps)
            k = norm(qk[:, config.num_heads :], k_norm, config.rms_norm_eps)
            qk = torch.cat([q, k], 1)
        qk = qk * cos + torch.cat([qk[..., half:], qk[..., :half]], -1) * sin
        q, k = qk[:, : config.num_heads], qk[:, config.num_heads :]
        keys, values = inputs.keys[index], inputs.values[index]
        store(keys[0], k, inputs.cache_slots, width)
        store(values[0], v, inputs.cache_slots, width)
        q = q.transpose(0, 1).reshape(1, config.num_kv_heads, -1, config.head_dim)
        attended = functional.scaled_dot_product_attention(
            q, keys[:, :, :width], values[:, :, :width], attn_mask=mask, scale=config.scaling
        )
        attended = attended.reshape(config.num_heads, rows, config.head_dim).transpose(0, 1).reshape(rows, -1)
        x = project_onto(x, attended, layer.o_proj, layer.o_bias, config.packed)
        h = norm(x, layer.post_attention_layernorm, config.rms_norm_eps)
        gate, up = project(h, layer.gate_up_proj, None, config.packed).chunk(2, -1)
        x = project_onto(x, functional.silu(gate) * up, layer.down_proj, None, config.packed)
        if index + 1 in inputs.hidden_layers and index + 1 < len(weights.layers):
            states.append(x)
    x = norm(x, weights.norm, config.rms_norm_eps)
    if len(weights.layers) in inputs.hidden_layers:
        states.append(x)
    return project(x[-1:] if inputs.last_only else x, weights.lm_head, None, config.packed), states


class LlamaForward:
    """A model's forward over a KVCache; it shares the model's weights, which stay usable by transformers.

    With ``pack`` the matrices exist a second time, in the layout in which oneDNN multiplies few rows fastest.
    """

    def __init__(self, model: Any, pack: bool = False) -> None:
        config, body = text_config(model), model.model
        attention = body.layers[0].self_attn
        shape = Config(
            num_heads=config.num_attention_heads,
            num_kv_heads=config.num_key_value_heads,
            head_dim=attention.head_dim,
            rms_norm_eps=config.rms_norm_eps,
            scaling=attention.scaling,
            packed=pack and can_pack(model),
        )
        self._rotary = body.rotary_emb
        self._device = body.embed_tokens.weight.device
        self.masks = AttentionMasks.of(model, folded=True)
        self.weights = Weights(
            shape,
            body.embed_tokens.weight.detach(),
            [_fused(layer) for layer in body.layers],
            _twice(body.norm.weight),
            model.lm_head.weight.detach(),
            self._rope_cache(body.embed_tokens.weight.detach(), 1),
        )
        if shape.packed:
            self.weights = _packed(self.weights)
        self._run: Callable[[Weights, LlamaInput], tuple[Tensor, list[Tensor]]] = scripted(forward)

    def new_cache(self, capacity: int) -> KVCache:
        """An empty cache for one sequence."""
        return KVCache(len(self.weights.layers), capacity)

    def __call__(self, cache: AnyCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]]:
        """As ``Backend`` says; the cache has room for the rows, and so no position reaches its capacity."""
        assert isinstance(cache, KVCache)
        # By numpy it takes a fifth of the time; a small draft model's pass is so short that this counts.
        indices = torch.from_numpy(np.array((inputs.token_ids, inputs.position_ids))).to(self._device)
        token_ids, position_ids = indices.unbind()
        mask = self.masks(cache, inputs)
        assert isinstance(mask, Tensor)
        hidden, buffers = list(inputs.hidden_layers), self.buffers(cache)
        made = LlamaInput(token_ids, position_ids, None, mask, *buffers, inputs.last_only, hidden)
        return self._run(self.weights_for(cache), made)

    def buffers(self, cache: KVCache) -> tuple[Tensor, Tensor]:
        """The cache's keys and values, [layers, 1, key heads, capacity, dimension] each."""
        config = self.weights.config
        return cache.buffers(config.num_kv_heads, config.head_dim, self.weights.embed_tokens)

    def weights_for(self, cache: KVCache) -> Weights:
        """The weights, with rope for as many positions as the cache holds; what was given out stays as it is."""
        if len(self.weights.rope_cache[0]) < cache.capacity:
            made = self._rope_cache(self.weights.embed_tokens, cache.capacity)
            self.weights = self.weights._replace(rope_cache=made)
        return self.weights

    def _rope_cache(self, like: Tensor, positions: int) -> tuple[Tensor, Tensor]:
        """cos and sin of the first ``positions``."""
        cos, sin = self._rotary(like[:1, None], torch.arange(positions, device=like.device)[None])
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
        layer._replace(
            qkv_proj=pack(layer.qkv_proj),
            o_proj=pack(layer.o_proj),
            gate_up_proj=pack(layer.gate_up_proj),
            down_proj=pack(layer.down_proj),
        )
        for layer in weights.layers
    ]
    return weights._replace(layers=layers, lm_head=pack(weights.lm_head))


def why_not_llama(model: Any) -> str | None:
    """Why a model is built otherwise than the family, as a clause; None if it is of it."""
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
        input_layernorm=_twice(layer.input_layernorm.weight),
        qkv_proj=_joined([linear.weight for linear in inputs]),
        qkv_bias=_joined([linear.bias for linear in inputs]) if inputs[0].bias is not None else None,
        q_norm=_twice(attention.q_norm.weight) if hasattr(attention, "q_norm") else None,
        k_norm=_twice(attention.k_norm.weight) if hasattr(attention, "k_norm") else None,
        o_proj=attention.o_proj.weight.detach(),
        o_bias=attention.o_proj.bias.detach() if attention.o_proj.bias is not None else None,
        post_attention_layernorm=_twice(layer.post_attention_layernorm.weight),
        gate_up_proj=_joined([mlp.gate_proj.weight, mlp.up_proj.weight]),
        down_proj=mlp.down_proj.weight.detach(),
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
