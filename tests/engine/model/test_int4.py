"""Int4: weights that come in 4 bits stay what they are, and rows do not depend on each other."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from transformers import LlamaConfig, Qwen2Config, Qwen3Config

from spectui.engine.drafters.registry import MODES
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.int4 import (
    comes_in_int4,
    grouped,
    int4_here,
    int4_linear,
    is_grouped,
    packed_nibbles,
    ungrouped,
)
from spectui.engine.model.int8 import exact_here
from spectui.engine.model.linear import project, project_onto
from spectui.engine.model.load_check import Check
from spectui.engine.model.quantised import bare_model, quantise, why_not_quantised
from spectui.engine.values.options import Options, Sampling

from ..toys import (
    TINY,
    VOCABULARY,
    decoder_of,
    four_bits,
    model_of,
    related,
    run,
    tiny_model,
    trees_beside_their_paths,
    with_four_bits,
)

pytestmark = [
    pytest.mark.oldest,
    pytest.mark.skipif(
        not (int4_here() and exact_here(for_few_rows=False)), reason="no products with weights of 4 bits here"
    ),
]
WIDE = TINY | {"hidden_size": 64, "intermediate_size": 96}
FAMILY = {
    "llama": LlamaConfig(**WIDE),
    "llama with biases": LlamaConfig(**WIDE, attention_bias=True),
    "qwen2": Qwen2Config(**WIDE),
    "qwen3": Qwen3Config(**WIDE, head_dim=16),
}


def in_int4(model):
    calibration = torch.randint(0, VOCABULARY, (4, 32), generator=torch.Generator().manual_seed(0))
    weights = quantise(model, "int4", calibration, Check(model).expected)
    bare = bare_model(model.config, weights)
    return CausalLM(bare, quantised=weights)


@given(st.integers(1, 4), st.integers(1, 4), st.integers(0, 2**32))
def test_weights_of_four_bits_stay_what_they_are(out, groups, seed):
    weight = four_bits(torch.randn(16 * out, 32 * groups), seed)
    steps, scales = grouped(weight)
    torch.testing.assert_close(ungrouped(steps, scales.float()), weight, rtol=0, atol=float(weight.abs().max()) / 100)
    assert is_grouped(weight)
    assert not is_grouped(weight + 0.05 * torch.randn_like(weight) * weight.std())


def test_a_model_tells_whether_its_weights_come_in_four_bits():
    model = model_of(FAMILY["llama"], dtype=torch.float32)
    assert not comes_in_int4(model)
    assert comes_in_int4(with_four_bits(model))


@given(st.integers(2, 40), st.integers(1, 6), st.integers(1, 20), st.integers(0, 2**32))
def test_a_row_is_the_same_to_the_bit_alone_and_among_others(rows, out, groups, seed):
    generator = torch.Generator().manual_seed(seed)
    steps, scales = grouped(torch.randn(32 * out, 32 * groups, generator=generator))
    bias = torch.randn(32 * out, generator=generator)
    x, onto = torch.randn(rows, 32 * groups, generator=generator), torch.randn(rows, 32 * out, generator=generator)
    for each in (None, bias):
        linear = int4_linear(packed_nibbles(steps), scales, each)
        together, onto_together = project(x, linear), project_onto(onto, x, linear)
        exact = x.bfloat16().double() @ ungrouped(steps, scales.float()).double().t()
        exact = exact if each is None else exact + each
        torch.testing.assert_close(together.double(), exact, rtol=0.01, atol=0.05 * float(exact.std()))
        for row in range(rows):
            assert torch.equal(project(x[row : row + 1], linear)[0], together[row])
            assert torch.equal(project_onto(onto[row : row + 1], x[row : row + 1], linear)[0], onto_together[row])


@pytest.mark.parametrize("name", FAMILY)
def test_logits_are_near_those_of_weights_that_came_in_four_bits(name):
    model = with_four_bits(model_of(FAMILY[name], dtype=torch.float32))
    target, ids = CausalLM(model), list(range(1, 50))
    exact = target.forward(target.new_cache(), ForwardInput.chain(ids, 0)).logits
    ours = in_int4(model)
    assert ours.why_not_captured == "its weights are int4"
    logits = ours.forward(ours.new_cache(), ForwardInput.chain(ids, 0)).logits
    assert (logits - exact).std() < 0.05 * exact.std()


@pytest.mark.parametrize("name", FAMILY)
def test_logits_of_a_tree_are_those_of_its_paths_to_the_bit(name):
    model = with_four_bits(model_of(FAMILY[name], dtype=torch.float32))
    for in_tree, alone in trees_beside_their_paths(in_int4(model)):
        assert torch.equal(in_tree, alone)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_every_mode_gives_the_text_of_ar_to_the_bit(temperature):
    model = with_four_bits(model_of(FAMILY["llama"], dtype=torch.float32))
    target, draft = in_int4(model), in_int4(related(model))
    options, prompt = Options(Sampling(temperature=temperature, seed=3), max_new_tokens=120), list(range(5, 25))
    expected, _ = run(decoder_of(target, draft, options=options), prompt)
    for mode in MODES:
        text, _ = run(decoder_of(target, draft, mode, options), prompt)
        assert text == expected, mode


def test_widths_that_are_no_multiples_of_a_group_are_told():
    why = why_not_quantised(tiny_model().config, "int4")
    assert why == "the widths of its layers are not multiples of 32"
