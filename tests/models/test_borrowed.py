"""Draft models that have layers only: they say what the full ones say, and what is refused in one line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig, LlamaForCausalLM

from spectui.config.choice import ModelChoice
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.quantised import EMBEDDING
from spectui.models import resolve as resolving
from spectui.models.loading import load_pair
from spectui.models.resolve import resolve
from spectui.system.errors import UserError
from spectui.train.draft_writer import write_layers

SHAPE = {
    "vocab_size": 4096,
    "hidden_size": 64,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "tie_word_embeddings": True,
}


def saved(path, tokenizer, embedding=None, **changes):
    torch.manual_seed(0)
    model = LlamaForCausalLM(LlamaConfig(**SHAPE | changes))
    for parameter in model.parameters():  # what a file in bfloat16 keeps
        parameter.data = parameter.data.mul(3).bfloat16().float()
    if embedding is not None:
        model.get_input_embeddings().weight.data = embedding
    model.save_pretrained(path)
    tokenizer.save_pretrained(path)
    return path


@pytest.fixture
def target(tmp_path, tokenizer):
    return saved(tmp_path / "target", tokenizer, num_hidden_layers=3)


@pytest.fixture
def full(tmp_path, tokenizer, target):
    return saved(tmp_path / "full", tokenizer, load_file(target / "model.safetensors")["model.embed_tokens.weight"])


def layers_of(full, folder, int8=False):
    write_layers(full, folder, int8)
    return folder


def load(target, draft, **more):
    return load_pair(ModelChoice(str(target), str(draft), **more), lambda *_: None)


def refused(target, draft):
    with pytest.raises(UserError) as caught:
        load(target, draft)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def logits(pair):
    with torch.inference_mode():
        return pair.draft(torch.arange(5, 60)[None]).logits


def test_layers_alone_say_what_the_full_model_says(target, full, tmp_path):
    pair = load(target, layers_of(full, tmp_path / "layers"))
    assert torch.equal(logits(pair), logits(load(target, full)))
    assert pair.draft_name == "layers"
    assert pair.draft.get_input_embeddings().weight.data_ptr() == pair.target.get_input_embeddings().weight.data_ptr()
    assert pair.draft.lm_head.weight is pair.draft.get_input_embeddings().weight
    assert pair.reserved == frozenset()
    held = sum(file.stat().st_size for file in (tmp_path / "layers").iterdir())
    assert held < 0.3 * (full / "model.safetensors").stat().st_size


def test_in_int8_they_say_nearly_the_same(target, full, tmp_path):
    exact, narrow = logits(load(target, full)), logits(load(target, layers_of(full, tmp_path / "layers", int8=True)))
    assert 0 < (narrow - exact).std() < 0.05 * exact.std()


@pytest.mark.parametrize("dtype", ["int8", "bfloat16"])
def test_they_run_in_the_numbers_of_their_target(target, full, tmp_path, dtype, monkeypatch):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path / "home"))
    pair = load(target, layers_of(full, tmp_path / "layers"), dtype=dtype)
    assert [one.removeprefix("torch.") for one in pair.numbers] == [dtype, dtype]


@pytest.mark.parametrize("kept", [None, list(range(0, SHAPE["vocab_size"], 3))])
def test_in_int8_they_keep_no_embedding_and_the_second_load_is_as_the_first(
    target, full, tmp_path, tokenizer, kept, monkeypatch
):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path / "home"))
    folder = layers_of(full, tmp_path / "layers")
    if kept is not None:
        config = folder / "config.json"
        config.write_text(json.dumps(json.loads(config.read_text()) | {"output_token_ids": kept}))
    rows = []
    for _ in range(2):
        pair = load(target, folder, dtype="int8")
        assert EMBEDDING not in pair.draft_quantised.tensors
        lm = CausalLM(pair.draft, quantised=pair.draft_quantised)
        rows.append(lm.forward(lm.new_cache(), ForwardInput.chain([5, 6, 7], 0)).logits)
        assert rows[-1].shape[1] == len(kept or range(SHAPE["vocab_size"]))
        ids = lm.output_token_ids
        assert kept == (None if ids is None else ids.tolist())
    assert pair.draft.get_input_embeddings().weight is pair.target.get_input_embeddings().weight
    assert torch.equal(*rows)
    other = saved(tmp_path / "other", tokenizer, hidden_size=32)
    with pytest.raises(UserError, match="drafts for another target"):
        load(other, folder, dtype="int8")


def test_they_are_no_target(target, full, tmp_path):
    assert "give it as --draft beside its target" in refused(layers_of(full, tmp_path / "layers"), "none")


@pytest.mark.parametrize(
    ("changes", "wrong"), [({"hidden_size": 32}, "hidden_size"), ({"tie_word_embeddings": False}, "output projection")]
)
def test_those_of_another_target_are_refused(target, full, tmp_path, tokenizer, changes, wrong):
    other = saved(tmp_path / "other", tokenizer, **changes)
    said = refused(other, layers_of(full, tmp_path / "layers"))
    assert "layers drafts for another target" in said
    assert wrong in said


def test_damaged_ones_are_refused(target, full, tmp_path):
    folder = layers_of(full, tmp_path / "layers")
    file = folder / "model.safetensors"
    tensors, whole = load_file(file), file.read_bytes()
    save_file({name: one for name, one in tensors.items() if "layers.1.mlp" not in name}, file)
    assert "3 of its tensors are missing" in refused(target, folder)
    save_file(tensors | {"model.norm.weight": torch.ones(7)}, file)
    assert "its layers have other shapes" in refused(target, folder)
    file.write_bytes(whole[:-100])
    assert "are damaged or cut off" in refused(target, folder)


def test_the_one_that_comes_with_the_program_is_used_where_it_is_there(full, tmp_path, monkeypatch):
    monkeypatch.setattr(resolving, "shipped_folder", lambda: tmp_path / "drafts")
    assert resolve(ModelChoice("smollm2-135m"))[1] is None
    folder = layers_of(full, tmp_path / "drafts" / "smollm2-135m")
    draft = resolve(ModelChoice("smollm2-135m"))[1]
    assert (draft.title, draft.source, draft.local) == ("smollm2-135m-draft", str(folder), True)
    assert resolve(ModelChoice("smollm2-135m", "none"))[1] is None
    assert resolve(ModelChoice("random:smollm2-135m"))[1] is None
