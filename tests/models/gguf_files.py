"""Tiny GGUF files, written with llama.cpp's own library, and the models that they must be read as."""

import gguf
import numpy as np
import torch
from gguf import GGMLQuantizationType as Kind
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.convert_slow_tokenizer import bytes_to_unicode

HIDDEN, INNER, HEADS, KEYS, HEAD = 256, 256, 8, 4, 32
"""Rows of the K-quants are multiples of 256."""
TEMPLATE = "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
FORMS = {
    "llama": {"model_type": "llama", "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0}},
    "qwen2": {"model_type": "qwen2", "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0}},
    "qwen3": {"model_type": "qwen3", "rope_parameters": {"rope_type": "default", "rope_theta": 50000.0}},
    "gemma3": {
        "model_type": "gemma3_text",
        "sliding_window": 8,
        "query_pre_attn_scalar": HEAD,
        "hidden_activation": "gelu_pytorch_tanh",
        "layer_types": ["sliding_attention"] * 5 + ["full_attention"],
        "rope_parameters": {
            "full_attention": {"rope_type": "linear", "rope_theta": 50000.0, "factor": 8.0},
            "sliding_attention": {"rope_type": "default", "rope_theta": 10000.0},
        },
    },
}
NAMES = {
    "model.embed_tokens": "token_embd",
    "model.norm": "output_norm",
    "lm_head": "output",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.o_proj": "attn_output",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
    "input_layernorm": "attn_norm",
    "pre_feedforward_layernorm": "ffn_norm",
    "post_feedforward_layernorm": "post_ffw_norm",
}


def gguf_name(family, name):
    """What llama.cpp calls a tensor of transformers."""
    stem, _, end = name.rpartition(".")
    if not stem.startswith("model.layers."):
        return f"{NAMES[stem]}.{end}"
    _, _, layer, leaf = stem.split(".", 3)
    after = "post_attention_norm" if family == "gemma3" else "ffn_norm"
    return f"blk.{layer}.{after if leaf == 'post_attention_layernorm' else NAMES[leaf]}.{end}"


def packed(values, kind, rng):
    """Bytes of a quantisation, near ``values`` where the library can make it, else any that are valid."""
    try:
        return gguf.quantize(values, kind)
    except NotImplementedError:
        block, size = gguf.GGML_QUANT_SIZES[kind]
        made = rng.integers(0, 256, (*values.shape[:-1], values.shape[-1] // block, size), np.uint8)
        scales = np.frombuffer(np.float16(2e-3 if kind == Kind.Q5_K else 5e-5).tobytes(), np.uint8)
        places = (slice(0, 2), slice(2, 4)) if kind == Kind.Q5_K else (slice(-2, None),)
        for place in places:
            made[..., place] = scales
        return made.reshape(*values.shape[:-1], -1)


def tiny_model(family, layers, tied, rows):
    """A model of random weights, as transformers makes it."""
    torch.manual_seed(1)
    form = dict(FORMS[family])
    config = AutoConfig.for_model(
        form.pop("model_type"),
        **form,
        vocab_size=rows,
        hidden_size=HIDDEN,
        intermediate_size=INNER,
        num_hidden_layers=layers,
        num_attention_heads=HEADS,
        num_key_value_heads=KEYS,
        head_dim=HEAD,
        max_position_embeddings=512,
        rms_norm_eps=1e-5,
        tie_word_embeddings=tied,
    )
    model = AutoModelForCausalLM.from_config(config, dtype=torch.float32).eval()
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter.copy_(torch.randn_like(parameter) * 0.2 + (0.0 if family == "gemma3" else 1.0))
    return model


def write_gguf(path, family="llama", kind=Kind.Q8_0, tied=True, metadata=(), drop=(), extra=(), tokenizer=True):
    """A file, and the model of transformers with exactly the weights that the file holds."""
    tokens, kinds, merges = vocabulary(family)
    model = tiny_model(family, 6 if family == "gemma3" else 2, tied, len(tokens))
    writer = gguf.GGUFWriter(path, family)
    rng = np.random.default_rng(0)
    truth = {}
    for name, parameter in model.state_dict().items():
        if name == "lm_head.weight" and tied:
            continue
        values = parameter.numpy()
        used = Kind.F32 if values.ndim == 1 else kind
        if family == "gemma3" and "norm" in name:
            values = values + np.float32(1)
        data = packed(values, used, rng)
        back = gguf.dequantize(data, used).astype(np.float32)
        truth[name] = torch.from_numpy(back - (1 if family == "gemma3" and "norm" in name else 0))
        if family == "llama" and ("q_proj" in name or "k_proj" in name):
            data = permuted(data, HEADS if "q_proj" in name else KEYS)
        if gguf_name(family, name) not in drop:
            writer.add_tensor(gguf_name(family, name), data, raw_dtype=used)
    for name, data in extra:
        writer.add_tensor(name, data)
    model.load_state_dict(truth, strict=False)
    told = {
        "block_count": model.config.num_hidden_layers,
        "context_length": 512,
        "embedding_length": HIDDEN,
        "feed_forward_length": INNER,
        "attention.head_count": HEADS,
        "attention.head_count_kv": KEYS,
        "attention.key_length": HEAD,
        "rope.dimension_count": HEAD,
        "attention.layer_norm_rms_epsilon": 1e-5,
        "rope.freq_base": 50000.0,
    }
    if family == "gemma3":
        told |= {"attention.sliding_window": 8, "rope.scaling.type": "linear", "rope.scaling.factor": 8.0}
    told = {f"{family}.{name}": value for name, value in told.items()}
    if tokenizer:
        told |= described(family, tokens, kinds, merges)
    for name, value in {**told, **dict(metadata)}.items():
        if value is not None:
            add(writer, name, value)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return model


def add(writer, name, value):
    """One entry of metadata."""
    if isinstance(value, bool):
        writer.add_bool(name, value)
    elif isinstance(value, int):
        writer.add_uint32(name, value)
    elif isinstance(value, float):
        writer.add_float32(name, value)
    elif isinstance(value, str):
        writer.add_string(name, value)
    else:
        writer.add_array(name, value)


def permuted(rows, heads):
    """The order of rows that llama.cpp's converter gives to queries and keys."""
    shape = rows.shape
    return np.ascontiguousarray(rows.reshape(heads, 2, shape[0] // heads // 2, -1).swapaxes(1, 2).reshape(shape))


def vocabulary(family):
    """Tokens, their kinds and their merges."""
    if family == "gemma3":
        control = ["<pad>", "<eos>", "<bos>", "<unk>", "<start_of_turn>", "<end_of_turn>"]
        pieces = ["  ", *"▁abcdefghijklmnopqrstuvwxyz0123456789\n.", "he", "▁t", "▁the"]
        tokens = [*control, *(f"<0x{byte:02X}>" for byte in range(256)), *pieces]
        kinds = [3, 3, 3, 2, 3, 3, *[6] * 256, 4, *[1] * (len(pieces) - 1)]
        return tokens, kinds, None
    letters = list(bytes_to_unicode().values())
    merges = [("t", "h"), ("th", "e"), ("Ġ", "the"), ("1", "2"), ("12", "3")]
    tokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>", *letters, *("".join(pair) for pair in merges), "<think>"]
    return tokens, [3, 3, 3, *[1] * (len(tokens) - 4), 4], [" ".join(pair) for pair in merges]


def described(family, tokens, kinds, merges):
    """The tokenizer as metadata."""
    ids = {"eos": 1, "bos": 2, "unknown": 3, "padding": 0} if family == "gemma3" else {"eos": 2, "bos": 1, "padding": 0}
    pre = {"llama": "smollm", "gemma3": None}.get(family, "qwen2")
    told = {
        "model": "llama" if family == "gemma3" else "gpt2",
        "pre": pre,
        "tokens": tokens,
        "token_type": kinds,
        "merges": merges,
        "scores": [-float(place) for place in range(len(tokens))] if family == "gemma3" else None,
        "add_bos_token": family == "gemma3",
        **{f"{name}_token_id": index for name, index in ids.items()},
    }
    return {f"tokenizer.ggml.{name}": value for name, value in told.items()} | {"tokenizer.chat_template": TEMPLATE}
