"""Int8 by name: made once from a model's own weights, kept, and refused where it cannot be."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from transformers import GemmaConfig, GemmaForCausalLM, LlamaConfig, LlamaForCausalLM

from spectui.config.choice import ModelChoice
from spectui.config.paths import quantised_weights
from spectui.engine.model import int4, int8, load_check, quantised
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.models import precision, size
from spectui.models.loading import load_pair
from spectui.system.errors import UserError

from ..engine.toys import with_four_bits

pytestmark = pytest.mark.skipif(not int8.exact_here(for_few_rows=False), reason="no exact int8 products here")
SHAPE = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
}


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path / "home"))


@pytest.fixture
def folder(tmp_path, tokenizer):
    return saved(tmp_path / "tiny", LlamaForCausalLM(LlamaConfig(**SHAPE)), tokenizer)


def saved(path, model, tokenizer):
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


def load(model, dtype, said=lambda *_: None):
    return load_pair(ModelChoice(str(model), "none", dtype=dtype), said)


def logits(pair):
    target = CausalLM(pair.target, quantised=pair.target_quantised)
    return target.forward(target.new_cache(), ForwardInput.chain(list(range(5, 60)), 0)).logits


def test_int8_is_made_once_and_kept(folder):
    said = []
    first = load(folder, "int8", lambda text, _: said.append(text))
    assert any("making int8 weights of tiny, once" in text for text in said)
    assert first.dtype == "int8"
    assert first.numbers == ["int8"]
    said.clear()
    again = load(folder, "int8", lambda text, _: said.append(text))
    assert not any("making" in text for text in said)
    assert torch.equal(logits(first), logits(again))
    exact = logits(load(folder, "float32"))
    assert (logits(again) - exact).std() < 0.1 * exact.std()
    assert again.eos == first.eos
    assert [file.stat().st_mode & 0o777 for file in quantised_weights().iterdir()] == [0o600]


def test_a_configuration_without_a_type_is_found_again(folder):
    """Loading gives it the type of its weights."""
    config = folder / "config.json"
    config.write_text(json.dumps({name: it for name, it in json.loads(config.read_text()).items() if name != "dtype"}))
    load(folder, "int8")
    said = []
    load(folder, "int8", lambda text, _: said.append(text))
    assert not any("making" in text for text in said)


SECOND_START = """
import sys
from spectui.config.choice import ModelChoice
from spectui.engine.model.causal_lm import CausalLM
from spectui.models.loading import load_pair

pair = load_pair(ModelChoice(sys.argv[1], "none", dtype="int8"), lambda *_: None)
CausalLM(pair.target, quantised=pair.target_quantised)
print(pair.dtype, [name for name in ("transformers.modeling_utils", "torch._dynamo") if name in sys.modules])
"""


def test_a_second_start_does_not_import_what_it_has_no_need_of(folder):
    load(folder, "int8")
    done = subprocess.run([sys.executable, "-c", SECOND_START, str(folder)], capture_output=True, text=True)
    assert done.stdout.strip() == "int8 []", done.stderr


def test_other_weights_in_the_same_folder_are_quantised_anew(folder, tokenizer):
    before = logits(load(folder, "int8"))
    saved(folder, LlamaForCausalLM(LlamaConfig(**SHAPE)), tokenizer)
    assert not torch.equal(logits(load(folder, "int8")), before)


@pytest.mark.parametrize("damage", [b"", b"junk" * 100, None])
def test_a_damaged_file_is_made_anew(folder, damage):
    before = logits(load(folder, "int8"))
    (file,) = quantised_weights().iterdir()
    file.write_bytes(file.read_bytes()[:-1000] if damage is None else damage)
    assert torch.equal(logits(load(folder, "int8")), before)


def test_what_cannot_be_kept_is_used_all_the_same(folder, monkeypatch):
    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("safetensors.torch.save_file", full)
    assert load(folder, "int8").dtype == "int8"
    assert not any(quantised_weights().glob("*.safetensors"))


def test_small_models_stay_as_they_are_unless_it_is_asked_for(folder):
    assert load(folder, "auto").dtype == "float32"
    assert not quantised_weights().exists()


@pytest.mark.parametrize(("gain", "dtype"), [(1.5, "int8"), (1.0, "float32")])
def test_unasked_int8_has_to_be_faster(folder, monkeypatch, gain, dtype):
    monkeypatch.setattr(precision, "LARGE", 0)
    times = iter([gain, 1.0])
    monkeypatch.setattr(precision, "_seconds", lambda *_: next(times))
    assert load(folder, "auto").dtype == dtype
    assert load(folder, "auto").dtype == dtype  # by what was noted: nothing is timed again
    assert load(folder, "int8").dtype == "int8"


def test_what_is_faster_elsewhere_is_timed_again_here(folder, monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    times = iter([1.5, 1.0, 1.0, 1.0])
    monkeypatch.setattr(precision, "_seconds", lambda *_: next(times))
    assert load(folder, "auto").dtype == "int8"
    monkeypatch.setattr(precision, "_here", lambda: "another machine")
    assert load(folder, "auto").dtype == "float32"


def test_weights_that_are_too_far_off_are_not_taken_unasked(folder, monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    monkeypatch.setattr(load_check, "QUANTISED", 0.0)
    for _ in range(2):  # made, and by what was noted
        assert load(folder, "auto").dtype == "float32"
    (file,) = quantised_weights().iterdir()
    file.unlink()
    refused = (
        "a model of type llama cannot run in int8 here: its quantised weights give other logits.*; use --dtype float32"
    )
    with pytest.raises(UserError, match=refused):
        load(folder, "int8")


def test_a_template_that_never_ends_does_not_hold_up_the_load(folder, monkeypatch):
    monkeypatch.setattr("spectui.models.template.PATIENCE", 0.5)
    endless = "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}"
    (folder / "chat_template.jinja").write_text(endless)
    with pytest.raises(UserError, match="chat template took"):
        load(folder, "int8")


def test_memory_that_holds_the_model_but_not_int8_beside_it(folder, monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    free = iter([None, 0, None, 0])
    monkeypatch.setattr(size, "available_memory", lambda: next(free))
    assert load(folder, "auto").dtype == "float32"
    with pytest.raises(UserError, match=r"tiny needs 1 MB of memory and .* are free; close other programs"):
        load(folder, "int8")
    assert not quantised_weights().exists()


def test_too_little_memory_for_weights_that_were_kept(folder, monkeypatch):
    load(folder, "int8")
    monkeypatch.setattr(size, "available_memory", lambda: 1000)
    with pytest.raises(UserError, match=r"tiny needs .* of memory and .* are free; close other programs"):
        load(folder, "int8")


def test_the_file_does_not_stay_in_memory(folder):
    load(folder, "int8")
    pair = load(folder, "int8")
    target = CausalLM(pair.target, quantised=pair.target_quantised)
    del pair
    assert target.is_packed is False
    assert str(quantised_weights()) not in Path("/proc/self/maps").read_text()


def test_models_of_other_families_are_not_built_to_find_out(tmp_path, tokenizer, monkeypatch):
    other = saved(tmp_path / "other", GemmaForCausalLM(GemmaConfig(**SHAPE, head_dim=16)), tokenizer)
    monkeypatch.setattr(precision, "bare_model", None)
    assert load(other, "auto").dtype == "float32"


def test_other_families_are_refused_in_one_line(tmp_path, tokenizer):
    other = saved(tmp_path / "other", GemmaForCausalLM(GemmaConfig(**SHAPE, head_dim=16)), tokenizer)
    with pytest.raises(
        UserError, match=r"other cannot run in int8: a model of type gemma is not of the Llama family; use "
    ):
        load(other, "int8")
    assert load(other, "auto").dtype == "float32"


def test_without_exact_products_it_says_so(folder, monkeypatch):
    monkeypatch.setattr(quantised, "exact_here", lambda for_few_rows: False)
    with pytest.raises(UserError, match="this processor or this build of torch has no exact int8 products"):
        load(folder, "int8")


def test_random_weights_are_not_quantised_unasked(monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    assert load("random:demo", "auto").dtype == "float32"
    assert not quantised_weights().exists()


@pytest.mark.skipif(not int4.int4_here(), reason="no products with weights of 4 bits here")
def test_unasked_weights_that_come_in_four_bits_stay_so(tmp_path, tokenizer, monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    times = iter([1.5, 1.0, 1.0, 1.0])
    monkeypatch.setattr(precision, "_seconds", lambda *_: next(times))
    model = with_four_bits(LlamaForCausalLM(LlamaConfig(**SHAPE)))
    folder = saved(tmp_path / "four", model, tokenizer)
    said = []
    first = load(folder, "auto", lambda text, _: said.append(text))
    assert any("making int4 weights of four, once" in text for text in said)
    assert (first.dtype, first.numbers) == ("int4", ["int4"])
    again = load(folder, "auto")
    assert again.dtype == "int4"
    assert torch.equal(logits(first), logits(again))
    exact = logits(load(folder, "float32"))
    assert (logits(again) - exact).std() < 0.02 * exact.std()
    assert load(folder, "int8").dtype == "int8"
    assert load(folder, "auto").dtype == "int4"


def test_unasked_nothing_is_brought_down_to_four_bits(folder, monkeypatch):
    monkeypatch.setattr(precision, "LARGE", 0)
    monkeypatch.setattr(precision, "_seconds", lambda *_: 1.0)
    assert load(folder, "int4").dtype == "int4"
    assert load(folder, "auto").dtype != "int4"


def test_widths_that_do_not_fit_int4_are_told(tmp_path, tokenizer):
    model = LlamaForCausalLM(LlamaConfig(**SHAPE | {"intermediate_size": 80}))
    with pytest.raises(UserError, match="narrow cannot run in int4: the widths of its layers are not multiples of 32"):
        load(saved(tmp_path / "narrow", model, tokenizer), "int4")
