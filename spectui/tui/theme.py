"""Theme files: TOML, data only; colours are checked before anything uses them."""

import tomllib
from pathlib import Path
from typing import Any

from textual.color import Color, ColorParseError
from textual.theme import Theme

from ..models.sanitise import sanitise_line
from .tokens import FATE_HUES

COLOURS = (
    "primary", "secondary", "accent", "foreground", "background", "surface", "panel", "boost", "success", "warning",
    "error",
)  # fmt: skip
TOKENS = ("plain", "accepted", "rejected", "muted", "seam")


def token_variable_defaults() -> dict[str, str]:
    """The variables that a theme may set, with values for themes that do not."""
    return {
        "token-accepted": FATE_HUES["dark"]["accepted"],
        "token-rejected": FATE_HUES["dark"]["rejected"],
        "token-plain": "#D8D8D8",
        "token-muted": "#8A8A8A",
        "token-seam": "#E0C070",
    }


def load_themes(folder: Path) -> tuple[list[Theme], list[str]]:
    """The themes of a folder, which need not exist, and one clear line for each file that cannot be used."""
    themes: list[Theme] = []
    problems: list[str] = []
    for file in sorted(folder.glob("*.toml")):
        try:
            themes.append(parse_theme(tomllib.loads(file.read_text("utf-8"))))
        except (OSError, ValueError, ColorParseError, tomllib.TOMLDecodeError) as error:
            problems.append(sanitise_line(f"theme {file.name}: {str(error).splitlines()[0]}"))
    return themes, problems


def parse_theme(tree: dict[str, Any]) -> Theme:
    """A Textual theme from a file's content; raises ValueError that names what is wrong."""
    unknown = set(tree) - {"name", "dark", "ansi", "colours", "tokens", "variables"}
    if unknown:
        raise ValueError(f"unknown key {sorted(unknown)[0]!r}")
    name = tree.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("name must be text")
    colours = _colours(tree.get("colours", {}), COLOURS, "colours")
    if "primary" not in colours:
        raise ValueError("colours.primary is missing")
    tokens = _colours(tree.get("tokens", {}), TOKENS, "tokens")
    return Theme(
        name=name,
        dark=bool(tree.get("dark", True)),
        ansi=bool(tree.get("ansi", False)),
        variables={**_variables(tree.get("variables", {})), **{f"token-{k}": colour for k, colour in tokens.items()}},
        **colours,
    )


def _variables(values: Any) -> dict[str, str]:
    if not isinstance(values, dict) or not all(isinstance(value, str) for value in values.values()):
        raise ValueError("variables must be a section of texts")
    return dict(values)


def _colours(values: Any, known: tuple[str, ...], section: str) -> dict[str, str]:
    if not isinstance(values, dict):
        raise ValueError(f"{section} must be a section")
    for key, value in values.items():
        if key not in known:
            raise ValueError(f"unknown key {section}.{key}; known: {', '.join(known)}")
        if not isinstance(value, str):
            raise ValueError(f"{section}.{key} must be a colour in quotes")
        try:
            Color.parse(value)
        except ColorParseError:
            raise ValueError(f"{section}.{key}: {value!r} is not a colour") from None
    return dict(values)
