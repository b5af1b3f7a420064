"""What llama.cpp calls the parts of a model, and what transformers does: configuration and tensors of each family."""

from dataclasses import dataclass, field
from typing import Any

from ...system.errors import UserError
from ...system.sanitise import sanitise_line
from .header import GgufHeader, GgufTensor
from .rope import rope_parameters

TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
LAYER = {
    "attn_norm": "input_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
    "ffn_norm": "post_attention_layernorm",
}
HEAD_NORMS = {"attn_q_norm": "self_attn.q_norm", "attn_k_norm": "self_attn.k_norm"}
GEMMA = {
    "post_attention_norm": "post_attention_layernorm",
    "ffn_norm": "pre_feedforward_layernorm",
    "post_ffw_norm": "post_feedforward_layernorm",
}
LARGEST = 1 << 24
"""No size of a model that anybody has made comes near it."""
SMALLEST_VOCABULARY = 8
UNREAD = ("rope_freqs.weight",)
"""Tensors that say what the configuration says."""


@dataclass(frozen=True, slots=True)
class Family:
    """How one architecture is written."""

    model_type: str
    architecture: str
    layer: dict[str, str]
    permuted: bool = False
    """Whether llama.cpp changed the order of the rows of queries and keys, for its kind of rotation."""
    offset: float = 0.0
    """What llama.cpp added to the norms' weights."""
    extra: dict[str, Any] = field(default_factory=dict)


FAMILIES = {
    "llama": Family("llama", "LlamaForCausalLM", LAYER, permuted=True),
    "qwen2": Family("qwen2", "Qwen2ForCausalLM", LAYER),
    "qwen3": Family("qwen3", "Qwen3ForCausalLM", LAYER | HEAD_NORMS),
    "gemma3": Family(
        "gemma3_text",
        "Gemma3ForCausalLM",
        LAYER | HEAD_NORMS | GEMMA,
        offset=1.0,
        extra={"hidden_activation": "gelu_pytorch_tanh", "final_logit_softcapping": None},
    ),
}


@dataclass(frozen=True, slots=True)
class Source:
    """One tensor of the folder to be made, and what it is made from."""

    name: str
    tensor: GgufTensor
    heads: int = 0
    """By how many heads the rows of llama.cpp's order are to be put back; 0 if they are in order."""
    offset: float = 0.0


class Model:
    """A file of a family that is known: its configuration, and its tensors by their names in transformers."""

    def __init__(self, header: GgufHeader) -> None:
        self.header = header
        found = FAMILIES.get(header.architecture)
        if found is None:
            raise UserError(
                f"{self._shown} is of the architecture {sanitise_line(header.architecture)[:40] or 'unknown'}, which "
                f"cannot be read from GGUF; known are {', '.join(FAMILIES)}; use the model's safetensors from the hub"
            )
        self.family = found
        self._prefix = header.architecture
        if self._optional("expert_count", 0):
            raise UserError(f"{self._shown} is a mixture of experts, which cannot be read from GGUF; use safetensors")
        self.config = self._config()
        self.sources = self._sources()

    @property
    def _shown(self) -> str:
        return sanitise_line(self.header.path.name)

    def _optional(self, name: str, default: Any) -> Any:
        return self.header.metadata.get(f"{self._prefix}.{name}", default)

    def _size(self, name: str, default: int | None = None) -> int:
        value = self._optional(name, default)
        if not isinstance(value, int) or not 0 < value <= LARGEST:
            raise UserError(
                f"{self._shown} is damaged: {self._prefix}.{name} is {str(value)[:40]}; download it again"
                if value is not None
                else f"{self._shown} does not say its {name}; use another file of this model"
            )
        return value

    def _config(self) -> dict[str, Any]:
        heads, hidden = self._size("attention.head_count"), self._size("embedding_length")
        head = self._size("attention.key_length", self._optional("rope.dimension_count", max(1, hidden // heads)))
        config: dict[str, Any] = {
            "architectures": [self.family.architecture],
            "model_type": self.family.model_type,
            "vocab_size": self._vocabulary(),
            "hidden_size": hidden,
            "intermediate_size": self._size("feed_forward_length"),
            "num_hidden_layers": self._size("block_count"),
            "num_attention_heads": heads,
            "num_key_value_heads": self._size("attention.head_count_kv", heads),
            "head_dim": head,
            "max_position_embeddings": self._size("context_length"),
            "rms_norm_eps": float(self._optional("attention.layer_norm_rms_epsilon", 1e-6)),
            "rope_parameters": rope_parameters(self.header, self._prefix, head),
            "tie_word_embeddings": "output.weight" not in self.header.tensors,
            **self.family.extra,
        }
        if self.family.model_type == "llama":
            config["attention_bias"] = "blk.0.attn_q.bias" in self.header.tensors
        if self.family.model_type == "gemma3_text":
            config |= self._gemma(config)
        return config

    def _gemma(self, config: dict[str, Any]) -> dict[str, Any]:
        """Every sixth layer sees all tokens, with rope of its own; the largest model scales its queries otherwise."""
        layers = int(config["num_hidden_layers"])
        heads, head = int(config["num_attention_heads"]), int(config["head_dim"])
        local = {"rope_type": "default", "rope_theta": float(self._optional("rope.freq_base_swa", 10000.0))}
        types = ["full_attention" if layer % 6 == 5 else "sliding_attention" for layer in range(min(layers, 1 << 16))]
        return {
            "sliding_window": self._size("attention.sliding_window", 4096),
            "layer_types": types,
            "query_pre_attn_scalar": int(config["hidden_size"]) // heads if layers == 62 else head,
            "rope_parameters": {"full_attention": config["rope_parameters"], "sliding_attention": local},
        }

    def _vocabulary(self) -> int:
        """Rows of the embedding, which may be more than there are tokens."""
        found = self.header.tensors.get("token_embd.weight")
        if found is None or len(found.shape) != 2 or found.shape[0] < SMALLEST_VOCABULARY:
            raise UserError(f"{self._shown} has no embedding of tokens; it is no language model, or only a part of one")
        return found.shape[0]

    def _sources(self) -> list[Source]:
        config = self.config
        expected = self._shapes()
        made = []
        for name, tensor in self.header.tensors.items():
            if name in UNREAD:
                continue
            shape = expected.pop(name, None)
            if shape is None:
                raise UserError(
                    f"{self._shown} has a tensor that spectui does not know in a {self._prefix} model "
                    f"({sanitise_line(name)[:60]}); use the model's safetensors"
                )
            if tensor.shape != shape:
                raise UserError(f"{self._shown} is damaged: {name} is {tensor.shape}, not {shape}; download it again")
            made.append(self._source(name, tensor, config))
        missing = [name for name in expected if not _may_lack(name)]
        if missing:
            raise UserError(
                f"{self._shown} is no complete model: {len(missing)} of its tensors are missing ({missing[0]}); "
                "download it again or use another file"
            )
        return made

    def _source(self, name: str, tensor: GgufTensor, config: dict[str, Any]) -> Source:
        *front, leaf, kind = name.split(".")
        table = self.family.layer if front else TOP
        full = f"model.layers.{front[1]}.{table[leaf]}.{kind}" if front else f"{table[leaf]}.{kind}"
        heads = {"attn_q": "num_attention_heads", "attn_k": "num_key_value_heads"}.get(leaf)
        turned = int(config[heads]) if heads and self.family.permuted else 0
        return Source(full, tensor, turned, self.family.offset if leaf.endswith("norm") else 0.0)

    def _shapes(self) -> dict[str, tuple[int, ...]]:
        """Every tensor that the family may have, in llama.cpp's names."""
        config = self.config
        layers = int(config["num_hidden_layers"])
        if layers > len(self.header.tensors):
            raise UserError(
                f"{self._shown} is damaged: it says that it has {layers:,} layers and has {len(self.header.tensors):,} "
                "tensors; download it again"
            )
        hidden, inner, head = config["hidden_size"], config["intermediate_size"], config["head_dim"]
        queries, keys = config["num_attention_heads"] * head, config["num_key_value_heads"] * head
        weights = {"attn_q": (queries, hidden), "attn_k": (keys, hidden), "attn_v": (keys, hidden),
                   "attn_output": (hidden, queries), "ffn_gate": (inner, hidden), "ffn_up": (inner, hidden),
                   "ffn_down": (hidden, inner), "attn_q_norm": (head,), "attn_k_norm": (head,)}  # fmt: skip
        shapes: dict[str, tuple[int, ...]] = {
            "token_embd.weight": (config["vocab_size"], hidden),
            "output_norm.weight": (hidden,),
            "output.weight": (config["vocab_size"], hidden),
        }
        for layer in range(layers):
            for leaf in self.family.layer:
                shape = weights.get(leaf, (hidden,))
                shapes[f"blk.{layer}.{leaf}.weight"] = shape
                if leaf in self._biased():
                    shapes[f"blk.{layer}.{leaf}.bias"] = shape[:1]
        return shapes

    def _biased(self) -> tuple[str, ...]:
        if self.family.model_type == "qwen2":
            return ("attn_q", "attn_k", "attn_v")
        return ("attn_q", "attn_k", "attn_v", "attn_output") if self.config.get("attention_bias") else ()


def _may_lack(name: str) -> bool:
    return name == "output.weight"
