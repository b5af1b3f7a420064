"""The token kinds as component classes and styles of a widget."""

from rich.style import Style
from textual.widget import Widget

from ...present.token_looks import LOOKS

TOKEN_CLASSES = frozenset(f"token--{kind}" for kind in LOOKS)
"""Component classes for widgets that show tokens."""
_TCSS = {"underline2": "uu"}


def token_css(widget: str) -> str:
    """Rules for the token kinds in widgets of a type: hues from the theme, attributes where there is no colour."""
    rules = []
    for kind, look in LOOKS.items():
        selector = f"{widget} .token--{kind}"
        rules.append(f"{selector} {{ color: $token-{look.hue}; text-style: {_text_style(look.style(True))}; }}")
        for plain in ("nocolor", "ansi"):
            style = _text_style(look.style(False))
            rules.append(f"{widget}:{plain} .token--{kind} {{ text-style: {style}; }}")
    return "\n".join(rules)


def _text_style(attributes: str) -> str:
    return " ".join(_TCSS.get(word, word) for word in attributes.split()) or "none"


def token_styles(widget: Widget) -> dict[str, Style]:
    """The style of each kind as the widget's theme has it now."""
    return {kind: widget.get_component_rich_style(f"token--{kind}") for kind in LOOKS}
