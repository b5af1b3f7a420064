"""What a model can do: whether its state allows trees, read from its configuration without running it."""

from dataclasses import dataclass
from typing import Any

OUTPUT_TOKEN_IDS = "output_token_ids"
"""What a model's configuration, and then the model, names the tokens that it has outputs for, if these are some."""
TREE_KINDS = {"full_attention", "sliding_attention", "chunked_attention"}
_REACH = {"sliding_attention": "sliding_window", "chunked_attention": "attention_chunk_size"}


@dataclass(frozen=True, slots=True)
class Capability:
    """Whether a tree of tokens can be verified in one pass, and if not, why."""

    layer_types: tuple[str, ...]
    why_no_tree: str | None = None

    @property
    def trees(self) -> bool:
        """Whether speculative modes work at all."""
        return self.why_no_tree is None


def text_config(model: Any) -> Any:
    """The configuration of the language part."""
    return model.config.get_text_config(decoder=True)


def layer_types(config: Any) -> tuple[str, ...]:
    """The kind of each layer; inferred for configurations that do not list them."""
    count: int = config.num_hidden_layers
    listed = getattr(config, "layer_types", None)
    if listed:
        return tuple(listed)
    for kind, field in _REACH.items():
        if getattr(config, field, None) is not None:
            return (kind,) * count
    return ("full_attention",) * count


def reach(config: Any, kind: str) -> int | None:
    """How many positions back a layer of this kind attends; None is all."""
    return getattr(config, _REACH[kind], None) if kind in _REACH else None


def capability(model: Any) -> Capability:
    """Judge a model by its layer kinds and state flags (both: some convolutional models lack the flag)."""
    kinds = layer_types(text_config(model))
    odd = sorted(set(kinds) - TREE_KINDS)
    if getattr(model.config, "is_encoder_decoder", False):
        return Capability(kinds, "it is an encoder-decoder model")
    if odd:
        return Capability(
            kinds, f"its {', '.join(odd).replace('_', ' ')} layers keep a state that cannot be rolled back"
        )
    if getattr(model, "_is_stateful", False):
        return Capability(kinds, "it keeps a recurrent state that cannot be rolled back")
    return Capability(kinds)


@dataclass(frozen=True, slots=True)
class RopeSwitch:
    """The sequence length from which on a model turns its keys by other frequencies."""

    length: int
    trees_beyond: bool
    """Whether the frequencies are constant again beyond it, so that trees are exact there."""

    def room(self, length: int) -> int:
        """How deep a tree below the last of ``length`` tokens may be."""
        if length <= self.length:
            return self.length - length
        return length if self.trees_beyond else 0


def rope_switch(config: Any) -> RopeSwitch | None:
    """Where rotary frequencies depend on the sequence's length; None if they never do."""
    rope = getattr(config, "rope_parameters", None) or getattr(config, "rope_scaling", None) or {}
    kind = str(rope.get("rope_type", "default")) if isinstance(rope, dict) else "default"
    original = rope.get("original_max_position_embeddings") if isinstance(rope, dict) else None
    if kind == "dynamic":
        return RopeSwitch(int(original or config.max_position_embeddings), trees_beyond=False)
    if kind == "longrope":
        return RopeSwitch(int(original or config.original_max_position_embeddings), trees_beyond=True)
    return None
