"""A trained head beside a loaded model: which modes there are, which one begins, and the same text in all of them."""

import random
from dataclasses import replace

import pytest
import torch

from spectui.config.choice import ModelChoice
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.values.options import Options, Sampling
from spectui.models.head_files import stand_in
from spectui.models.loading import load_pair
from spectui.session.heads import pass_of_a_head
from spectui.session.runtime import prepare

from ..engine.heads import numbers, random_tensors, write_head

QUESTION = [{"role": "user", "content": "Write a short letter to a friend about a garden."}]


def prepared(pair):
    return prepare(pair, lambda *_: None, 0.0)


@pytest.fixture(scope="module", params=["float32", "int8"])
def loaded(request, tmp_path_factory, common_home):
    """The demo target with a head of random weights."""
    choice = ModelChoice("demo", "none", dtype=request.param)
    config = load_pair(choice, lambda *_: None).target.config
    told = numbers(config, own=1000, layers=[2, 5, 7], head_dim=64, mlp=64)
    folder = write_head(tmp_path_factory.mktemp("heads") / "mine", told, random_tensors(config, told))
    return prepared(load_pair(replace(choice, head=str(folder)), lambda *_: None))


def test_a_head_is_told_and_its_mode_begins(loaded):
    assert loaded.ready.head == "mine"
    assert "eagle" in loaded.ready.modes
    assert loaded.first_mode == "eagle"
    assert loaded.resources.eagle_ms > 0.0
    assert loaded.pair.head is None, "its file is not kept in memory"


@pytest.mark.parametrize("temperature", [0.0, 0.8])
def test_the_text_is_that_of_ar_whenever_the_mode_changes(loaded, temperature):
    options, rng = Options(Sampling(temperature=temperature, seed=5), max_new_tokens=60), random.Random(1)
    prompt, texts, modes = loaded.prompt(QUESTION), [], []
    for switching in (False, False, True):
        decoder = loaded.decoder("eagle" if texts else "ar", options)
        decoder.prefill(prompt)
        while decoder.answer.end is None:
            if switching:
                decoder.set_mode(rng.choice(loaded.ready.modes))
            step = decoder.step()
            modes.append((step.mode, bool(step.nodes)))
        texts.append(decoder.answer.emitted)
    assert texts[0] == texts[1] == texts[2]
    assert ("eagle", True) in modes


def test_a_head_without_numbers_leaves_the_other_modes_as_they_are():
    pair = load_pair(ModelChoice("demo", "none", dtype="float32"), lambda *_: None)
    file = stand_in(pair.target.config, 1000)
    file.tensors["fc.weight"][0, 0] = torch.nan
    made = prepared(replace(pair, head=file))
    assert made.ready.unavailable["eagle"] == (
        "the head stand-in cannot be used: its weights give no numbers; train it again or use another head"
    )
    assert made.first_mode == "sssd"


def test_a_target_whose_layers_cannot_be_read_says_so(monkeypatch):
    pair = load_pair(ModelChoice("demo", "none", dtype="float32"), lambda *_: None)
    monkeypatch.setattr(CausalLM, "why_no_states", lambda *_: "the layers of this model cannot be read")
    made = prepared(replace(pair, head=stand_in(pair.target.config, 1000)))
    assert "layers of this model cannot be read" in made.ready.unavailable["eagle"]


def test_what_a_head_would_cost_is_measured_without_one(loaded):
    assert pass_of_a_head(loaded) > 0.0
