"""At load a model is held, with its cache and as decoding calls it, against a plain forward of its own."""

from importlib.metadata import version
from types import SimpleNamespace

import pytest
import torch
from transformers import (
    BertConfig,
    BloomConfig,
    LlamaConfig,
    LlamaForCausalLM,
    MambaConfig,
    MambaForCausalLM,
    MixtralConfig,
    OpenAIGPTConfig,
)
from transformers.utils.deprecation import deprecate_kwarg

from spectui.engine.model import llama
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.load_check import CACHE_NAMES, Check, cache_name
from spectui.engine.values.options import Options
from spectui.system.errors import UserError

from ..toys import TINY, VOCABULARY, decoder_of, model_of, opinionated, run, tiny_model

pytestmark = pytest.mark.oldest

REAL = cache_name(LlamaForCausalLM)
SMALL = {"vocab_size": VOCABULARY, "hidden_size": 32, "num_hidden_layers": 2}


def llama_as(kind, **changes):
    torch.manual_seed(0)
    return opinionated(kind(LlamaConfig(**{**TINY, **changes})))


class Current(LlamaForCausalLM):
    def forward(self, input_ids, cache=None, **more):
        return super().forward(input_ids, **{REAL: cache}, **more)


class Earlier(LlamaForCausalLM):
    def forward(self, input_ids, past_key_values=None, **more):
        return super().forward(input_ids, **{REAL: past_key_values}, **more)


class Renamed(LlamaForCausalLM):
    @deprecate_kwarg("past_key_values", new_name="cache", version="99.0.0", raise_if_both_names=True)
    def forward(self, input_ids, cache=None, **more):
        return super().forward(input_ids, **{REAL: cache}, **more)


class Unheard(LlamaForCausalLM):
    def forward(self, input_ids, memory=None, **more):
        return super().forward(input_ids, **{REAL: memory}, **more)


class Forgetful(LlamaForCausalLM):
    """Takes the cache under a name that is known, and uses another."""

    def forward(self, input_ids, cache=None, **more):
        return super().forward(input_ids, **more)


class Misplaced(LlamaForCausalLM):
    """Knows no positions but those that follow each other in the cache, so that a tree's are wrong."""

    def forward(self, input_ids, cache=None, position_ids=None, **more):
        return super().forward(input_ids, **{REAL: cache}, **more)


def refusal(model, **how):
    with pytest.raises(UserError) as caught:
        CausalLM(model, **how)
    message = str(caught.value)
    assert "\n" not in message
    assert f"transformers {version('transformers')}" in message, "the version that is installed"
    assert "pip install 'transformers" in message, "the versions that work"
    assert model.config.model_type in message
    return message


@pytest.mark.parametrize("kind", [Current, Earlier, Renamed])
def test_a_cache_is_given_under_every_name_that_transformers_has_had(kind):
    made, expected = llama_as(kind), tiny_model()
    options = Options(max_new_tokens=20)
    target = CausalLM(made)
    assert not target.uses_llama_forward
    assert (
        run(decoder_of(target, tiny_model(), "draft", options), [1, 2, 3])[0]
        == (run(decoder_of(CausalLM(expected), options=options), [1, 2, 3])[0])
    )


def test_the_newest_name_comes_first():
    assert CACHE_NAMES[0] == "cache"
    assert cache_name(llama_as(Renamed)) == "cache"


def test_a_model_whose_cache_has_a_name_that_nobody_knows_is_refused():
    assert "no parameter for a cache" in refusal(llama_as(Unheard))


def test_a_model_without_a_cache_is_refused():
    config = OpenAIGPTConfig(vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4)
    assert "no parameter for a cache" in refusal(model_of(config))


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16, torch.float16])
def test_a_model_that_ignores_its_cache_is_refused(dtype):
    assert "no notice of its cache" in refusal(llama_as(Forgetful).to(dtype))


def test_a_recurrent_model_that_ignores_its_cache_is_refused():
    class ForgetfulMamba(MambaForCausalLM):
        def forward(self, input_ids, cache_params=None, use_cache=None, **more):
            return super().forward(input_ids, use_cache=False)

    assert "no notice of its cache" in refusal(opinionated(ForgetfulMamba(MambaConfig(**SMALL, state_size=4))))


def test_a_model_that_looks_ahead_is_refused():
    config = BertConfig(**SMALL, num_attention_heads=4, intermediate_size=48)
    assert "other logits" in refusal(model_of(config, dtype=torch.float32))


@pytest.mark.parametrize("wrong", ["position", "row"])
def test_a_llama_forward_that_is_wrong_only_with_a_cache_is_not_used(monkeypatch, wrong):
    right = llama.LlamaForward.__call__

    def call(self, cache, inputs):
        if wrong == "position":
            inputs = inputs._replace(position_ids=range(len(inputs.token_ids)))
        elif cache.length:
            cache.keys[:, :, :, 1] = 0.0
        return right(self, cache, inputs)

    assert CausalLM(tiny_model()).uses_llama_forward
    monkeypatch.setattr(llama.LlamaForward, "__call__", call)
    target = CausalLM(tiny_model())
    assert not target.uses_llama_forward
    assert "logits differ" in target.why_not_captured


def mild(dtype):
    """Weights half as large again as transformers begins with: what is wrong shows, and not at once."""
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**TINY)).eval()
    for parameter in model.parameters():
        parameter.data.mul_(2.0)
    return model.to(dtype)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
@pytest.mark.parametrize("wrong", ["nothing", "rope", "scale"])
def test_a_llama_forward_without_rope_or_with_doubled_scale_is_not_used_in_16_bits_either(monkeypatch, wrong, dtype):
    right = llama.LlamaForward.weights_for

    def weights_for(self, cache):
        weights = right(self, cache)
        cos, sin = weights.rope_cache
        if wrong == "rope":
            return weights._replace(rope_cache=(torch.ones_like(cos), torch.zeros_like(sin)))
        config = weights.config
        return weights._replace(config=config._replace(scaling=2.0 * config.scaling)) if wrong == "scale" else weights

    monkeypatch.setattr(llama.LlamaForward, "weights_for", weights_for)
    assert CausalLM(mild(dtype)).uses_llama_forward is (wrong == "nothing")


class Off:
    """A target that gives the right logits with so much noise, as a share of their spread."""

    def __init__(self, check, share):
        self.capability = SimpleNamespace(trees=True)
        spread = (check.expected - check.expected.mean(-1, keepdim=True)).square().mean().sqrt()
        noise = torch.randn(check.expected.shape, generator=torch.Generator().manual_seed(0))
        self._logits = iter(check.expected + share * spread * noise)

    def new_cache(self, capacity):
        return SimpleNamespace(truncate=lambda length: None)

    def prefill(self, cache, ids):
        pass

    def step(self, cache, token, tree):
        return SimpleNamespace(logits=next(self._logits))


@pytest.mark.parametrize(("own", "off", "right"), [
    (0.0, 0.002, True), (0.0, 0.06, False), (0.03, 0.06, True), (0.03, 0.18, False), (0.5, 0.25, False),
])  # fmt: skip
def test_16_bits_may_be_off_by_some_times_what_the_model_differs_from_itself(monkeypatch, own, off, right):
    """Many layers of random weights enlarge every rounding: the steps of 16 bits then say little."""
    check = Check(mild(torch.bfloat16))
    monkeypatch.setattr(check, "_noise", own)
    assert (check.why_wrong(Off(check, off)) is None) is right


def test_a_model_that_is_read_row_by_row_differs_from_itself_by_a_rounding():
    assert Check(mild(torch.bfloat16))._noise < 0.05
    assert Check(mild(torch.float32))._noise == 0.0


def test_experts_that_a_rounding_error_swaps_are_no_reason_to_refuse_a_model():
    config = MixtralConfig(**{**TINY, "num_local_experts": 4, "num_experts_per_tok": 1})
    for seed in range(3):
        assert CausalLM(model_of(config, seed, torch.bfloat16)).capability.trees


class Broken:
    """Captures passes that give the wrong logits when they are had again."""

    def capture(self, run):
        made = run()
        return made, lambda: made[0].zero_()


def test_graphs_that_give_other_logits_are_not_used():
    target = CausalLM(tiny_model(), capturer=Broken())
    assert not target.uses_llama_forward


@pytest.mark.parametrize("kind", ["alibi", "positions"])
def test_a_model_that_takes_no_tree_decodes_one_token_at_a_time_and_says_why(kind):
    config = BloomConfig(vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4)
    model = model_of(config) if kind == "alibi" else llama_as(Misplaced)
    target = CausalLM(model)
    assert not target.capability.trees
    assert "tree" in target.capability.why_no_tree
    tokens, steps = run(decoder_of(target, options=Options(max_new_tokens=10)), [1, 2, 3])
    assert all(not step.nodes for step in steps)
    expected = [1, 2, 3]
    with torch.inference_mode():
        for _ in range(10):
            expected.append(int(model(torch.tensor([expected]), use_cache=False).logits[0, -1].argmax()))
    assert tokens == expected[3:]


def test_weights_that_give_no_numbers_are_told():
    model = tiny_model()
    with torch.no_grad():
        model.model.layers[1].mlp.down_proj.weight.fill_(float("nan"))
    with pytest.raises(UserError, match="weights give no numbers; copy it again, or try another --dtype"):
        CausalLM(model)


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_hold_no_numbers_are_no_fault_of_the_cache(value):
    model = tiny_model()
    model.lm_head.weight.data[7] = value
    assert CausalLM(model).capability.trees


def test_a_model_whose_plain_forward_fails_is_refused():
    model = tiny_model()
    model.lm_head = torch.nn.Linear(7, 7)
    assert "fails with RuntimeError" in refusal(model)


def test_a_lack_of_memory_is_no_fault_of_the_model(monkeypatch):
    def full(*_, **__):
        raise torch.OutOfMemoryError("out of memory")

    model = tiny_model()
    monkeypatch.setattr(model, "forward", full)
    monkeypatch.setattr("spectui.engine.model.causal_lm.cache_name", lambda model: "cache")
    with pytest.raises(torch.OutOfMemoryError):
        CausalLM(model)
