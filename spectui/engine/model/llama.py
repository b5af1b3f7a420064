"""The forward of the Llama family as one function: fused projections, no Python between the operations."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from .attention import AttentionMasks
from .capability import layer_types, rope_switch, text_config
from .cuda import wide_product
from .decode_attention import attend
from .forward import ForwardInput
from .kv_cache import AnyCache, KVCache
from .linear import Linear, is_quantised, project, project_onto
from .rotary import head_dim, rope_cache, rotary_of
from .torchscript import scripted

SHARED = 32768
"""From more numbers on torch shares an operation out among threads."""
FAMILY = ("llama", "mistral", "qwen2", "qwen3")
PACKED_ROWS = 5
"""For how many rows the layout is chosen: it is the fastest from 1 to 8, and not slower beyond."""


class Layer(NamedTuple):
    """The weights of one decoder layer; projections that read the same input are one matrix."""

    input_layernorm: Tensor
    qkv_proj: Linear
    q_norm: Tensor | None
    k_norm: Tensor | None
    o_proj: Linear
    post_attention_layernorm: Tensor
    gate_up_proj: Linear
    down_proj: Linear


class Config(NamedTuple):
    """Head counts and constants."""

    num_heads: int
    num_kv_heads: int
    head_dim: int
    rms_norm_eps: float
    scaling: float


class Body(NamedTuple):
    """What stands behind the embedding."""

    layers: list[Layer]
    norm: Tensor
    lm_head: Linear


class Weights(NamedTuple):
    """All that a model is."""

    config: Config
    embed_tokens: Tensor
    layers: list[Layer]
    norm: Tensor
    lm_head: Linear
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
    fused kernel that a CPU has for this, in half the time. CUDA has one that rounds once, behind the weight.
    """
    size = x.shape[-1]
    if x.is_cuda:
        return functional.rms_norm(x, [size], weight[:size], eps)
    if x.dtype == torch.float32:
        return torch.layer_norm(torch.cat([x, -x], -1), [2 * size], weight, None, eps)[..., :size]
    return weight[:size] * functional.rms_norm(x.float(), [size], None, eps).to(x.dtype)


def exact_silu(x: Tensor, shared: int = SHARED) -> Tensor:
    """SiLU of [rows, width], of which a row's result is the same to the bit whatever rows are beside it.

    Where torch shares numbers out among threads, the last ones of a share are computed by another function, so that
    what a row gets depends on where the shares end. No other operation on single numbers here does that.
    """
    if x.numel() <= shared:
        return functional.silu(x)
    return torch.cat([functional.silu(some) for some in torch.split(x, max(1, shared // x.shape[1]))])


def gated(gate: Tensor, up: Tensor, exact: bool) -> Tensor:
    """SwiGLU of [rows, width], with ``exact_silu`` or torch's."""
    return (exact_silu(gate) if exact else functional.silu(gate)) * up


def turned(x: Tensor, rope: tuple[Tensor, Tensor]) -> Tensor:
    """Rotary embedding of [rows, heads, head_dim] by cos and sin of the rows."""
    return torch.addcmul(x * rope[0], x.roll(x.shape[-1] // 2, -1), rope[1])


def store(cache: Tensor, made: Tensor, slots: Tensor | None, width: int) -> None:
    """Write keys or values [rows, heads, head_dim] into a layer's buffer [heads, capacity, head_dim]."""
    if slots is None:
        cache[:, width - made.shape[0] : width] = made.transpose(0, 1)
    else:
        cache.index_copy_(1, slots, made.transpose(0, 1))


def rotation(rope_cache: tuple[Tensor, Tensor], position_ids: Tensor) -> tuple[Tensor, Tensor]:
    """cos and sin [rows, 1, head_dim] at some positions."""
    cos, sin = rope_cache
    return cos.index_select(0, position_ids), sin.index_select(0, position_ids)


def decoder_layer(
    x: Tensor,
    h: Tensor,
    layer: Layer,
    config: Config,
    rope: tuple[Tensor, Tensor],
    keys: Tensor,
    values: Tensor,
    slots: Tensor | None,
    mask: Tensor,
) -> Tensor:
    """One layer on ``x`` [rows, width], whose projections read ``h``: normed by ``input_layernorm``, as a rule.

    ``rope`` are cos and sin of the rows; keys and values [1, key heads, capacity, head_dim] are the layer's own.
    """
    rows, width = x.shape[0], mask.shape[-1]
    rotated = config.num_heads + config.num_kv_heads
    qkv = project(h, layer.qkv_proj)
    qkv = qkv.view(rows, rotated + config.num_kv_heads, config.head_dim)
    qk, v = qkv[:, :rotated], qkv[:, rotated:]
    q_norm, k_norm = layer.q_norm, layer.k_norm
    if q_norm is not None and k_norm is not None:
        q = norm(qk[:, : config.num_heads], q_norm, config.rms_norm_eps)
        k = norm(qk[:, config.num_heads :], k_norm, config.rms_norm_eps)
        qk = torch.cat([q, k], 1)
    qk = turned(qk, rope)
    q, k = qk[:, : config.num_heads], qk[:, config.num_heads :]
    store(keys[0], k, slots, width)
    store(values[0], v, slots, width)
    q = q.transpose(0, 1).reshape(1, config.num_kv_heads, -1, config.head_dim).to(mask.dtype)
    keys, values = keys[:, :, :width].to(mask.dtype), values[:, :, :width].to(mask.dtype)
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        attended = functional.scaled_dot_product_attention(q, keys, values, attn_mask=mask, scale=config.scaling)
    else:
        attended = attend(q, keys, values, mask, config.scaling)
    attended = attended.reshape(config.num_heads, rows, config.head_dim).transpose(0, 1).reshape(rows, -1)
    attended = attended.to(x.dtype)
    x = project_onto(x, attended, layer.o_proj)
    h = norm(x, layer.post_attention_layernorm, config.rms_norm_eps)
    gate, up = project(h, layer.gate_up_proj).chunk(2, -1)
    return project_onto(x, gated(gate, up, is_quantised(layer.down_proj)), layer.down_proj)


def forward(weights: Weights, inputs: LlamaInput) -> tuple[Tensor, list[Tensor]]:
    """One pass: logits [rows, or 1 if only the last is wanted, vocabulary], and the states [rows, width] asked for."""
    config, mask, slots = weights.config, inputs.attention_mask, inputs.cache_slots
    x = functional.embedding(inputs.token_ids, weights.embed_tokens)
    rope = rotation(weights.rope_cache, inputs.position_ids)
    states: list[Tensor] = []
    if 0 in inputs.hidden_layers:
        states.append(x)
    for index in range(len(weights.layers)):
        layer = weights.layers[index]
        h = norm(x, layer.input_layernorm, config.rms_norm_eps)
        x = decoder_layer(x, h, layer, config, rope, inputs.keys[index], inputs.values[index], slots, mask)
        if index + 1 in inputs.hidden_layers and index + 1 < len(weights.layers):
            states.append(x)
    x = norm(x, weights.norm, config.rms_norm_eps)
    if len(weights.layers) in inputs.hidden_layers:
        states.append(x)
    x = x[-1:] if inputs.last_only else x
    if torch.jit.is_scripting():  # type: ignore[attr-defined]
        return project(x, weights.lm_head), states
    return wide_product(x, weights.lm_head), states


class LlamaForward:
    """A model's forward over a KVCache; it shares the model's weights, which stay usable by transformers.

    With ``pack`` the matrices exist a second time, in the layout in which oneDNN multiplies few rows fastest. ``exact``
    stands in for the model's own layers, with linear layers whose sums are exact. Then attention is in float64, so that
    the only other sums that depend on which rows are beside a row round to the same float32.
    """

    def __init__(self, model: Any, pack: bool = False, exact: Body | None = None) -> None:
        config = text_config(model)
        shape = Config(
            num_heads=config.num_attention_heads,
            num_kv_heads=config.num_key_value_heads,
            head_dim=head_dim(config),
            rms_norm_eps=config.rms_norm_eps,
            scaling=head_dim(config) ** -0.5,
        )
        embedding = model.get_input_embeddings().weight.detach()
        self._rotary = rotary_of(config)
        self._device = embedding.device
        self.packed = pack and (exact is not None or can_pack(model))
        """Whether matrices exist a second time."""
        self.masks = AttentionMasks.of(model, folded=True, dtype=None if exact is None else torch.float64)
        layers, norm, head = exact or _body(model, self.packed)
        self.weights = Weights(shape, embedding, layers, norm, head, rope_cache(self._rotary, embedding, 1))
        self._run: Callable[[Weights, LlamaInput], tuple[Tensor, list[Tensor]]] = scripted(forward, self._device)

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
            made = rope_cache(self._rotary, self.weights.embed_tokens, cache.capacity)
            self.weights = self.weights._replace(rope_cache=made)
        return self.weights


def can_pack(model: Any) -> bool:
    """Whether oneDNN can multiply this model's matrices in its own layout."""
    weight = next(model.parameters())
    return bool(weight.device.type == "cpu" and weight.dtype == torch.float32 and torch.backends.mkldnn.is_available())  # type: ignore[no-untyped-call]


def why_not_llama(model: Any) -> str | None:
    """Why a model is built otherwise than the family, as a clause; None if it is of it."""
    config = text_config(model)
    if type(model).__name__.lower() != f"{config.model_type}forcausallm":
        return f"{type(model).__name__} is not of the Llama family"
    if len({parameter.device for parameter in model.parameters()}) > 1:
        return "its weights lie on several devices"
    return why_not_family(config)


def why_not_family(config: Any) -> str | None:
    """The same of the model that a configuration stands for."""
    if config.model_type not in FAMILY:
        return f"a model of type {config.model_type} is not of the Llama family"
    if len(set(layer_types(config))) > 1:
        return "its layers are of several kinds"
    if rope_switch(config) is not None:
        return "its rotary frequencies depend on the length"
    if config.hidden_act != "silu" or getattr(config, "mlp_bias", False):
        return "its MLP has another activation, or biases"
    return None if getattr(config, "quantization_config", None) is None else "its weights are quantised"


def _body(model: Any, pack: bool) -> Body:
    """A model's own, which shares its memory unless it is packed."""
    layers, head = [_fused(layer, pack) for layer in model.model.layers], Linear(model.lm_head.weight.detach(), None)
    return Body(layers, twice(model.model.norm.weight), packed(head) if pack else head)


def _fused(layer: Any, pack: bool) -> Layer:
    attention, mlp = layer.self_attn, layer.mlp
    qkv = [attention.q_proj, attention.k_proj, attention.v_proj]
    bias = _joined([linear.bias for linear in qkv]) if qkv[0].bias is not None else None
    o_bias = attention.o_proj.bias.detach() if attention.o_proj.bias is not None else None
    linears = {
        "qkv_proj": Linear(_joined([linear.weight for linear in qkv]), bias),
        "o_proj": Linear(attention.o_proj.weight.detach(), o_bias),
        "gate_up_proj": Linear(_joined([mlp.gate_proj.weight, mlp.up_proj.weight]), None),
        "down_proj": Linear(mlp.down_proj.weight.detach(), None),
    }
    return Layer(
        input_layernorm=twice(layer.input_layernorm.weight),
        q_norm=twice(attention.q_norm.weight) if hasattr(attention, "q_norm") else None,
        k_norm=twice(attention.k_norm.weight) if hasattr(attention, "k_norm") else None,
        post_attention_layernorm=twice(layer.post_attention_layernorm.weight),
        **({name: packed(linear) for name, linear in linears.items()} if pack else linears),
    )


def packed(linear: Linear) -> Linear:
    """The same layer in oneDNN's own layout."""
    made: Tensor = torch.ops.mkldnn._reorder_linear_weight(linear.weight.contiguous(), PACKED_ROWS)
    return linear._replace(weight=made, packed=True)


def twice(weight: Any) -> Tensor:
    """A norm's weight as ``norm`` takes it."""
    return torch.cat([weight.detach(), weight.detach()])


def _joined(parts: Sequence[Any]) -> Tensor:
    """The parameters below each other in one tensor, of which they become views: no weight exists twice."""
    whole = torch.cat([part.detach() for part in parts])
    row = 0
    for part in parts:
        part.data = whole[row : row + len(part)]
        row += len(part)
    return whole
