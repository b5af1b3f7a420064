"""What holds for sampling where nobody has said anything."""

from types import SimpleNamespace

import pytest

from spectui.config.settings import Settings, load_settings
from spectui.engine.values.options import Options
from spectui.models.registry import known_models
from spectui.models.sampling import with_advice

ADVICE = {"do_sample": True, "temperature": 0.6, "top_p": 0.95, "top_k": 20, "repetition_penalty": 1.05}


def made(name="owner/name", given=(), options=None, **config):
    model = SimpleNamespace(generation_config=SimpleNamespace(**config))
    return with_advice(options or Options(), given, name, model).sampling


def test_the_registry_comes_before_the_generation_config():
    for name in ("smollm2-135m", known_models()["smollm2-135m"].target):
        sampling = made(name, **ADVICE)
        assert (sampling.temperature, sampling.top_p, sampling.top_k) == (0.2, 0.9, 0)


def test_a_generation_config_is_followed():
    sampling = made(**ADVICE)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.repetition_penalty) == (0.6, 0.95, 20, 1.05)


def test_one_that_does_not_sample_is_greedy_and_one_that_says_nothing_changes_nothing():
    assert made(**(ADVICE | {"do_sample": False})).temperature == 0.0
    for silent in ({}, {"do_sample": None, "temperature": 0.6}):
        assert made(**silent) == Options().sampling
    assert with_advice(Options(), (), "owner/name", object()) == Options()


@pytest.mark.parametrize("value", [-1.0, 0.001, float("nan"), float("inf"), 1e9, "hot", True, None])
def test_advice_that_cannot_be_followed_is_left_out(value):
    sampling = made(**(ADVICE | {"temperature": value, "top_k": value}))
    assert sampling.temperature in (0.0, 1.0)
    assert sampling.top_p == 0.95
    assert Options(sampling=sampling)


def test_what_a_person_has_set_wins_even_if_it_is_the_default(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[decoding]\ntop_p = 1.0\n")
    settings = load_settings(file, {"SPECTUI_DECODING__TOP_K": "7"}).with_flags("decoding", temperature=0.0, seed=None)
    assert set(settings.given) == {"top_p", "top_k", "temperature"}
    sampling = made(given=settings.given, options=settings.options, **ADVICE)
    assert (sampling.temperature, sampling.top_p, sampling.top_k, sampling.repetition_penalty) == (0.0, 1.0, 7, 1.05)
    assert not Settings().given
