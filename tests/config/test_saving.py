"""Settings that are kept: the file says the new value, and everything else that it said before."""

import tomllib

import pytest

from spectui.config.saving import save_settings
from spectui.config.settings import load_settings
from spectui.system.errors import UserError

BEFORE = """# mine
[decoding]  # how
temperature = 0.5 # warm
seed = 7

[keys]
"chat.race" = "f10"
"""


def test_a_file_is_made_where_there_is_none(tmp_path):
    file = tmp_path / "config" / "settings.toml"
    save_settings(file, {"ui": {"view": "trace"}, "decoding": {"system": 'Say "hi" to \\ ä\n'}})
    settings = load_settings(file, {})
    assert settings.ui.view == "trace"
    assert settings.decoding.system == 'Say "hi" to \\ ä\n'


def test_all_else_stays_as_it_is(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text(BEFORE)
    save_settings(file, {"decoding": {"temperature": 0.8, "draft_tokens": "auto"}, "ui": {"side_pane": False}})
    text = file.read_text()
    assert "# mine\n[decoding]  # how\n" in text
    assert '"chat.race" = "f10"' in text
    assert tomllib.loads(text) == {
        "decoding": {"temperature": 0.8, "draft_tokens": "auto", "seed": 7},
        "keys": {"chat.race": "f10"},
        "ui": {"side_pane": False},
    }


@pytest.mark.parametrize("before", ["[decoding]\nsystem = '''\nseed = 1\n'''\n", "decoding = {seed = 1}\n"])
def test_what_cannot_be_changed_safely_is_left_alone(tmp_path, before):
    file = tmp_path / "settings.toml"
    file.write_text(before)
    with pytest.raises(UserError, match=r"settings\.toml cannot be changed"):
        save_settings(file, {"decoding": {"seed": 2}})
    assert file.read_text() == before


def test_a_setting_says_where_it_comes_from(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_text("[decoding]\nseed = 3\n")
    settings = load_settings(file, {"SPECTUI_DECODING__TEMPERATURE": "0.5"}).with_flags("decoding", top_p=0.9)
    assert settings.origins == {"seed": "settings file", "temperature": "environment", "top_p": "flag"}
