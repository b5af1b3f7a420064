"""The token kinds as component classes and styles, and a widget of a few rows in which all text has such a look."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from ...present.token_looks import GROUND_SHARE, LOOKS, TokenKind

Cell = tuple[str, TokenKind]
"""A piece of text and the token kind that it looks like."""


TOKEN_CLASSES = frozenset(f"token--{kind}" for kind in LOOKS)
"""Component classes for widgets that show tokens."""
_TCSS = {"underline2": "uu"}


def token_css(widget: str) -> str:
    """Rules for the token kinds in widgets of a type: hues from the theme, attributes where there is no colour."""
    rules = []
    for kind, look in LOOKS.items():
        selector = f"{widget} .token--{kind}"
        ground = f" background: $token-{look.ground} {GROUND_SHARE}%;" if look.ground else ""
        rules.append(f"{selector} {{ color: $token-{look.hue};{ground} text-style: {_text_style(look.style(True))}; }}")
        for plain in ("nocolor", "ansi"):
            style = _text_style(look.style(False))
            rules.append(f"{widget}:{plain} .token--{kind} {{ background: transparent; text-style: {style}; }}")
    return "\n".join(rules)


def _text_style(attributes: str) -> str:
    return " ".join(_TCSS.get(word, word) for word in attributes.split()) or "none"


def token_styles(widget: Widget) -> dict[str, Style]:
    """The style of each kind as the widget's theme has it now."""
    return {kind: widget.get_component_rich_style(f"token--{kind}") for kind in LOOKS}


class TokenRows(Widget):
    """Draws rows of cells; a subclass gives its CSS ``token_css`` of its own name."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {*TOKEN_CLASSES}

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._styles: dict[str, Style] | None = None

    def strip(self, cells: Iterable[Cell]) -> Strip:
        """One row, as wide as the widget."""
        if self._styles is None:
            self._styles = token_styles(self)
        segments = [Segment(text, self._styles[kind]) for text, kind in cells]
        return Strip(segments).adjust_cell_length(self.size.width, self.rich_style)

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._styles = None
