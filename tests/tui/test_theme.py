"""Theme files: what ships is readable for every kind of colour vision; what is broken gives one clear line."""

from itertools import product
from pathlib import Path

import numpy as np
import pytest
from textual.app import App
from textual.color import Color

from spectui.tui.theme import TOKENS, ThemeWatch, load_themes, token_variable_defaults

pytestmark = pytest.mark.oldest

SHIPPED = Path(__file__).parents[2] / "themes"
GOOD = 'name = "mine"\n[colours]\nprimary = "#123456"\n'

# Machado, Oliveira and Fernandes 2009, severity 1.0, for linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
    "tritanopia": np.array(
        [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]]
    ),
}
XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]]
)
WHITE = np.array([0.95047, 1.0, 1.08883])


def linear(colour: str) -> np.ndarray:
    rgb = np.array(Color.parse(colour).rgb) / 255
    return np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)


def lab(rgb: np.ndarray) -> np.ndarray:
    t = XYZ @ np.clip(rgb, 0, 1) / WHITE
    f = np.where(t > 216 / 24389, np.cbrt(t), (24389 / 27 * t + 16) / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def distance(a: str, b: str, vision: str) -> float:
    """CIE76."""
    seen = VISION[vision]
    return float(np.linalg.norm(lab(seen @ linear(a)) - lab(seen @ linear(b))))


def contrast(a: str, b: str) -> float:
    """WCAG 2."""
    light, dark = sorted((float(XYZ[1] @ linear(colour)) for colour in (a, b)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def shipped():
    themes, problems = load_themes(SHIPPED)
    assert problems == []
    return themes


COLOURED = [theme for theme in shipped() if not theme.ansi]


def write(folder: Path, text: str, name: str = "mine.toml") -> tuple[list, list[str]]:
    (folder / name).write_text(text, "utf-8")
    return load_themes(folder)


def test_the_measures_are_right():
    assert contrast("#000000", "#FFFFFF") == pytest.approx(21)
    assert distance("#FF0000", "#00FF00", "normal") == pytest.approx(170.6, abs=0.5)
    assert distance("#4EBF71", "#ba3c5b", "deuteranopia") < 35  # the usual green and red


def test_a_dark_and_a_light_and_an_ansi_theme_ship():
    names = {theme.name: theme for theme in shipped()}
    assert names["spectui-dark"].dark
    assert not names["spectui-light"].dark
    assert names["spectui-ansi"].ansi


@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_every_token_colour_is_readable_where_tokens_stand(theme):
    for hue, ground in product(TOKENS, (theme.background, theme.surface)):
        assert contrast(theme.variables[f"token-{hue}"], ground) >= 4.5, (hue, ground)


@pytest.mark.parametrize("vision", VISION)
@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
def test_accepted_and_rejected_stay_apart(theme, vision):
    assert distance(theme.variables["token-accepted"], theme.variables["token-rejected"], vision) >= 60


@pytest.mark.parametrize(("dark", "ground"), [(True, "#1E1E1E"), (False, "#F4F4F4")])
def test_defaults_are_readable_in_themes_that_set_none(dark, ground):
    defaults = token_variable_defaults(dark)
    plain = {name: contrast(colour, ground) for name, colour in defaults.items() if name != "token-rejected"}
    assert min(plain.values()) >= 4.5
    assert contrast(defaults["token-rejected"], ground) >= 4.0


@pytest.mark.parametrize("theme", shipped(), ids=lambda theme: theme.name)
async def test_textual_takes_every_shipped_theme(theme):
    class ThemeApp(App):
        def get_theme_variable_defaults(self):
            return token_variable_defaults()

    app = ThemeApp()
    async with app.run_test() as pilot:
        app.register_theme(theme)
        app.theme = theme.name
        await pilot.pause()
        assert app.theme_variables["token-accepted"] == theme.variables["token-accepted"]


def test_a_small_file_is_a_theme(tmp_path):
    themes, problems = write(tmp_path, GOOD)
    assert problems == []
    assert themes[0].name == "mine"
    assert themes[0].variables["token-accepted"] == token_variable_defaults()["token-accepted"]


def test_an_ansi_theme_sets_what_textual_needs(tmp_path):
    themes, _ = write(tmp_path, "ansi = true\n" + GOOD)
    assert themes[0].variables["ansi-background"] == "ansi_default"


def test_a_folder_that_is_not_there_is_empty(tmp_path):
    assert load_themes(tmp_path / "none") == ([], [])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("name = ", "not TOML"),
        ('name = "x"', "colours.primary is missing"),
        ('name = "a b"\n[colours]\nprimary = "#123456"', "name must be"),
        ('name = "x"\n[colours]\nprimary = "nonsense"', "colours.primary is not a colour: 'nonsense'"),
        ('name = "x"\n[colours]\nprimary = 7', "colours.primary is not a colour"),
        ('name = "x"\n[colours]\nprimary = "#123456"\nhue = "#000000"', "unknown key colours.hue"),
        ('name = "x"\ncolours = 3', "colours must be a table"),
        (GOOD + "[tokens]\nbest = '#000000'", "unknown key tokens.best"),
        (GOOD + "[extra]\nx = 1", "unknown key extra"),
        (GOOD + "[variables]\nborder = '#123456; } * { display: none }'", "variables.border is not a colour"),
        (GOOD + "[variables]\nno-such = '#123456'", "unknown key variables.no-such"),
        (GOOD + "[variables]\nlink-style = 'loud'", "variables.link-style is not a text style"),
        ('name = "x"\ndark = "yes"\n[colours]\nprimary = "#123456"', "dark must be true or false"),
    ],
)
def test_a_broken_file_gives_one_clear_line(tmp_path, text, words):
    themes, problems = write(tmp_path, text)
    assert themes == []
    assert len(problems) == 1
    assert problems[0].startswith("theme mine.toml: ")
    assert words in problems[0]
    assert "\n" not in problems[0]


def test_a_broken_file_harms_no_other(tmp_path):
    write(tmp_path, "nonsense", "a.toml")
    write(tmp_path, GOOD, "b.toml")
    themes, problems = write(tmp_path, GOOD, "c.toml")
    assert [theme.name for theme in themes] == ["mine"]
    assert [problem.split(":")[0] for problem in problems] == ["theme a.toml", "theme c.toml"]


def test_hostile_content_cannot_reach_the_terminal(tmp_path):
    _, problems = write(tmp_path, 'name = "x"\n[colours]\nprimary = "\\u001b]52;c;AA\\u0007"')
    assert "\x1b" not in problems[0]
    (tmp_path / "mine.toml").write_bytes(b"\xff\xfe")
    assert load_themes(tmp_path)[1] == ["theme mine.toml: not UTF-8"]
    (tmp_path / "mine.toml").write_text("#" * 70_000)
    assert load_themes(tmp_path)[1] == ["theme mine.toml: larger than 64 KiB"]


def test_the_watch_sees_files_come_change_and_go(tmp_path):
    watch = ThemeWatch(tmp_path, tmp_path / "none")
    assert not watch.changed()
    write(tmp_path, GOOD)
    assert watch.changed()
    assert not watch.changed()
    write(tmp_path, GOOD + "# longer")
    assert watch.changed()
    (tmp_path / "mine.toml").unlink()
    assert watch.changed()
