"""Theme files: TOML, data only, checked before Textual sees them."""

import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.css.constants import VALID_STYLE_FLAGS
from textual.theme import Theme

from ..present.token_looks import FATE_HUES
from ..system.sanitise import sanitise_line

COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "success", "warning",
    "error",
)  # fmt: skip
TOKENS = ("plain", "accepted", "rejected", "muted", "seam")
MAX_BYTES = 64 * 1024
_MUTED = {True: "#9AA0A6", False: "#5F656C"}
_PLAIN = {True: "#D8D8D8", False: "#22262C"}
_SEAM = {True: "#E0C070", False: "#6B5200"}
_TABLES = ("name", "dark", "ansi", "colours", "tokens", "variables")
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
_ANSI_NEEDS = {"ansi-background": "ansi_default", "ansi-foreground": "ansi_default"}
"""Variables without which Textual's own styles cannot be read while an ANSI theme is on."""


class ThemeError(ValueError):
    """A theme file that cannot be used; the message says where and why in one line."""


def token_variable_defaults(dark: bool = True) -> dict[str, str]:
    """The variables that a theme may set, with values for dark or light themes that do not."""
    hues = FATE_HUES["dark" if dark else "light"]
    return {
        "token-plain": _PLAIN[dark],
        "token-accepted": hues["accepted"],
        "token-rejected": hues["rejected"],
        "token-muted": _MUTED[dark],
        "token-seam": _SEAM[dark],
    }


def load_themes(folder: Path) -> tuple[list[Theme], list[str]]:
    """The themes of a folder, which need not exist, and one clear line for each file that cannot be used."""
    themes: dict[str, Theme] = {}
    problems: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            theme = read_theme(file)
            if theme.name in themes:
                raise ThemeError(f"another file has the name {theme.name!r}")
            themes[theme.name] = theme
        except ThemeError as error:
            problems.append(sanitise_line(f"theme {file.name}: {error}"))
    return list(themes.values()), problems


def read_theme(file: Path) -> Theme:
    """The theme in one file; raises ThemeError."""
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ThemeError("larger than 64 KiB")
        tree = tomllib.loads(file.read_text("utf-8"))
    except OSError as error:
        raise ThemeError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ThemeError("not UTF-8") from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ThemeError(f"not TOML: {str(error).splitlines()[0]}") from None
    return parse_theme(tree)


def parse_theme(tree: Mapping[str, Any]) -> Theme:
    """A Textual theme from a file's content; raises ThemeError that names what is wrong."""
    _check_keys(tree, _TABLES, "")
    name = tree.get("name")
    if not isinstance(name, str) or not _NAME.fullmatch(name):
        raise ThemeError("name must be lower-case letters, digits, - and _")
    colours: dict[str, Any] = _colours(_table(tree, "colours"), COLOURS, "colours.")
    if "primary" not in colours:
        raise ThemeError("colours.primary is missing")
    tokens = _colours(_table(tree, "tokens"), TOKENS, "tokens.")
    dark, ansi = _flag(tree, "dark", True), _flag(tree, "ansi", False)
    variables = {
        **token_variable_defaults(dark),
        **(_ANSI_NEEDS if ansi else {}),
        **_variables(_table(tree, "variables")),
        **{f"token-{hue}": colour for hue, colour in tokens.items()},
    }
    return Theme(name=name, dark=dark, ansi=ansi, variables=variables, **colours)


def _check_keys(table: Mapping[str, Any], known: Iterable[str], where: str) -> None:
    for key in table:
        if key not in known:
            raise ThemeError(f"unknown key {where}{key}")


def _table(tree: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    table = tree.get(key, {})
    if not isinstance(table, dict):
        raise ThemeError(f"{key} must be a table")
    return table


def _flag(tree: Mapping[str, Any], key: str, default: bool) -> bool:
    value = tree.get(key, default)
    if not isinstance(value, bool):
        raise ThemeError(f"{key} must be true or false")
    return value


def _colours(table: Mapping[str, Any], known: Iterable[str], where: str) -> dict[str, str]:
    _check_keys(table, known, where)
    return {key: _colour(value, where + key) for key, value in table.items()}


def _colour(value: object, where: str) -> str:
    """The value if it is a colour, perhaps with an opacity after it, as in ``#56B4E9 35%``."""
    if isinstance(value, str) and len(value) <= 60:
        colour, _, opacity = value.partition(" ")
        try:
            Color.parse(colour)
        except ColorParseError:
            pass
        else:
            if not opacity or re.fullmatch(r"\d{1,3}%", opacity):
                return value
    raise ThemeError(f"{where} is not a colour: {str(value)[:60]!r}")


def _variables(table: Mapping[str, Any]) -> dict[str, str]:
    """Further Textual variables; their names tell whether they hold a colour or a text style."""
    _check_keys(table, _textual_variables(), "variables.")
    return {key: _variable(key, value) for key, value in table.items()}


def _variable(key: str, value: object) -> str:
    where = f"variables.{key}"
    if not (key.endswith("text-style") or key.startswith("link-style")):
        return _colour(value, where)
    if isinstance(value, str) and value.split() and VALID_STYLE_FLAGS.issuperset(value.split()):
        return value
    raise ThemeError(f"{where} is not a text style: {str(value)[:60]!r}")


@cache
def _textual_variables() -> frozenset[str]:
    """Names of the variables that Textual's own widgets read."""
    plain = Theme(name="plain", primary="#000000").to_color_system().generate()
    ansi = Theme(name="ansi", primary="ansi_blue", ansi=True).to_color_system().generate()
    return frozenset({*plain, *ansi, *_ANSI_NEEDS})


class ThemeWatch:
    """Tells whether the theme files of some folders have changed; made to be asked on a timer."""

    def __init__(self, *folders: Path) -> None:
        self._folders = folders
        self._seen = self._stamp()

    def changed(self) -> bool:
        """Whether a file came, went or was written since the last call."""
        before, self._seen = self._seen, self._stamp()
        return before != self._seen

    def _stamp(self) -> dict[Path, tuple[int, int]]:
        stamp = {}
        for file in (file for folder in self._folders for file in folder.glob("*.toml")):
            with suppress(OSError):
                stamp[file] = file.stat().st_mtime_ns, file.stat().st_size
        return stamp
