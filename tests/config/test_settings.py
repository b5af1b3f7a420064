import re

import pytest

from spectui.config.settings import SECTIONS, Settings, load_settings, variable
from spectui.engine.values.option import values_of
from spectui.system.errors import UserError

pytestmark = pytest.mark.oldest


def test_without_a_file_everything_has_its_default(tmp_path):
    settings = load_settings(tmp_path / "none.toml", {})
    assert settings.model.model == "auto"
    assert settings.options.max_new_tokens == 512


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text('[decoding]\ntemperature = 1\nseed = 3\ndraft_tokens = 4\n[keys]\n"chat.rerun" = "f10"\n')
    settings = load_settings(file, {"SPECTUI_DECODING__SEED": "5", "SPECTUI_UI__SIDE_PANE": "no", "OTHER": "x"})
    settings = settings.with_flags("decoding", temperature=0.5, top_k=None)
    options = settings.options
    assert (options.sampling.temperature, options.sampling.seed) == (0.5, 5)
    assert options.speculation.draft_tokens == 4
    assert settings.ui.side_pane is False
    assert settings.keys == {"chat.rerun": "f10"}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("[decodign]\nseed = 1", "did you mean decoding"),
        ("[decoding]\nsede = 1", "did you mean seed"),
        ("[decoding]\nseed = 'x'", "decoding.seed must be a whole number"),
        ("[decoding]\ntemperature = true", "must be a number"),
        ("[ui]\nview = 'loud'", "clean, colour, trace"),
        ("[keys]\nx = 1", "maps binding ids"),
        ("decoding = 3", "must be a section"),
        ("[decoding", "mend or remove"),
        ("[decoding]\nseed = " + "[" * 100_000, "nested too deeply"),
    ],
)
def test_a_bad_file_is_one_clear_line(tmp_path, text, words):
    file = tmp_path / "settings.toml"
    file.write_text(text)
    with pytest.raises(UserError, match=words) as caught:
        load_settings(file, {})
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_bad_environment_variable_is_named(tmp_path):
    with pytest.raises(UserError, match="SPECTUI_DECODING__SEED"):
        load_settings(tmp_path / "none", {"SPECTUI_DECODING__SEED": "many"})


@pytest.mark.parametrize("value", ["0", "17", "many"])
def test_values_out_of_range_are_user_errors(tmp_path, value):
    settings = load_settings(tmp_path / "none", {})
    with pytest.raises(UserError, match="draft tokens must be"):
        settings.with_flags("decoding", draft_tokens=value)


@pytest.mark.parametrize("text", ["nan", "inf", "-inf", "-1", "1e400", "1e-320", "0.009", "100.1"])
@pytest.mark.parametrize("name", ["temperature", "top_p", "min_p", "repetition_penalty", "epsilon"])
def test_a_number_that_could_only_do_harm_is_refused_with_its_range(tmp_path, name, text):
    environment = {f"SPECTUI_DECODING__{name.upper()}": text}
    if name in ("top_p", "min_p", "epsilon") and 0.0 < float(text) < 1.0:
        load_settings(tmp_path / "none", environment)  # harmless: these are compared with, not divided by
        return
    with pytest.raises(UserError, match=f"{name.replace('_', '.')} must be .*not"):
        load_settings(tmp_path / "none", environment)


@pytest.mark.parametrize("value", [0.01, 100.0, 0.0, -0.0])
def test_the_ends_of_the_range_of_temperatures(tmp_path, value):
    settings = load_settings(tmp_path / "none", {}).with_flags("decoding", temperature=value)
    assert settings.options.sampling.temperature == value


def test_every_option_is_declared_once_and_says_what_it_does():
    names = [name for options in SECTIONS.values() for name in options]
    assert len(names) == len(set(names)) == 32
    for options in SECTIONS.values():
        for name, one in options.items():
            assert re.fullmatch(r".{8,}\.", one.help), name


@pytest.mark.parametrize("section", SECTIONS)
def test_a_default_is_allowed_and_survives_the_environment(tmp_path, section):
    usual = values_of(getattr(Settings(), section))
    for name, one in SECTIONS[section].items():
        one.check(usual[name], name)
        settings = load_settings(tmp_path / "none", {variable(section, name): str(usual[name])})
        assert settings == Settings()
