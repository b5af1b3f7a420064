"""A head from the tensors of a checkpoint, in the numbers that its target computes with."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ...model.int4 import grouped, int4_linear, packed_nibbles
from ...model.int8 import int8_linear, quantised
from ...model.linear import GROUP, Linear
from ...model.llama import Config, Layer, packed, twice
from ...model.quantised import FINE_INPUTS
from ...model.rotary import Rotary, rope_cache
from ...values.dtypes import INT4, INT8
from .head import EagleHead, HeadWeights

FINE = (*FINE_INPUTS, "fc")
"""Layers whose inputs keep more than 8 bits. A residual stream, which ``fc`` reads, has the most uneven channels."""
SCALE = "_scale"
"""What stands behind the name of an int8 weight [out, in] where its scale [out, 1] is."""


@dataclass(frozen=True, slots=True)
class HeadFile:
    """What a checkpoint holds: numbers, and tensors by the names of the flat dialect (``midlayer.mlp.up_proj.weight``).

    int8 weights have their scales beside them; whatever else is wrong with it was refused when it was read.
    """

    name: str
    config: Config
    layers: tuple[int, ...]
    """Which of the target's layers it looks into."""
    norm_before_residual: bool
    tensors: Mapping[str, Tensor]
    target_ids: Tensor | None
    """The target's ids of its own vocabulary; None where they are the same."""
    rotary: Rotary


def build_head(file: HeadFile, embedding: Tensor, quantised_to: str | None, pack: bool) -> EagleHead:
    """A head beside a target with this embedding [vocabulary, width], whose device and type it takes.

    ``quantised_to`` names what its linear layers are rounded to: int8, int4, or nothing. ``pack`` spends memory for a
    faster layout, as for the target.
    """
    builder = _Builder(file.tensors, embedding, quantised_to, pack)
    own = builder.matrix("embed_tokens") if "embed_tokens.weight" in file.tensors else embedding
    attention, mlp = "midlayer.self_attn.", "midlayer.mlp."
    layer = Layer(
        input_layernorm=builder.norm("midlayer.input_layernorm"),
        qkv_proj=builder.linear("qkv_proj", [f"{attention}{one}_proj" for one in "qkv"]),
        q_norm=builder.optional_norm(f"{attention}q_norm"),
        k_norm=builder.optional_norm(f"{attention}k_norm"),
        o_proj=builder.linear("o_proj", [f"{attention}o_proj"]),
        post_attention_layernorm=builder.norm("midlayer.post_attention_layernorm"),
        gate_up_proj=builder.linear("gate_up_proj", [f"{mlp}gate_proj", f"{mlp}up_proj"]),
        down_proj=builder.linear("down_proj", [f"{mlp}down_proj"]),
    )
    weights = HeadWeights(
        config=file.config,
        embed_tokens=own,
        fc=builder.linear("fc", ["fc"]),
        hidden_norm=builder.norm("midlayer.hidden_norm"),
        layer=layer,
        norm=builder.norm("norm"),
        lm_head=builder.linear("lm_head", ["lm_head"]),
        norm_before_residual=file.norm_before_residual,
        rope_cache=rope_cache(file.rotary, own, 1),
    )
    ids = file.target_ids.to(embedding.device) if file.target_ids is not None else None
    return EagleHead(file.name, weights, file.rotary, file.layers, ids)


class _Builder:
    """Takes weights out of a checkpoint."""

    def __init__(self, tensors: Mapping[str, Tensor], like: Tensor, quantised_to: str | None, pack: bool) -> None:
        self._tensors, self._like, self._quantised_to, self._pack = tensors, like, quantised_to, pack

    def matrix(self, name: str) -> Tensor:
        """A weight in the target's type."""
        weight, scale = self._tensors[f"{name}.weight"], self._tensors.get(f"{name}.weight{SCALE}")
        return (weight if scale is None else weight.float() * scale.float()).to(self._like)

    def norm(self, name: str) -> Tensor:
        """The weight of a norm, as ``llama.norm`` takes it."""
        return twice(self._tensors[f"{name}.weight"].to(self._like))

    def optional_norm(self, name: str) -> Tensor | None:
        """The same where there is one."""
        return self.norm(name) if f"{name}.weight" in self._tensors else None

    def linear(self, kind: str, names: Sequence[str]) -> Linear:
        """Layers that read the same input, as one."""
        biases = [self._tensors[f"{name}.bias"].to(self._like) for name in names if f"{name}.bias" in self._tensors]
        bias = torch.cat(biases) if biases else None
        sides = [side for name in names for side in self._tensors[f"{name}.weight"].shape]
        if self._quantised_to == INT4 and not any(side % GROUP for side in sides):
            steps, groups = grouped(torch.cat([self.matrix(name) for name in names]))
            return int4_linear(packed_nibbles(steps), groups, bias)
        if self._quantised_to in (INT4, INT8):  # other sides have no product in int4
            parts = [self._whole(name) for name in names]
            weight, scale = (torch.cat(list(part)) for part in zip(*parts, strict=True))
            return int8_linear(weight, scale, bias, self._pack, fine=kind in FINE)
        made = Linear(torch.cat([self.matrix(name) for name in names]), bias)
        return packed(made) if self._pack else made

    def _whole(self, name: str) -> tuple[Tensor, Tensor]:
        """int8 weights and the scale of each channel."""
        weight, scale = self._tensors[f"{name}.weight"], self._tensors.get(f"{name}.weight{SCALE}")
        return quantised(weight) if scale is None else (weight, scale.float().flatten())
