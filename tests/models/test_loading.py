"""Folders that cannot be loaded, each refused in one line."""

import json
import shutil
from time import perf_counter

import pytest
import torch
from transformers import AutoConfig, BertConfig, LlamaConfig, LlamaForCausalLM, T5Config, T5ForConditionalGeneration

from spectui.config.choice import ModelChoice
from spectui.models.loading import draft_device, load_pair
from spectui.models.registry import demo_folder, examples, known_models
from spectui.models.resolve import DRAFT, drafter_folder, resolve
from spectui.models.stops import StopStrings
from spectui.models.template import prompt_ids
from spectui.session.runtime import prepare
from spectui.system.errors import UserError

pytestmark = pytest.mark.oldest

SHAPE = {
    "vocab_size": 4096,
    "hidden_size": 16,
    "intermediate_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


@pytest.fixture
def folder(tmp_path, tokenizer):
    made = tmp_path / "tiny"
    LlamaForCausalLM(LlamaConfig(**SHAPE)).save_pretrained(made)
    tokenizer.save_pretrained(made)
    return made


def load(model, draft="none", **more):
    return load_pair(ModelChoice(str(model), str(draft or ""), **more), lambda *_: None)


def refused(model, draft="none", **more):
    with pytest.raises(UserError) as caught:
        load(model, draft, **more)
    assert "\n" not in str(caught.value)
    assert "Traceback" not in str(caught.value)
    return str(caught.value)


def test_a_folder_loads(folder):
    pair = load(folder, dtype="float64")
    assert pair.name == "tiny"
    assert pair.dtype == "float64"
    assert pair.vocabulary == 4096
    assert 2 in pair.eos


def test_the_demo_pair_has_its_own_draft():
    pair = load("demo", None)
    assert pair.draft_name == "demo-draft"
    assert pair.reserved == frozenset()
    assert pair.context == 2048


def test_a_folder_that_is_no_model(tmp_path):
    assert "no config.json" in refused(tmp_path)


def test_a_damaged_configuration(folder):
    (folder / "config.json").write_text("{")
    assert "damaged" in refused(folder)


NESTED = "[" * 100_000 + "]" * 100_000


@pytest.mark.parametrize("name", ["config.json", "tokenizer.json", "tokenizer_config.json", "generation_config.json"])
def test_a_file_that_is_nested_too_deeply(folder, name):
    (folder / name).write_text('{"x": ' + NESTED + "}")
    said = refused(folder)
    assert f"{folder / name} is nested too deeply" in said
    assert "copy the model again" in said


@pytest.mark.parametrize("size", [0, 5, 200])
def test_weights_that_were_cut_off(folder, size):
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:size])
    assert "tiny" in refused(folder)


def test_pickled_weights_are_not_loaded(folder):
    (folder / "model.safetensors").unlink()
    torch.save({}, folder / "pytorch_model.bin")
    assert "pickled" in refused(folder)


def test_a_folder_without_weights(folder):
    (folder / "model.safetensors").unlink()
    assert "no weights" in refused(folder)


def test_a_folder_without_a_tokenizer(folder):
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (folder / name).unlink()
    assert refused(folder) == "tiny has no tokenizer that can be read; copy its tokenizer.json beside its weights"


def test_a_head_is_no_model(folder):
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"architectures": ["LlamaForCausalLMEagle3"]}))
    said = "tiny is an EAGLE head, not a model; give it as --head beside its target"
    assert refused(folder) == said
    assert refused("demo", folder) == said


def test_an_encoder_decoder_model(folder, tokenizer, tmp_path):
    made = tmp_path / "t5"
    config = T5Config(vocab_size=4096, d_model=16, d_ff=16, num_layers=1, num_heads=2, d_kv=8)
    T5ForConditionalGeneration(config).save_pretrained(made)
    tokenizer.save_pretrained(made)
    assert "encoder-decoder" in refused(made)


def test_code_of_others_is_not_run(folder):
    config = json.loads((folder / "config.json").read_text())
    config["model_type"] = "never-heard-of"
    config["auto_map"] = {"AutoConfig": "evil.Config", "AutoModelForCausalLM": "evil.Model"}
    (folder / "config.json").write_text(json.dumps(config))
    (folder / "evil.py").write_text("raise SystemExit('ran')")
    assert "--trust-remote-code" in refused(folder)


def test_an_unknown_hub_id_without_network(monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    assert "not in the local cache" in refused("nobody/nothing-of-this-name")


def other_vocabulary(folder, target):
    shutil.copytree(folder, target)
    parsed = json.loads((target / "tokenizer.json").read_text())
    vocabulary = parsed["model"]["vocab"]
    words = list(vocabulary)
    a, b = words[1000], words[1001]
    vocabulary[a], vocabulary[b] = vocabulary[b], vocabulary[a]
    (target / "tokenizer.json").write_text(json.dumps(parsed))
    return target


def test_a_draft_with_another_vocabulary(folder, tmp_path):
    message = refused(folder, other_vocabulary(folder, tmp_path / "other"))
    assert "2 of 4096 tokens differ" in message
    assert "--draft none" in message


@pytest.mark.parametrize(("damage", "says"), [
    (lambda made: (made / "model.safetensors").write_bytes(b"cut off"), "are damaged or cut off"),
    (lambda made: (made / "config.json").write_text("{"), "is damaged"),
    (lambda made: (made / "model.safetensors").unlink(), "has no weights"),
])  # fmt: skip
def test_a_draft_model_that_nobody_named_and_that_is_damaged_is_left_out(folder, damage, says):
    trained = drafter_folder("tiny", DRAFT)
    shutil.copytree(folder, trained)
    assert load(folder, None).draft_name == "tiny-draft (trained here)"
    damage(trained)
    pair = load(folder, None)
    assert (pair.draft, pair.draft_name) == (None, None)
    assert pair.why_no_draft.startswith("the draft model tiny-draft (trained here) cannot be used: ")
    assert says in pair.why_no_draft
    assert pair.why_no_draft in pair.notes
    runtime = prepare(pair, lambda *_: None, perf_counter())
    assert runtime.ready.unavailable["draft"] == pair.why_no_draft
    assert says in refused(folder, trained), "who asks for it is told"


def test_a_draft_that_differs_in_reserved_tokens_only(folder, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(folder, other)
    for name in ("tokenizer.json", "tokenizer_config.json"):
        file = other / name
        file.write_text(file.read_text().replace("<|im_start|>", "<|im_begin|>"))
    pair = load(folder, other)
    assert pair.reserved == {1}


def test_names_are_tried_in_order(folder):
    target, draft = resolve(ModelChoice("llama-3-8b"))
    assert (target.source, draft.source) == ("meta-llama/Meta-Llama-3-8B-Instruct", "meta-llama/Llama-3.2-1B-Instruct")
    target, draft = resolve(ModelChoice(str(folder)))
    assert (target.local, draft) == (True, None)
    assert resolve(ModelChoice("owner/name"))[0].source == "owner/name"


def test_a_file_is_not_a_folder(folder):
    assert "is neither a folder nor a .gguf file" in refused(folder / "config.json")


@pytest.mark.parametrize("name", known_models())
def test_every_known_model_has_shapes_that_transformers_accepts(name):
    from transformers import AutoConfig

    known = known_models()[name]
    assert bool(known.draft) == bool(known.drafts_shape)
    for shape in (known.shape, known.drafts_shape or known.shape):
        values = dict(shape)
        config = AutoConfig.for_model(values.pop("model_type"), **values)
        assert config.vocab_size == known.shape["vocab_size"]
    assert examples(name)


def test_a_model_without_a_template_gets_a_plain_one_and_a_stop(tokenizer):
    import copy

    bare = copy.deepcopy(tokenizer)
    bare.chat_template = None
    assert bare.decode(prompt_ids(bare, [{"role": "user", "content": "Hi"}])) == "User: Hi\nAssistant:"
    stop = StopStrings(bare, ["\nUser:"])
    ids = bare.encode("Fine.\nUser: what", add_special_tokens=False)
    ends = [end for end in range(1, len(ids) + 1) if stop(ids[:end], end - 1) is not None]
    assert "\nUser:" in bare.decode(ids[: ends[0]])
    assert "\nUser:" not in bare.decode(ids[: ends[0] - 1])
    assert stop(ids, 0) == ends[0]


def test_the_draft_goes_to_a_second_device_unless_one_was_named():
    gpu, cpu = torch.device("cuda"), torch.device("cpu")
    assert draft_device(gpu, "auto", 2) == torch.device("cuda", 1)
    assert draft_device(gpu, "cuda", 4) == torch.device("cuda", 1)
    assert draft_device(gpu, "auto", 1) == gpu
    assert draft_device(torch.device("cuda:0"), "cuda:0", 2) == torch.device("cuda:0")
    assert draft_device(cpu, "auto", 0) == cpu


def test_a_masked_language_model_is_refused(folder):
    BertConfig(vocab_size=4096, hidden_size=16, num_hidden_layers=1, num_attention_heads=2).save_pretrained(folder)
    assert refused(folder)


@pytest.mark.parametrize("role", ["target", "draft"])
def test_random_demo_has_the_shape_of_the_shipped_pair(role):
    known = known_models()["demo"]
    shape = dict(known.shape if role == "target" else known.draft_shape)
    made = AutoConfig.for_model(shape.pop("model_type"), **shape).to_dict()
    shipped = json.loads((demo_folder() / role / "config.json").read_text("utf-8"))
    written_by = {"architectures", "dtype", "transformers_version"}
    assert {name: made.get(name) for name in shipped.keys() - written_by} == {
        name: value for name, value in shipped.items() if name not in written_by
    }


@pytest.mark.parametrize(("dtype", "bits"), [("bfloat16", "8 bits"), ("float16", "11 bits"), ("float32", None)])
def test_numbers_of_few_bits_are_told_with_what_they_mean_for_the_text(folder, dtype, bits):
    notes = load(folder, dtype=dtype).notes
    assert any(f"{dtype} rounds to {bits}" in note and "may leave that" in note for note in notes) == (bits is not None)
    assert any("slow" in note for note in notes) == (bits is not None)
