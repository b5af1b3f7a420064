"""Rotary frequencies: to the bit those of transformers' modules."""

import pytest
import torch
from transformers import LlamaConfig, Qwen3Config
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding
from transformers.models.qwen3.modeling_qwen3 import Qwen3RotaryEmbedding

from spectui.engine.model.rotary import rope_cache, rotary_of

SHAPE = {"hidden_size": 64, "num_attention_heads": 4, "max_position_embeddings": 2048}
LLAMA3 = {
    "rope_type": "llama3",
    "rope_theta": 500000.0,
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 256,
}
YARN = {"rope_type": "yarn", "rope_theta": 10000.0, "factor": 4.0}


@pytest.mark.oldest
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("module", "config"), [
    (LlamaRotaryEmbedding, LlamaConfig(**SHAPE)),
    (LlamaRotaryEmbedding, LlamaConfig(**SHAPE, rope_parameters={"rope_type": "default", "rope_theta": 100000.0})),
    (LlamaRotaryEmbedding, LlamaConfig(**SHAPE, rope_parameters=LLAMA3)),
    (LlamaRotaryEmbedding, LlamaConfig(**SHAPE, rope_parameters=YARN)),
    (Qwen3RotaryEmbedding, Qwen3Config(**SHAPE, head_dim=32)),
], ids=["default", "theta", "llama3", "yarn", "qwen3"])  # fmt: skip
def test_cos_and_sin_are_those_of_transformers(module, config, dtype):
    like, places = torch.zeros(1, 1, 4, dtype=dtype), torch.arange(700)
    cos, sin = module(config)(like, places[None])
    own_cos, own_sin = rope_cache(rotary_of(config), like, 700)
    half = cos.shape[-1] // 2
    assert torch.equal(own_cos[:, 0], cos[0])
    assert torch.equal(own_sin[:, 0, half:], sin[0, :, half:])
    assert torch.equal(own_sin[:, 0, :half], -sin[0, :, :half])
