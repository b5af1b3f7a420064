"""The Llama forward gives what transformers' own gives, and is only used where it does."""

import random

import pytest
import torch
from transformers import GemmaConfig, LlamaConfig, MistralConfig, Phi3Config, Qwen2Config, Qwen3Config

from spectui.engine.model import llama
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.values.options import Options, Sampling

from ..toys import TINY, VOCABULARY, decoder_of, model_of, random_tree, run, tiny_model

pytestmark = pytest.mark.oldest

SCALED = {
    "rope_type": "llama3",
    "factor": 8.0,
    "low_freq_factor": 1.0,
    "high_freq_factor": 4.0,
    "original_max_position_embeddings": 32,
    "rope_theta": 10000.0,
}
FAMILY = {
    "llama": LlamaConfig(**TINY),
    "llama 3, scaled rope": LlamaConfig(**TINY, rope_parameters=SCALED),
    "llama with biases": LlamaConfig(**TINY, attention_bias=True),
    "mistral, window 4": MistralConfig(**TINY, sliding_window=4),
    "qwen2": Qwen2Config(**TINY),
    "qwen3": Qwen3Config(**TINY, head_dim=8),
}
OTHERS = {
    "gemma": GemmaConfig(**TINY, head_dim=8),
    "phi3": Phi3Config(**TINY, pad_token_id=0),
    "llama with MLP biases": LlamaConfig(**TINY, mlp_bias=True),
    "llama with dynamic rope": LlamaConfig(
        **TINY, rope_parameters={"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    ),
    "qwen2 with mixed layers": Qwen2Config(
        **TINY, use_sliding_window=True, sliding_window=4, layer_types=["sliding_attention", "full_attention"]
    ),
}


def outputs(target, seed):
    """Logits and hidden states of a prefill and of some steps over random trees."""
    rng = random.Random(seed)
    cache = target.new_cache(8)
    ids = [rng.randrange(VOCABULARY) for _ in range(11)]
    yield target.prefill(cache, ids).logits
    for _ in range(4):
        tree = random_tree(rng, VOCABULARY)
        out = target.step(cache, rng.randrange(VOCABULARY), tree, hidden=(0, 1, 2))
        yield out.logits
        yield out.hidden
        cache.commit([0])


@pytest.mark.parametrize("eager", [False, True], ids=["script", "eager"])
@pytest.mark.parametrize("name", FAMILY)
def test_it_equals_the_forward_of_transformers(name, eager, monkeypatch):
    if eager:
        monkeypatch.setattr(torch.jit, "script", None)
    model = model_of(FAMILY[name])
    fast, theirs = CausalLM(model), CausalLM(model, llama_forward=False)
    assert fast.uses_llama_forward
    assert not theirs.uses_llama_forward
    for seed in range(3):
        for got, expected in zip(outputs(fast, seed), outputs(theirs, seed), strict=True):
            torch.testing.assert_close(got, expected, atol=1e-12, rtol=1e-12)


@pytest.mark.parametrize("name", OTHERS)
def test_other_models_keep_their_own_forward(name):
    assert not CausalLM(model_of(OTHERS[name])).uses_llama_forward


def other_activation(layer):
    layer.mlp.act_fn = torch.nn.GELU()


def other_scale(layer):
    layer.self_attn.scaling *= 1.001


@pytest.mark.parametrize("change", [other_activation, other_scale])
def test_a_model_that_it_would_compute_wrongly_keeps_its_own_forward(change):
    model = tiny_model()
    assert CausalLM(model).uses_llama_forward
    change(model.model.layers[1])
    assert not CausalLM(model).uses_llama_forward


def test_no_weight_exists_twice_and_transformers_can_still_use_them():
    model = tiny_model()
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.inference_mode():
        before = model(ids).logits
        made = llama.LlamaForward(model)
        attention = model.model.layers[0].self_attn
        assert made.weights.layers[0].qkv_proj.weight.data_ptr() == attention.q_proj.weight.data_ptr()
        assert (
            made.weights.layers[0].gate_up_proj.weight.data_ptr()
            == model.model.layers[0].mlp.gate_proj.weight.data_ptr()
        )
        assert torch.equal(model(ids).logits, before)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_text_in_float32_is_the_same_by_both(temperature):
    model = tiny_model(dtype=torch.float32)
    options = Options(sampling=Sampling(temperature=temperature), max_new_tokens=60)
    models = [CausalLM(model, llama_forward=fast) for fast in (True, False)]
    texts = [run(decoder_of(each, options=options), [1, 2, 3])[0] for each in models]
    assert texts[0] == texts[1]
    assert len(texts[0]) == 60


@pytest.mark.parametrize("name", FAMILY)
def test_packed_weights_give_the_same_logits_and_text(name):
    model = model_of(FAMILY[name], dtype=torch.float32)
    plain, packed = CausalLM(model, llama_forward=False), CausalLM(model, pack=True)
    assert packed.is_packed == torch.backends.mkldnn.is_available()
    for seed in range(3):
        for theirs, ours in zip(outputs(plain, seed), outputs(packed, seed), strict=True):
            assert (theirs - ours).abs().max() < 2e-4 * theirs.abs().max()
    options = Options(max_new_tokens=40)
    assert (
        run(decoder_of(packed, options=options), [5, 3, 8])[0] == run(decoder_of(plain, options=options), [5, 3, 8])[0]
    )


def test_only_float32_on_a_cpu_is_packed():
    assert not CausalLM(tiny_model(dtype=torch.float64), pack=True).is_packed
    assert not CausalLM(tiny_model(dtype=torch.float32)).is_packed


def test_transformers_still_reads_the_weights_that_were_packed():
    model = tiny_model(dtype=torch.float32)
    ids = torch.tensor([[1, 2, 3]])
    with torch.inference_mode():
        before = model(ids).logits
        CausalLM(model, pack=True)
        assert torch.allclose(model(ids).logits, before, atol=1e-4)
