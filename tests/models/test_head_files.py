"""Trained heads: both dialects, all precisions, and what is refused in one line."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from spectui.config.choice import ModelChoice
from spectui.engine.drafters.eagle.build import build_head
from spectui.engine.model.forward import ForwardInput
from spectui.engine.values.dtypes import INT4, INT8
from spectui.models import head_places
from spectui.models.head_files import read_head_file
from spectui.models.head_places import brings_head, find_eagle_head, head_place
from spectui.models.registry import known_models
from spectui.models.resolve import DRAFT, advised_mode, drafter_folder, resolve
from spectui.system.errors import UserError

from ..engine.heads import numbers, random_tensors, write_head
from ..engine.toys import tiny_model

pytestmark = pytest.mark.oldest


@pytest.fixture(scope="module")
def model():
    return tiny_model(dtype=torch.float32)


@pytest.fixture
def folder(tmp_path, model):
    told = numbers(model.config)
    return write_head(tmp_path / "head", told, random_tensors(model.config, told))


def in_int8(tensors, scaled=True):
    """Matrices as whole numbers, with a scale for each row beside them."""
    made = dict(tensors)
    for name, tensor in tensors.items():
        if tensor.dim() == 2:
            scale = tensor.abs().amax(1, keepdim=True) / 127
            made[name] = (tensor / scale).round().to(torch.int8)
            if scaled:
                made[f"{name}_scale"] = scale
    return made


def said(head):
    """Logits of a pass over three verified tokens and one more."""
    states = torch.randn(2, 3, 32, generator=torch.Generator().manual_seed(0))
    cache = head.new_cache()
    head.read(cache, ForwardInput([1, 2, 3], range(3), torch.ones(3, 3).tril().bool(), last_only=True), states)
    return head.extend(cache, ForwardInput([4], [3]), torch.ones(1, 32))[0]


@pytest.mark.parametrize("stored", ["float32", "bfloat16", "int8"])
@pytest.mark.parametrize(("rounded", "most"), [(None, 0.1), (INT8, 0.1), (INT4, 0.3)], ids=str)
def test_a_head_says_much_the_same_in_whatever_precision(tmp_path, model, stored, rounded, most):
    told = numbers(model.config)
    tensors = random_tensors(model.config, told)
    embedding = model.get_input_embeddings().weight.detach()
    exact = said(build_head(read_head_file(write_head(tmp_path / "a", told, tensors), "a", model.config), embedding,
                            None, False))  # fmt: skip
    kept = (
        in_int8(tensors)
        if stored == "int8"
        else {
            name: tensor.to(getattr(torch, stored)) if tensor.is_floating_point() else tensor
            for name, tensor in tensors.items()
        }
    )
    file = read_head_file(write_head(tmp_path / "b", told, kept), "b", model.config)
    made = said(build_head(file, embedding, rounded, False))
    assert (made - exact).std() < most * exact.std()


def test_defaults_are_those_of_the_published_checkpoints(tmp_path, model):
    config = tiny_model(num_hidden_layers=12).config
    told = numbers(config, layers=[2, 6, 9])
    tensors = random_tensors(config, told)
    del told["eagle_aux_hidden_state_layer_ids"], told["head_dim"]
    file = read_head_file(write_head(tmp_path, told, tensors), "x", config)
    assert file.layers == (2, 6, 9)
    assert not file.norm_before_residual


def test_an_embedding_of_its_own_is_used(tmp_path, model):
    told = numbers(model.config)
    tensors = random_tensors(model.config, told)
    own = torch.randn(model.config.vocab_size, 32)
    file = read_head_file(write_head(tmp_path, told, tensors | {"embed_tokens.weight": own}), "x", model.config)
    head = build_head(file, model.get_input_embeddings().weight.detach(), None, False)
    torch.testing.assert_close(head.weights.embed_tokens, own)


def refused(folder, config):
    with pytest.raises(UserError) as caught:
        read_head_file(folder, "mine", config)
    message = str(caught.value)
    assert message.startswith("the head mine ")
    assert "\n" not in message
    return message


def changed(folder, **changes):
    told = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({k: v for k, v in (told | changes).items() if v != "gone"}))


CONFIGS = {
    "another vocabulary": ({"vocab_size": 62}, "a vocabulary of 62 tokens, and the target has 61"),
    "another width": ({"hidden_size": 64}, "shape"),
    "an absurd width": ({"hidden_size": 10**15}, "impossible hidden_size"),
    "a width that is no number": ({"hidden_size": "32"}, "impossible hidden_size"),
    "no width": ({"hidden_size": "gone"}, "no hidden_size"),
    "heads that do not divide": ({"num_key_value_heads": 3}, "cannot be"),
    "several layers": ({"num_hidden_layers": 2}, "several layers"),
    "layers that are not there": ({"eagle_aux_hidden_state_layer_ids": [0, 2]}, "layers that a target of 2 has not"),
    "layers that are no list": ({"eagle_aux_hidden_state_layer_ids": "all"}, "layers that a target of 2 has not"),
    "too few layers for the default": ({"eagle_aux_hidden_state_layer_ids": "gone"}, "layers that a target of 2"),
    "another algorithm": ({"speculators_config": {"algorithm": "medusa"}}, "medusa"),
    "EAGLE-1": ({"eagle_config": {"use_aux_hidden_state": False}}, "EAGLE-1"),
    "a norm before fc": ({"norm_before_fc": True}, "before fc"),
    "another activation": ({"hidden_act": "gelu"}, "MLP of another kind"),
    "rope by length": ({"rope_scaling": {"rope_type": "dynamic", "factor": 2.0}}, "depend on the length"),
    "rope of an unknown kind": ({"rope_scaling": {"rope_type": "nonsense"}}, "rotary frequencies"),
    "rope that is no object": ({"rope_scaling": [1]}, "rotary frequencies"),
    "an epsilon that is none": ({"rms_norm_eps": "small"}, "rms_norm_eps"),
    "a draft vocabulary that does not fit": ({"draft_vocab_size": 41}, "shape"),
    "control sequences": ({"speculators_config": {"algorithm": "\x1b[31m"}}, "␛[31m"),
}  # fmt: skip


@pytest.mark.parametrize("name", CONFIGS)
def test_a_configuration_that_cannot_be_is_refused(folder, model, name):
    changes, words = CONFIGS[name]
    changed(folder, **changes)
    message = refused(folder, model.config)
    assert words in message
    assert "\x1b" not in message


@pytest.mark.parametrize("text", ["{", "[]", "[" * 100_000, '"x"', "\ud800"])
def test_a_configuration_that_cannot_be_read_is_refused(folder, model, text):
    (folder / "config.json").write_text(text, "utf-8", errors="surrogatepass")
    assert "damaged config.json" in refused(folder, model.config)


def other_tensors(name):
    def change(tensors):
        match name:
            case "a tensor is missing":
                del tensors["midlayer.mlp.up_proj.weight"]
            case "a tensor that no head has":
                tensors["input_norm.weight"] = torch.ones(64)
            case "int8 without a scale":
                tensors["fc.weight"] = tensors["fc.weight"].to(torch.int8)
            case "whole numbers of another kind":
                tensors["fc.weight"] = tensors["fc.weight"].to(torch.int16)
            case "ids instead of offsets":
                tensors["d2t"] += torch.arange(len(tensors["d2t"]))
            case "offsets that contradict the mask":
                tensors["t2d"] = tensors["t2d"].roll(1)
            case "offsets that are no whole numbers":
                tensors["d2t"] = tensors["d2t"].float()
            case "no offsets":
                del tensors["d2t"]

    return change


TENSORS = {
    "a tensor is missing": "has no midlayer.mlp.up_proj.weight",
    "a tensor that no head has": "input_norm.weight",
    "int8 without a scale": "without its scale",
    "whole numbers of another kind": "I16",
    "ids instead of offsets": "d2t",
    "offsets that contradict the mask": "contradict",
    "offsets that are no whole numbers": "no whole numbers",
    "no offsets": "no d2t",
}


@pytest.mark.parametrize("name", TENSORS)
def test_tensors_that_cannot_be_a_heads_are_refused(folder, model, name):
    tensors = load_file(folder / "model.safetensors")
    other_tensors(name)(tensors)
    save_file(tensors, folder / "model.safetensors")
    assert TENSORS[name] in refused(folder, model.config)


@pytest.mark.parametrize("length", [0, 4, 100, -100])
def test_a_file_that_is_cut_off_is_refused(folder, model, length):
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:length])
    assert "damaged or cut off" in refused(folder, model.config)


def test_foreign_files_are_refused(folder, model):
    file = folder / "model.safetensors"
    file.write_bytes(b"\xff" * 1000)
    assert "damaged" in refused(folder, model.config)
    file.rename(folder / "pytorch_model.bin")
    message = refused(folder, model.config)
    assert "pickled" in message
    assert "weights_only=True" in message, "how to convert it elsewhere"
    (folder / "pytorch_model.bin").unlink()
    assert "no .safetensors file" in refused(folder, model.config)
    (folder / "config.json").unlink()
    assert "no config.json" in refused(folder, model.config)


# -- which head is meant


def found(head, config, model="somewhere/else", title="mine"):
    return find_eagle_head(ModelChoice(model, head=head), config, title, lambda *_: None)


def test_a_folder_is_a_head_and_its_model_is_checked(tmp_path, folder, model):
    made = found(str(folder), model.config)
    assert made.file.name == "head"
    assert not made.notes
    told = numbers(model.config)
    other = write_head(tmp_path / "theirs", told, random_tensors(model.config, told), "speculators")
    assert "trained for owner/target" in found(str(other), model.config).notes[0]
    assert not found(str(other), model.config, title="owner/Target").notes


@pytest.mark.parametrize(
    ("head", "words"),
    [("/no/such/folder", "does not exist"), ("nothing", "does not exist"), ("demo", "there is no head for demo")],
)
def test_a_head_that_was_asked_for_and_is_not_there_is_refused(model, head, words):
    with pytest.raises(UserError, match=words):
        found(head, model.config)


def test_a_head_that_nobody_asked_for_is_left_out_with_a_note(tmp_path, monkeypatch, model):
    told = numbers(model.config)
    write_head(tmp_path / "smollm2-135m", told, random_tensors(model.config, told))
    monkeypatch.setattr(head_places, "shipped_folder", lambda: tmp_path)
    choice = ModelChoice("smollm2-135m")
    assert brings_head(choice)
    assert find_eagle_head(choice, model.config, "smollm2-135m", lambda *_: None).file is not None
    (tmp_path / "smollm2-135m" / "model.safetensors").write_bytes(b"x")
    made = find_eagle_head(choice, model.config, "smollm2-135m", lambda *_: None)
    assert made.file is None
    assert made.why_not in made.notes[0]
    assert not brings_head(ModelChoice("smollm2-135m", head="none"))


def test_what_the_program_ships_is_skipped_where_it_is_not_there(tmp_path, monkeypatch):
    monkeypatch.setattr(head_places, "shipped_folder", lambda: tmp_path)
    assert head_place(ModelChoice("smollm2-135m")) is None
    assert head_place(ModelChoice("qwen3-8b")).source == known_models()["qwen3-8b"].heads[0]
    assert head_place(ModelChoice("random:qwen3-8b")) is None


def test_the_advised_mode_is_for_those_who_chose_no_drafter():
    assert advised_mode(ModelChoice(model="smollm2-135m")) == "hybrid"
    assert advised_mode(ModelChoice(model="smollm2-135m", draft="none")) == "hybrid"
    assert advised_mode(ModelChoice(model="smollm2-135m", head="some/head")) == ""
    assert advised_mode(ModelChoice(model="demo")) == ""
    assert advised_mode(ModelChoice(model="random:smollm2-135m")) == ""


def test_what_was_trained_here_goes_before_what_the_registry_names(model):
    told = numbers(model.config)
    choice = ModelChoice(model="demo")
    for suffix in ("", DRAFT):
        write_head(drafter_folder("demo", suffix), told, random_tensors(model.config, told))
    head, draft = head_place(choice), resolve(choice)[1]
    assert (head.title, head.source) == ("demo (trained here)", str(drafter_folder("demo")))
    assert (draft.title, draft.source) == ("demo-draft (trained here)", str(drafter_folder("demo", DRAFT)))
    asked_for_none = ModelChoice(model="demo", head="none", draft="none")
    assert head_place(asked_for_none) is None
    assert resolve(asked_for_none)[1] is None
    assert head_place(ModelChoice(model="random:demo")) is None, (
        "random weights have no drafter that was trained for them"
    )
