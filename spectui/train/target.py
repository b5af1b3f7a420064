"""The model that a drafter is trained for, as training reads it: layers to run, and weights to start from."""

from typing import Any, NamedTuple

import torch
from torch import Tensor

from ..engine.model.causal_lm import CausalLM
from ..engine.model.cuda_graphs import GraphCache
from ..engine.model.kv_cache import KVCache
from ..engine.model.linear import Linear
from ..engine.model.llama import Layer, LlamaForward, Weights
from ..engine.model.quantised import LINEARS, matrix
from ..engine.values.dtypes import INT4
from ..models.loading import Pair
from ..system.errors import UserError


class PlainLayer(NamedTuple):
    """One decoder layer in float32, as the engine computes it: what int8 smoothed is smoothed here too."""

    input_layernorm: Tensor
    qkv_proj: Tensor
    """[(heads + 2 * key heads) * head_dim, in]: queries, keys, values."""
    o_proj: Tensor
    post_attention_layernorm: Tensor
    gate_up_proj: Tensor
    down_proj: Tensor


class Target:
    """A loaded target of the Llama family; raises UserError for one whose layers cannot be read."""

    def __init__(self, pair: Pair, longest: int) -> None:
        lm = CausalLM(pair.target, quantised=pair.target_quantised)
        llama = lm.backend.llama if isinstance(lm.backend, GraphCache) else lm.backend
        if not isinstance(llama, LlamaForward):
            why = lm.why_not_captured or "it runs in transformers' own forward"
            raise UserError(f"no drafter can be trained for {pair.name}: {why}; choose a model of the Llama family")
        self.pair = pair
        self.config: Any = lm.config
        self.device = lm.device
        self.layers = lm.layers
        self.weights: Weights = llama.weights_for(KVCache(self.layers, longest))
        """What passes over many rows use: quantised weights are brought to what is faster for so many."""
        self._quantised = pair.target_quantised
        fast = self.device.type != "cpu" or multiplies_bfloat16()
        self.numbers = torch.bfloat16 if fast else torch.float32
        """What a drafter is trained in; its own weights are float32."""
        few_bits = self._quantised is not None and self._quantised.dtype == INT4  # its kernel is for few rows
        if self.device.type == "cpu" and (fast or few_bits):
            self.weights = self._in(self.numbers)

    @property
    def hidden_size(self) -> int:
        """The width of the residual stream."""
        return int(self.weights.embed_tokens.shape[1])

    @property
    def vocabulary(self) -> int:
        """Ids below it have text."""
        return self.pair.vocabulary

    @property
    def embed_tokens(self) -> Tensor:
        """[rows, hidden], in the model's own numbers."""
        return self.weights.embed_tokens

    @property
    def norm(self) -> Tensor:
        """The last norm's weight, float32 [hidden]."""
        return self.weights.norm[: self.hidden_size].float()

    @property
    def tied(self) -> bool:
        """Whether the output projection is the embedding."""
        return bool(self.config.tie_word_embeddings)

    def lm_head(self, ids: Tensor | None = None) -> Tensor:
        """Rows of the output projection, float32 [ids, hidden]; all of them without ``ids``."""
        return self._matrix("lm_head", self.weights.lm_head.weight, ids)

    def layer(self, index: int) -> PlainLayer:
        """A decoder layer's weights; biases and norms of queries and keys are left out."""
        layer, size = self.weights.layers[index], self.hidden_size
        matrices = {name: self._matrix(f"layers.{index}.{name}", getattr(layer, name).weight) for name in LINEARS}
        return PlainLayer(
            input_layernorm=layer.input_layernorm[:size].float(),
            post_attention_layernorm=layer.post_attention_layernorm[:size].float(),
            **matrices,
        )

    def _in(self, numbers: torch.dtype) -> Weights:
        layers = []
        for index, layer in enumerate(self.weights.layers):
            plain = self.layer(index)._asdict()
            linears = {name: Linear(plain[name].to(numbers), getattr(layer, name).bias) for name in LINEARS}
            layers.append(Layer(**layer._asdict() | linears))
        return self.weights._replace(layers=layers, lm_head=Linear(self.lm_head().to(numbers), None))

    def _matrix(self, name: str, weight: Tensor, rows: Tensor | None = None) -> Tensor:
        if self._quantised is None:
            return (weight if rows is None else weight[rows]).float()
        return matrix(self._quantised, name, rows)


def multiplies_bfloat16() -> bool:
    """Whether this processor has units for products of bfloat16 (AMX): then they are faster than int8 for many rows.

    128 rows through the linear layers of SmolLM2-135M took 40 ms instead of 79 on one core with AMX.
    """
    return bool(torch.cpu._is_amx_tile_supported())


def aux_layers(layers: int) -> tuple[int, int, int]:
    """The three layers whose input a head reads, as vLLM and SGLang count where a checkpoint says nothing.

    Id i is the residual stream that enters layer i, that is the output of layer i - 1; 0 is the embedding.
    """
    low, middle, high = min(2, layers - 1), layers // 2, max(layers - 3, 0)
    return low, middle, max(high, middle)
