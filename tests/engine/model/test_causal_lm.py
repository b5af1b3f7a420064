"""A tree pass gives what a forward of every path gives; a committed cache is as good as a cold one."""

import random

import pytest
import torch
from transformers import (
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GPTNeoXConfig,
    Lfm2Config,
    Llama4TextConfig,
    LlamaConfig,
    MambaConfig,
    MistralConfig,
    Phi3Config,
    Qwen2Config,
    Qwen3Config,
)

from spectui.engine.model.attention import AttentionMasks, ChunkedAttention, FullAttention, SlidingWindow
from spectui.engine.model.capability import capability
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.kv_cache import KVCache
from spectui.engine.values.draft_tree import visibility
from spectui.engine.values.options import Options, Sampling
from spectui.system.errors import UnsupportedModel

from ..toys import TINY, VOCABULARY, decoder_of, model_of, random_tree, run, tiny_model

pytestmark = pytest.mark.oldest

ROPE_DYNAMIC = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
CONFIGS = {
    "llama": LlamaConfig(**TINY),
    "llama without groups": LlamaConfig(**{**TINY, "num_key_value_heads": 4}),
    "qwen2": Qwen2Config(**TINY),
    "qwen3": Qwen3Config(**TINY, head_dim=8),
    "phi3": Phi3Config(**TINY, pad_token_id=0),
    "mistral, window 4": MistralConfig(**TINY, sliding_window=4),
    "gemma2, soft cap": Gemma2Config(**TINY, head_dim=8, sliding_window=4),
    "gemma3, mixed layers": Gemma3TextConfig(
        **TINY, head_dim=8, sliding_window=4, layer_types=["sliding_attention", "full_attention"]
    ),
    "gpt2": GPT2Config(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=256),
    "gpt-neox": GPTNeoXConfig(**{name: size for name, size in TINY.items() if name != "num_key_value_heads"}),
}


@pytest.fixture(scope="module", params=CONFIGS, ids=str)
def model(request):
    return model_of(CONFIGS[request.param])


def assert_equal(model, got, expected):
    """Equal but for float64 rounding; transformers' eager attention takes its softmax in float32."""
    tolerance = 1e-5 if model.config._attn_implementation == "eager" else 1e-9
    torch.testing.assert_close(got, expected, atol=tolerance, rtol=tolerance)


def plain(model, ids):
    """Logits of an untouched forward, every position."""
    with torch.inference_mode():
        return model(torch.tensor([ids]), use_cache=False).logits[0]


@pytest.mark.parametrize("seed", range(3))
def test_a_tree_pass_equals_a_forward_of_every_path(model, seed):
    rng = random.Random(seed)
    prompt = [rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 14))]
    tree = random_tree(rng, VOCABULARY, most=14)
    expected = [plain(model, prompt)[-1]]
    expected += [plain(model, [*prompt, *tree.path_tokens(node)])[-1] for node in range(len(tree))]
    target = CausalLM(model)
    cache = target.new_cache(8)
    target.prefill(cache, prompt[:-1])
    got = target.step(cache, prompt[-1], tree).logits
    assert_equal(model, got, torch.stack(expected))


def test_after_random_trees_and_commits_the_cache_is_as_good_as_cold(model):
    rng = random.Random(1)
    target = CausalLM(model)
    cache = target.new_cache(4)
    tokens = [rng.randrange(VOCABULARY) for _ in range(6)]
    target.prefill(cache, tokens[:-1])
    for _ in range(8):
        tree = random_tree(rng, VOCABULARY, most=8)
        target.step(cache, tokens[-1], tree)
        path = tree.path(rng.randrange(len(tree))) if len(tree) else []
        cache.commit([0, *(node + 1 for node in path)])
        tokens += [*(tree.tokens[node] for node in path), rng.randrange(VOCABULARY)]
        assert cache.length == len(tokens) - 1
    got = target.forward(cache, ForwardInput(tokens[-1:], (cache.length,))).logits[0]
    assert_equal(model, got, plain(model, tokens)[-1])


def test_a_truncated_cache_is_as_good_as_cold(model):
    target = CausalLM(model)
    cache = target.new_cache(4)
    tokens = list(range(20))
    target.prefill(cache, tokens)
    assert cache.truncate(7) == 7
    got = target.prefill(cache, [50, 51]).logits[0]
    assert_equal(model, got, plain(model, [*tokens[:7], 50, 51])[-1])


def test_a_long_prefill_in_chunks_equals_one_pass(monkeypatch):
    monkeypatch.setattr("spectui.engine.model.causal_lm.PREFILL_CHUNK", 7)
    model = model_of(CONFIGS["llama"])
    target = CausalLM(model)
    tokens = [index % VOCABULARY for index in range(40)]
    got = target.prefill(target.new_cache(4), tokens).logits[0]
    assert_equal(model, got, plain(model, tokens)[-1])


def test_hidden_states_are_those_of_the_layers_asked_for():
    model = model_of(CONFIGS["llama"])
    with torch.inference_mode():
        states = model(torch.tensor([[1, 2, 3]]), output_hidden_states=True, use_cache=False).hidden_states
    target = CausalLM(model)
    cache = target.new_cache()
    target.prefill(cache, [1, 2])
    got = target.step(cache, 3, random_tree(random.Random(0), VOCABULARY, most=0), hidden=(0, 1)).hidden
    assert_equal(model, got[:, 0], torch.stack([states[0][0, -1], states[1][0, -1]]))


RECURRENT = {
    "convolution": Lfm2Config(**TINY, layer_types=["conv", "full_attention"]),
    "state space": MambaConfig(vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, state_size=4),
}


@pytest.mark.parametrize("name", RECURRENT)
def test_models_with_a_state_decode_one_token_at_a_time_and_say_why(name):
    model = model_of(RECURRENT[name], dtype=torch.float32)
    target = CausalLM(model)
    assert not target.capability.trees
    assert "cannot be rolled back" in target.capability.why_no_tree
    prompt = [1, 2, 3, 4, 5]
    tokens, steps = run(decoder_of(target, options=Options(max_new_tokens=12)), prompt)
    assert len(tokens) == 12
    assert all(not step.nodes for step in steps)
    expected = list(prompt)
    for _ in range(12):
        expected.append(int(plain(model, expected)[-1].argmax()))
    assert tokens == expected[len(prompt) :]


def test_a_state_that_cannot_be_cut_back_starts_afresh():
    target = CausalLM(model_of(RECURRENT["convolution"], dtype=torch.float32))
    decoder = decoder_of(target, options=Options(max_new_tokens=6))
    run(decoder, [1, 2, 3])
    assert decoder.prefill([1, 2, 9]).reused == 0
    target.forward(decoder._cache, ForwardInput([1, 2], (0, 1)))
    with pytest.raises(UnsupportedModel):
        decoder._cache.commit([0])


def test_no_pass_crosses_the_switch_of_dynamic_rope():
    changes = {**TINY, "max_position_embeddings": 24, "rope_parameters": ROPE_DYNAMIC}
    model = model_of(LlamaConfig(**changes))
    target = CausalLM(model)
    assert target.rope_switch.length == 24
    options = Options(Sampling(), max_new_tokens=40)
    plain_tokens, _ = run(decoder_of(target, options=options), [1, 2, 3])
    drafted, steps = run(decoder_of(target, tiny_model(), "draft", options), [1, 2, 3])
    for step in steps:
        end = step.position + max(depths(step), default=0)
        assert not step.position < 24 <= end, "positions 0..23 and 24.. use other frequencies"
    assert drafted == plain_tokens


def depths(step):
    found = []
    for node in step.nodes:
        found.append(1 if node.parent < 0 else found[node.parent] + 1)
    return found


def test_chunked_attention_is_masked_by_position():
    model = model_of(
        Llama4TextConfig(
            **{
                **TINY,
                "intermediate_size_mlp": 48,
                "head_dim": 8,
                "num_local_experts": 2,
                "attention_chunk_size": 8,
            },
            layer_types=["chunked_attention", "full_attention"],
            moe_layers=[],
        ),
    )
    assert capability(model).trees


KINDS = {
    "full_attention": (FullAttention(), lambda query, key: True),
    "sliding_attention": (SlidingWindow(4), lambda query, key: query - key < 4),
    "chunked_attention": (ChunkedAttention(4), lambda query, key: query // 4 == key // 4),
}


@pytest.mark.parametrize("group", [1, 3])
@pytest.mark.parametrize("names", [["full_attention"], ["chunked_attention"], ["full_attention", "sliding_attention"]])
def test_masks_show_each_row_its_path_as_far_as_the_layer_reaches(group, names):
    rng = random.Random(group)
    kinds = {name: KINDS[name][0] for name in names}
    masks = AttentionMasks(kinds, torch.float32, torch.device("cpu"), group)
    for before in [*sorted(rng.randrange(60) for _ in range(8)), 5]:
        tree = random_tree(rng, VOCABULARY)
        seen, scratch = visibility(tree.parents), rng.randrange(len(tree) + 1)
        cache, positions = KVCache(1), [before, *(before + depth for depth in tree.depths)]
        cache.length = before
        cache.append(positions[:scratch])
        inputs = ForwardInput([0, *tree.tokens][scratch:], positions[scratch:], torch.from_numpy(seen[scratch:]))
        made = masks(cache, inputs)
        assert isinstance(made, dict) == (len(names) > 1)
        for name in names:
            reaches = KINDS[name][1]
            keys = [*range(before), *positions]
            rows = [
                [
                    (index < before or seen[row, index - before]) and reaches(positions[row], key)
                    for index, key in enumerate(keys)
                ]
                for row in range(scratch, len(positions))
            ]
            expected = torch.where(torch.tensor(rows * group), 0.0, torch.finfo(torch.float32).min)
            assert torch.equal((made[name] if len(names) > 1 else made)[0, 0], expected)


def test_a_single_row_without_a_tree_mask_sees_everything():
    cache = KVCache(1)
    cache.length = 3
    cache.append([3])
    masks = AttentionMasks({"full_attention": FullAttention()}, torch.float32, torch.device("cpu"), 2)
    assert torch.equal(masks(cache, ForwardInput([1], (4,))), torch.zeros(1, 1, 2, 5))
    assert not masks.limited


@pytest.mark.parametrize("kind", [True, False], ids=["lean", "transformers"])
def test_the_states_of_a_prompt_come_chunk_by_chunk(kind):
    model = tiny_model(max_position_embeddings=2048)
    target = CausalLM(model, llama_forward=kind)
    prompt, taken = [token % VOCABULARY for token in range(600)], []
    target.prefill(target.new_cache(), prompt, hidden=(0, 1), take=lambda *some: taken.append(some))
    with torch.inference_mode():
        expected = model(torch.tensor([prompt]), output_hidden_states=True).hidden_states
    assert [start for start, _ in taken] == [0, 512]
    states = torch.cat([states for _, states in taken], 1)
    for layer in (0, 1):
        torch.testing.assert_close(states[layer], expected[layer][0], atol=1e-5, rtol=0)


def test_a_model_that_hands_out_no_states_says_so():
    target = CausalLM(tiny_model())
    assert target.why_no_states((0, 1)) is None
    assert "cannot be read" in target.why_no_states((0, 9))
