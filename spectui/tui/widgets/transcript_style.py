"""The transcript's rules and component classes, and the palette that they give in the current theme."""

from rich.style import Style
from textual.widget import Widget

from ...present.token_looks import LOOKS
from ..transcript.document import ROLE_LOOKS
from .painter import Palette
from .token_styles import TOKEN_CLASSES, token_css, token_styles

_PARTS = (*ROLE_LOOKS, "question-sign", "heading-sign", "error-sign", "chosen", "mark")

TRANSCRIPT_CLASSES = {*TOKEN_CLASSES, *(f"transcript--{part}" for part in _PARTS)}
TRANSCRIPT_CSS = """
Transcript { height: 1fr; background: $background; color: $token-plain; }
Transcript .transcript--question { text-style: bold; }
Transcript .transcript--question-sign { color: $primary; text-style: bold; }
Transcript .transcript--heading { color: $token-muted; text-style: bold; }
Transcript .transcript--heading-sign { color: $primary; }
Transcript .transcript--note { color: $token-muted; }
Transcript .transcript--error { color: $error; }
Transcript .transcript--error-sign { color: $error; text-style: bold; }
Transcript .transcript--chosen { background: $primary 25%; }
Transcript .transcript--mark { color: $token-muted; }
Transcript:ansi .transcript--chosen, Transcript:nocolor .transcript--chosen { text-style: reverse; }
Transcript:ansi .transcript--note, Transcript:nocolor .transcript--note { text-style: dim; }
""" + token_css("Transcript")


def palette(widget: Widget, clean: bool) -> Palette:
    """The styles of a transcript as its theme has them now; ``clean`` shows all tokens alike."""
    base = widget.rich_style
    styles = {part: widget.get_component_rich_style(f"transcript--{part}") for part in _PARTS}
    tokens = token_styles(widget)
    if clean:
        tokens = dict.fromkeys(LOOKS, tokens["target"])
    bare = {f"{kind}-sign": base for kind in ("answer", "note", "space")}
    selection = widget.screen.get_component_rich_style("screen--selection")
    if widget.app.no_color:
        selection += Style(reverse=True)
    ground = widget.get_component_rich_style("transcript--chosen")
    chosen = Style(bgcolor=ground.bgcolor, reverse=ground.reverse)
    return Palette(base, {**bare, **styles, **tokens}, chosen, selection, styles["mark"])
