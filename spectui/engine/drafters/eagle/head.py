"""The head of EAGLE-3 (Li et al., 2503.01840): one decoder layer over the target's states and its own."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from ...model.attention import AttentionMasks, FullAttention
from ...model.forward import ForwardInput
from ...model.kv_cache import KVCache
from ...model.linear import Linear, project
from ...model.llama import Config, Layer, decoder_layer, norm, rotation
from ...model.rotary import Rotary, rope_cache
from ...model.torchscript import scripted


class HeadWeights(NamedTuple):
    """All that a head is."""

    config: Config
    embed_tokens: Tensor
    """[target's vocabulary, width]: the target's own, as a rule."""
    fc: Linear
    """[layers * target's width] -> [width]: a feature of the states of a verified token."""
    hidden_norm: Tensor
    """What the feature is normed by, as the layer's ``input_layernorm`` norms the embedding."""
    layer: Layer
    """Its ``qkv_proj`` reads [2 * width]."""
    norm: Tensor
    lm_head: Linear
    """[width] -> [the head's own vocabulary]."""
    norm_before_residual: bool
    """Whether the residual stream begins with the normed feature."""
    rope_cache: tuple[Tensor, Tensor]


class HeadInput(NamedTuple):
    """The tensors that a pass reads; ``keys`` and ``values`` [1, key heads, capacity, head_dim] are written too."""

    token_ids: Tensor
    """[rows], as are the position ids: row t has the token that follows the one of which it has the feature."""
    position_ids: Tensor
    attention_mask: Tensor
    keys: Tensor
    values: Tensor
    last_only: bool
    """Whether logits and feature of the last row are enough."""


def fuse(weights: HeadWeights, states: Tensor) -> Tensor:
    """Features [rows, width] of the target's states [layers, rows, target's width]."""
    layers, rows, width = states.shape
    return project(states.transpose(0, 1).reshape(rows, layers * width), weights.fc)


def draft(weights: HeadWeights, features: Tensor, inputs: HeadInput) -> tuple[Tensor, Tensor]:
    """One pass: logits [rows, own vocabulary] for the token behind each row's, and the features to go on from."""
    config, layer = weights.config, weights.layer
    embedded = functional.embedding(inputs.token_ids, weights.embed_tokens)
    embedded = norm(embedded, layer.input_layernorm, config.rms_norm_eps)
    normed = norm(features, weights.hidden_norm, config.rms_norm_eps)
    x = normed if weights.norm_before_residual else features
    rope = rotation(weights.rope_cache, inputs.position_ids)
    h = torch.cat([embedded, normed], -1)
    x = decoder_layer(x, h, layer, config, rope, inputs.keys, inputs.values, None, inputs.attention_mask)
    if inputs.last_only:
        x = x[-1:]
    return project(norm(x, weights.norm, config.rms_norm_eps), weights.lm_head), x


def draft_verified(weights: HeadWeights, states: Tensor, inputs: HeadInput) -> tuple[Tensor, Tensor]:
    """The same where the features are still to be made from the target's states [layers, rows, target's width]."""
    return draft(weights, fuse(weights, states), inputs)


class EagleHead:
    """A head that is ready to draft for one target.

    ``layers`` are those of which ``fc`` reads what enters them, in its order, of a target of few layers perhaps one
    twice; ``target_ids`` [own vocabulary] are the target's ids of its own, None where they are the same.
    """

    def __init__(
        self, name: str, weights: HeadWeights, rotary: Rotary, layers: Sequence[int], target_ids: Tensor | None
    ) -> None:
        self.name = name
        """What it is called."""
        self.weights, self.target_ids = weights, target_ids
        self.layers = tuple(sorted(set(layers)))
        """Whose states it is to be given."""
        self._order = [self.layers.index(layer) for layer in layers]
        self.device: torch.device = weights.embed_tokens.device
        self.dtype: torch.dtype = weights.embed_tokens.dtype
        self._rotary = rotary
        config = weights.config
        group = config.num_heads // config.num_kv_heads
        self._masks = AttentionMasks({"full": FullAttention()}, self.dtype, self.device, group)
        self._draft, self._draft_verified = scripted(draft, self.device), scripted(draft_verified, self.device)

    @property
    def vocabulary(self) -> int:
        """How many tokens it can propose."""
        return len(self.target_ids) if self.target_ids is not None else len(self.weights.embed_tokens)

    def why_wrong(self, target_width: int) -> str | None:
        """Why nothing can be drafted with it, as a clause; None if a pass gives numbers."""
        states = torch.ones((len(self.layers), 1, target_width), dtype=self.dtype, device=self.device)
        logits, feature = self.read(self.new_cache(), ForwardInput([0], [0]), states)
        fine = bool(logits.isfinite().all()) and bool(feature.isfinite().all())
        return None if fine else "its weights give no numbers; train it again or use another head"

    def new_cache(self) -> KVCache:
        """An empty cache for one sequence."""
        return KVCache(1)

    @torch.inference_mode()
    def read(self, cache: KVCache, inputs: ForwardInput, states: Tensor) -> tuple[Tensor, Tensor]:
        """One pass over verified tokens with the target's states [layers, rows, width] at those before them.

        Logits [1, own vocabulary] and feature [1, width] behind the last; the rows stay scratch.
        """
        if self._order != sorted(set(self._order)):
            states = states[self._order]
        states = states.to(self.device, self.dtype)
        made: tuple[Tensor, Tensor] = self._draft_verified(*self._ready(cache, inputs, states))
        cache.append(inputs.position_ids)
        return made

    @torch.inference_mode()
    def extend(self, cache: KVCache, inputs: ForwardInput, features: Tensor) -> tuple[Tensor, Tensor]:
        """One pass over drafted tokens, with the features that their parents gave; logits and features of all rows."""
        made: tuple[Tensor, Tensor] = self._draft(*self._ready(cache, inputs, features))
        cache.append(inputs.position_ids)
        return made

    def _ready(self, cache: KVCache, inputs: ForwardInput, read: Tensor) -> tuple[HeadWeights, Tensor, HeadInput]:
        config, end = self.weights.config, cache.length + cache.scratch + len(inputs.token_ids)
        cache.reserve(end)
        keys, values = cache.buffers(config.num_kv_heads, config.head_dim, self.weights.embed_tokens)
        indices = torch.from_numpy(np.array((inputs.token_ids, inputs.position_ids))).to(self.device)
        token_ids, position_ids = indices.unbind()
        mask = self._masks(cache, inputs)
        assert isinstance(mask, Tensor)
        made = HeadInput(token_ids, position_ids, mask, keys[0], values[0], inputs.last_only)
        return self._weights_for(max(inputs.position_ids) + 1), read, made

    def _weights_for(self, positions: int) -> HeadWeights:
        """The weights, with rope for so many positions."""
        known = len(self.weights.rope_cache[0])
        if known < positions:
            made = rope_cache(self._rotary, self.weights.embed_tokens, max(positions, 2 * known))
            self.weights = self.weights._replace(rope_cache=made)
        return self.weights
