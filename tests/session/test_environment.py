"""A report's settings are the options, whatever they are."""

import json
from dataclasses import fields, replace
from importlib.resources import files

import pytest

from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.present.tables import describe

SETTINGS = json.loads(files("spectui.bench").joinpath("schema.json").read_text("utf-8"))["$defs"]["Chosen"]
OTHER = {
    "temperature": 0.7, "top_k": 41, "top_p": 0.93, "min_p": 0.07, "repetition_penalty": 1.13, "seed": 77,
    "draft_tokens": 9, "draft_tree": 23, "rule": "classic", "max_ngram_size": 7, "num_pred_tokens": 33,
    "draft_tree_capacity": 51, "branches": 3, "epsilon": 0.61, "hrad": False, "full_tree": True, "max_new_tokens": 345,
}  # fmt: skip
GROUPS = {"sampling": Sampling, "speculation": Speculation}
NAMES = [f.name for kind in (Sampling, Speculation, Options) for f in fields(kind) if f.name not in GROUPS]


def changed(name):
    for group, kind in GROUPS.items():
        if name in [f.name for f in fields(kind)]:
            return Options(**{group: kind(**{name: OTHER[name]})})
    return replace(Options(), **{name: OTHER[name]})


def block(options):
    empty = dict.fromkeys(
        ("model", "draft", "dtype", "processor", "device", "threads", "cores", "forward", "python"), "x"
    )
    more = {"versions": {}, "verification_ms": {}, "verification_context": 128, "datastore_tokens": 0}
    return empty | more | {"settings": options.by_name()}


@pytest.mark.parametrize("name", NAMES)
def test_every_option_is_in_the_report_and_in_its_words(name):
    options = changed(name)
    assert options.by_name()[name] == OTHER[name] != Options().by_name()[name]
    words = "\n".join(describe(block(options)))
    assert words != "\n".join(describe(block(Options())))
    assert str(OTHER[name]) in words


def test_the_schema_knows_every_option():
    assert set(NAMES) == set(Options().by_name()) == set(SETTINGS["properties"]) == set(SETTINGS["required"])


def test_a_model_that_nobody_named_is_marked():
    told = block(Options()) | {"model": "smollm2-135m"}
    assert describe(told)[0].startswith("smollm2-135m · ")
    assert describe(told | {"auto": True})[0].startswith("smollm2-135m (auto) · ")
