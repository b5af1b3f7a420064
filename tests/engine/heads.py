"""Heads for tiny targets: random ones in both dialects, one that is right, and a slow reference from the paper."""

import json

import torch
from safetensors.torch import save_file
from torch.nn import functional
from transformers import LlamaConfig

from spectui.engine.drafters.eagle.build import HeadFile, build_head
from spectui.engine.model.llama import Config
from spectui.engine.model.rotary import rotary_of
from spectui.models.head_files import read_head_file

LAYERS = [0, 1]
"""Which states of a target of two layers a head reads."""


def numbers(config, own=None, key_heads=2, head_dim=8, heads=4, mlp=24, layers=LAYERS):
    """What the configuration of a head for this target says, in the flat dialect."""
    return {
        "architectures": ["LlamaForCausalLMEagle3"],
        "model_type": "llama",
        "hidden_size": config.hidden_size,
        "intermediate_size": mlp,
        "num_attention_heads": heads,
        "num_key_value_heads": key_heads,
        "head_dim": head_dim,
        "num_hidden_layers": 1,
        "rms_norm_eps": 1e-5,
        "rope_theta": 5000.0,
        "vocab_size": config.vocab_size,
        "draft_vocab_size": own or min(40, config.vocab_size),
        "eagle_aux_hidden_state_layer_ids": layers,
    }


def random_tensors(config, told, seed=0, qwen=False):
    """Random weights for these numbers, named as the flat dialect does."""
    generator = torch.Generator().manual_seed(seed)

    def normal(*shape):
        return torch.randn(*shape, generator=generator) * 1.5 / shape[-1] ** 0.5

    d, f, own = told["hidden_size"], told["intermediate_size"], told["draft_vocab_size"]
    q, kv = told["num_attention_heads"] * told["head_dim"], told["num_key_value_heads"] * told["head_dim"]
    states = len(told["eagle_aux_hidden_state_layer_ids"]) * config.hidden_size
    made = {
        "fc.weight": normal(d, states),
        "midlayer.self_attn.q_proj.weight": normal(q, 2 * d),
        "midlayer.self_attn.k_proj.weight": normal(kv, 2 * d),
        "midlayer.self_attn.v_proj.weight": normal(kv, 2 * d),
        "midlayer.self_attn.o_proj.weight": normal(d, q),
        "midlayer.mlp.gate_proj.weight": normal(f, d),
        "midlayer.mlp.up_proj.weight": normal(f, d),
        "midlayer.mlp.down_proj.weight": normal(d, f),
        "lm_head.weight": 4.0 * normal(own, d),
    }
    norms = ["midlayer.input_layernorm", "midlayer.hidden_norm", "midlayer.post_attention_layernorm", "norm"]
    sizes = dict.fromkeys(norms, d)
    if qwen:
        sizes |= {f"midlayer.self_attn.{one}_norm": told["head_dim"] for one in "qk"}
    for name, size in sizes.items():
        made[f"{name}.weight"] = 0.5 + torch.rand(size, generator=generator)
    if own != told["vocab_size"]:
        chosen = torch.randperm(told["vocab_size"], generator=generator)[:own].sort().values
        made["d2t"] = chosen - torch.arange(own)
        made["t2d"] = torch.zeros(told["vocab_size"], dtype=torch.bool).index_fill(0, chosen, True)
    return made


def write_head(folder, told, tensors, dialect="flat", **more):
    """A checkpoint in one of the dialects."""
    folder.mkdir(parents=True, exist_ok=True)
    if dialect == "speculators":
        outside = ("draft_vocab_size", "eagle_aux_hidden_state_layer_ids", "architectures")
        tensors = {name.replace("midlayer.", "layers.0."): tensor for name, tensor in tensors.items()}
        told = {
            "architectures": ["Eagle3Speculator"],
            "speculators_model_type": "eagle3",
            "speculators_config": {"algorithm": "eagle3", "verifier": {"name_or_path": "owner/target"}},
            "draft_vocab_size": told["draft_vocab_size"],
            "eagle_aux_hidden_state_layer_ids": told["eagle_aux_hidden_state_layer_ids"],
            "transformer_layer_config": {name: value for name, value in told.items() if name not in outside},
        }
    (folder / "config.json").write_text(json.dumps(told | more))
    save_file({name: tensor.contiguous() for name, tensor in tensors.items()}, folder / "model.safetensors")
    return folder


def load_head(folder, model, rounded=None, pack=False):
    """The head of a folder, beside a transformers model."""
    return build_head(
        read_head_file(folder, folder.name, model.config), model.get_input_embeddings().weight.detach(), rounded, pack
    )


def random_head(folder, model, dialect="flat", seed=0, rounded=None, pack=False, qwen=False, **more):
    """A head with random weights for a model, by way of a checkpoint."""
    told = numbers(model.config)
    return load_head(
        write_head(folder, told, random_tensors(model.config, told, seed, qwen), dialect, **more), model, rounded, pack
    )


def tiny_head(model, rounded=None, pack=False, seed=0):
    """A head with random weights for any model, without a checkpoint."""
    told = numbers(model.config)
    return _built(model, told, random_tensors(model.config, told, seed), False, rounded, pack)


def bigram(model):
    """The same model, of which the next token depends on the last one alone."""
    for layer in model.model.layers:
        layer.self_attn.o_proj.weight.data.zero_()
        layer.mlp.down_proj.weight.data.zero_()
    return model


def right_head(model, own=None):
    """A head that is right about a ``bigram`` model, made by hand.

    Its attention looks for the token that it reads, and so finds its embedding; all else is 0. ``own`` are the tokens
    that it can say.
    """
    d, vocabulary = model.config.hidden_size, model.config.vocab_size
    ids = torch.arange(vocabulary) if own is None else torch.tensor(sorted(own))
    told = numbers(model.config, len(ids), key_heads=1, head_dim=d, heads=1)
    tensors = {name: torch.zeros_like(tensor) for name, tensor in random_tensors(model.config, told).items()}
    embedding = torch.cat([torch.eye(d), torch.zeros(d, d)], 1)
    tensors |= {f"midlayer.self_attn.{one}_proj.weight": embedding.clone() for one in "kv"}
    tensors["midlayer.self_attn.q_proj.weight"] = 100.0 * embedding
    tensors["midlayer.self_attn.o_proj.weight"] = torch.eye(d)
    tensors |= {name: torch.ones(d) for name in ("midlayer.input_layernorm.weight", "norm.weight")}
    tensors["norm.weight"] = model.model.norm.weight.detach()
    tensors["lm_head.weight"] = model.lm_head.weight.detach()[ids]
    tensors.pop("t2d", None)
    tensors["d2t"] = ids - torch.arange(len(ids))
    return _built(model, told, tensors, True, None, False)


def _built(model, told, tensors, norm_first, rounded, pack):
    tensors = dict(tensors)
    own = torch.arange(told["draft_vocab_size"])
    ids = own + tensors.pop("d2t") if "d2t" in tensors else None
    tensors.pop("t2d", None)
    heads, size = told["num_attention_heads"], told["head_dim"]
    rope = {"rope_type": "default", "rope_theta": told["rope_theta"]}
    rotary = rotary_of(LlamaConfig(head_dim=size, rope_parameters=rope))
    config = Config(heads, told["num_key_value_heads"], size, told["rms_norm_eps"], size**-0.5)
    layers = tuple(told["eagle_aux_hidden_state_layer_ids"])
    file = HeadFile("tiny head", config, layers, norm_first, tensors, ids, rotary)
    return build_head(file, model.get_input_embeddings().weight.detach(), rounded, pack)


class SlowHead:
    """EAGLE-3 as the paper has it (2503.01840), one position at a time and without a cache, in float64."""

    def __init__(self, told, tensors, embedding, norm_before_residual=False):
        self.told, self.w = told, {name: tensor.double() for name, tensor in tensors.items()}
        self.embedding, self.norm_before_residual = embedding.double(), norm_before_residual
        own = torch.arange(told["draft_vocab_size"])
        self.ids = (own + tensors["d2t"] if "d2t" in tensors else own).tolist()

    def norm(self, x, name):
        return self.w[f"{name}.weight"] * x / (x.square().mean() + self.told["rms_norm_eps"]).sqrt()

    def turned(self, x, position):
        """A head's query or key [head_dim] turned by its position."""
        half = len(x) // 2
        angles = position / self.told["rope_theta"] ** (torch.arange(half).double() / half)
        a, b = x[:half], x[half:]
        return torch.cat([a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin()])

    def outputs(self, tokens, states):
        """Features behind each of ``tokens`` from the second on; states [verified, width]: of the first tokens.

        Position t reads the embedding of token t + 1 and its feature: ``fc`` of the target's states where they are
        known, else what the layer itself gave at t - 1.
        """
        d, heads, size = self.told["hidden_size"], self.told["num_attention_heads"], self.told["head_dim"]
        group = heads // self.told["num_key_value_heads"]
        keys, values, made = [], [], []
        for t in range(len(tokens) - 1):
            feature = self.w["fc.weight"] @ states[t].double() if t < len(states) else made[-1]
            embedded = self.norm(self.embedding[tokens[t + 1]], "midlayer.input_layernorm")
            normed = self.norm(feature, "midlayer.hidden_norm")
            x = torch.cat([embedded, normed])
            assert len(x) == 2 * d
            q, k, v = ((self.w[f"midlayer.self_attn.{one}_proj.weight"] @ x).view(-1, size) for one in "qkv")
            if "midlayer.self_attn.q_norm.weight" in self.w:
                q = torch.stack([self.norm(one, "midlayer.self_attn.q_norm") for one in q])
                k = torch.stack([self.norm(one, "midlayer.self_attn.k_norm") for one in k])
            keys.append([self.turned(one, t) for one in k])
            values.append(v)
            attended = []
            for head in range(heads):
                query = self.turned(q[head], t)
                weights = torch.stack([query @ key[head // group] / size**0.5 for key in keys]).softmax(0)
                attended.append(sum(w * value[head // group] for w, value in zip(weights, values, strict=True)))
            residual = normed if self.norm_before_residual else feature
            x = residual + self.w["midlayer.self_attn.o_proj.weight"] @ torch.cat(attended)
            h = self.norm(x, "midlayer.post_attention_layernorm")
            gate, up = (self.w[f"midlayer.mlp.{one}_proj.weight"] @ h for one in ("gate", "up"))
            made.append(x + self.w["midlayer.mlp.down_proj.weight"] @ (functional.silu(gate) * up))
        return made

    def logits(self, tokens, states):
        """Logits over the head's own vocabulary for the token behind ``tokens``."""
        return self.w["lm_head.weight"] @ self.norm(self.outputs(tokens, states)[-1], "norm")
