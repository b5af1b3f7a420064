"""Int8: exact sums, rows that do not depend on each other, and weights that stand in for a model's own."""

import random

import pytest
import torch
from hypothesis import example, given
from hypothesis import strategies as st
from transformers import GemmaConfig, LlamaConfig, MistralConfig, Qwen2Config, Qwen3Config

from spectui.engine.drafters.registry import MODES
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.int8 import exact_here, int8_linear, quantised
from spectui.engine.model.linear import project, project_onto
from spectui.engine.model.llama import exact_silu
from spectui.engine.model.load_check import Check
from spectui.engine.model.quantised import bare_model, quantise, why_not_quantised
from spectui.engine.values.dtypes import INT8
from spectui.engine.values.options import Options, Sampling
from spectui.system.errors import UnsupportedModel

from ..heads import tiny_head
from ..toys import (
    TINY,
    VOCABULARY,
    RandomTrees,
    decoder_of,
    install,
    model_of,
    related,
    run,
    tiny_model,
    trees_beside_their_paths,
)

pytestmark = [
    pytest.mark.oldest,
    pytest.mark.skipif(not exact_here(for_few_rows=False), reason="no exact int8 products on this processor"),
]
SINGLE = exact_here(for_few_rows=True)
FAMILY = {
    "llama": LlamaConfig(**TINY),
    "llama with biases": LlamaConfig(**TINY, attention_bias=True),
    "mistral, window 4": MistralConfig(**TINY, sliding_window=4),
    "qwen2": Qwen2Config(**TINY),
    "qwen3": Qwen3Config(**TINY, head_dim=8),
}


def in_int8(model, pack=False):
    calibration = torch.randint(0, VOCABULARY, (4, 32), generator=torch.Generator().manual_seed(0))
    expected = Check(model).expected
    weights = quantise(model, "int8", calibration, expected)
    bare = bare_model(model.config, weights)
    return CausalLM(bare, quantised=weights, pack=pack)


@given(st.integers(1, 5), st.integers(1, 40), st.integers(1, 300), st.integers(0, 2**32))
@example(5, 14, 241, 5)
def test_products_are_those_of_whole_numbers(rows, out, width, seed):
    generator = torch.Generator().manual_seed(seed)
    weight = torch.randn(out, width, generator=generator) * torch.rand(out, 1, generator=generator)
    x = torch.randn(rows, width, generator=generator) * 10.0 ** torch.randint(-3, 4, (rows, 1), generator=generator)
    whole, scale = quantised(weight)
    magnitude = x.abs().amax(1, keepdim=True)
    steps = torch.addcdiv(torch.zeros(1), x, magnitude, value=127.0).add(128).round() - 128  # a half is near here
    expected = (steps.double() @ whole.double().t()) * scale.double() * magnitude.double() / 127
    for single in {False, SINGLE}:
        made = project(x, int8_linear(whole, scale, None, single))
        torch.testing.assert_close(made.double(), expected, rtol=1e-5, atol=1e-5 * float(magnitude.max()))


@given(st.integers(2, 40), st.integers(0, 2**32))
@example(20, 11164900)
def test_a_row_is_the_same_to_the_bit_alone_and_among_others(rows, seed):
    generator = torch.Generator().manual_seed(seed)
    whole, scale = quantised(torch.randn(48, 64, generator=generator))
    bias, onto = torch.randn(48, generator=generator), torch.randn(rows, 48, generator=generator)
    x = torch.randn(rows, 64, generator=generator)
    x[0] = 0.0
    for linear in [int8_linear(whole, scale, each, single) for each in (None, bias) for single in {False, SINGLE}]:
        together, onto_together = project(x, linear), project_onto(onto, x, linear)
        for row in range(rows):
            assert torch.equal(project(x[row : row + 1], linear)[0], together[row])
            assert torch.equal(project_onto(onto[row : row + 1], x[row : row + 1], linear)[0], onto_together[row])


@pytest.mark.parametrize(("rows", "width"), [(1, 8960), (16, 8960), (32, 4864), (25, 1537), (3, 40001)])
def test_an_activated_row_is_the_same_to_the_bit_whatever_threads_share_the_work(rows, width):
    gate = torch.randn(rows, 2 * width, generator=torch.Generator().manual_seed(0)).chunk(2, 1)[0]
    before = torch.get_num_threads()
    torch.set_num_threads(3)
    try:
        together = exact_silu(gate)
        assert torch.equal(together, torch.cat([exact_silu(row[None]) for row in gate]))
    finally:
        torch.set_num_threads(before)
    torch.testing.assert_close(together, gate * gate.sigmoid())


@pytest.mark.parametrize("name", FAMILY)
def test_logits_are_near_those_of_the_weights_it_was_made_from(name):
    model = model_of(FAMILY[name], dtype=torch.float32)
    target, ids = CausalLM(model), list(range(1, 50))
    exact = target.forward(target.new_cache(), ForwardInput.chain(ids, 0)).logits
    for pack in (False, True):
        ours = in_int8(model, pack)
        logits = ours.forward(ours.new_cache(), ForwardInput.chain(ids, 0)).logits
        assert (logits - exact).std() < 0.1 * exact.std()


@pytest.mark.parametrize("pack", [False, True])
@pytest.mark.parametrize("name", FAMILY)
def test_logits_of_a_tree_are_those_of_its_paths_to_the_bit(name, pack):
    for in_tree, alone in trees_beside_their_paths(in_int8(model_of(FAMILY[name], dtype=torch.float32), pack)):
        assert torch.equal(in_tree, alone)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_every_mode_and_any_switching_give_the_same_text(temperature):
    model = tiny_model(dtype=torch.float32)
    target, draft = in_int8(model, pack=True), in_int8(related(model))
    options = Options(sampling=Sampling(temperature=temperature, seed=3), max_new_tokens=80)
    head = tiny_head(model, INT8, pack=True)
    expected, _ = run(decoder_of(target, draft, options=options), [1, 2, 3])
    for mode in MODES:
        assert run(decoder_of(target, draft, mode, options, head=head), [1, 2, 3])[0] == expected
    for seed in range(5):
        decoder, rng = decoder_of(target, draft, options=options, head=head), random.Random(seed)
        install(decoder, RandomTrees(decoder._resources, seed, [1, 2, 3, *expected]))
        text, steps = run(decoder, [1, 2, 3], lambda one, rng=rng: one.set_mode(rng.choice([*MODES, "toy"])))
        assert text == expected
        assert len({step.mode for step in steps}) > 3


def test_the_models_own_weights_stay_as_they_were():
    model = tiny_model(dtype=torch.float32)
    ids = torch.tensor([[1, 2, 3, 4]])
    with torch.inference_mode():
        before = model(ids).logits
        in_int8(model)
        assert torch.equal(model(ids).logits, before)


def test_weights_of_another_model_are_refused():
    model = tiny_model(dtype=torch.float32)
    weights = quantise(
        tiny_model(seed=1, dtype=torch.float32), "int8", torch.tensor([[1, 2, 3, 4]]), Check(model).expected
    )
    bare = bare_model(model.config, weights)
    with pytest.raises(UnsupportedModel, match="other logits"):
        CausalLM(bare, quantised=weights)


def test_why_a_model_cannot_be_in_int8():
    assert why_not_quantised(tiny_model().config, "int8") is None
    assert "not of the Llama family" in why_not_quantised(GemmaConfig(**TINY, head_dim=8), "int8")
