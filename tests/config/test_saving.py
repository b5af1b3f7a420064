"""One option is written into the settings file, and all else stays as it was."""

import tomllib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.config.saving import _with, _written, save_option
from spectui.system.errors import UserError

MINE = """# my settings
[ui]   # how it looks
theme = "nord"  # dark

[datastore]
use = true
learn = false # never

[keys]
"chat.race" = "alt+g"
"""


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("", "[datastore]\nlearn = true\n"),
        ("# only words\n", "# only words\n\n[datastore]\nlearn = true\n"),
        ("[datastore]\n", "[datastore]\nlearn = true\n"),
        ("[ui]\nlearn = 1\n", "[ui]\nlearn = 1\n\n[datastore]\nlearn = true\n"),
        (MINE, MINE.replace("learn = false # never", "learn = true")),
    ],
)
def test_only_its_line_changes(tmp_path, old, new):
    file = tmp_path / "config" / "settings.toml"
    if old:
        file.parent.mkdir()
        file.write_text(old)
    save_option(file, "datastore", "learn", True)
    assert file.read_text() == new


@pytest.mark.parametrize(
    "old", ["datastore.learn = false\n", "datastore = {use = true}\n", "[datastore\n", "x = '''\n[datastore]\n'''\n"]
)
def test_what_cannot_be_changed_safely_stays_and_is_said(tmp_path, old):
    file = tmp_path / "settings.toml"
    file.write_text(old)
    with pytest.raises(UserError, match=r"write datastore\.learn = true into it"):
        save_option(file, "datastore", "learn", True)
    assert file.read_text() == old


def test_a_file_that_cannot_be_read_is_said(tmp_path):
    file = tmp_path / "settings.toml"
    file.write_bytes(b"\xff")
    with pytest.raises(UserError, match="mend or remove the file"):
        save_option(file, "datastore", "learn", True)


@given(
    st.one_of(
        st.booleans(),
        st.integers(-(2**40), 2**40),
        st.floats(allow_nan=False),
        st.text(st.characters(exclude_categories=["Cs"])),
    )
)
def test_any_value_comes_back(value):
    text = _with(MINE, "datastore", "learn", value)
    assert tomllib.loads(text)["datastore"] == {"use": True, "learn": value}, _written(value)
