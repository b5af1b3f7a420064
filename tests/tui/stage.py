"""An application with nothing but the widget under test, in any shipped theme."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Generic, TypeVar

from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.pilot import Pilot
from textual.widget import Widget

from spectui.tui.theme import load_themes, token_variable_defaults

THEMES = {theme.name: theme for theme in load_themes(Path(__file__).parents[2] / "themes")[0]}
W = TypeVar("W", bound=Widget)


class Stage(App[None], Generic[W]):
    """Shows one widget; remembers the messages of it that a test asks for."""

    def __init__(self, widget: W, theme: str = "spectui-dark", ansi_color: bool | None = None) -> None:
        super().__init__(ansi_color=ansi_color)
        self.widget = widget
        self.heard: list[object] = []
        for made in THEMES.values():
            self.register_theme(made)
        self.theme = theme

    def get_theme_variable_defaults(self) -> dict[str, str]:
        return token_variable_defaults()

    def compose(self) -> ComposeResult:
        yield self.widget

    def on_transcript_step_selected(self, message: object) -> None:
        self.heard.append(message)

    def on_transcript_follow_changed(self, message: object) -> None:
        self.heard.append(message)


@asynccontextmanager
async def on_stage(
    widget: W, size: tuple[int, int] = (40, 10), theme: str = "spectui-dark", ansi_color: bool | None = None
) -> AsyncIterator[Pilot[None]]:
    """Run the widget in a headless terminal of a size."""
    app = Stage(widget, theme, ansi_color)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield pilot


def rows(widget: Widget) -> list[str]:
    """The widget's rows as text, without trailing spaces."""
    return [widget.render_line(y).text.rstrip() for y in range(widget.size.height)]


def segments(widget: Widget) -> list[Segment]:
    """Everything that the widget sends to the terminal, filters applied."""
    return [segment for strip in widget.render_lines(widget.size.region) for segment in strip]


def look_of(widget: Widget, text: str) -> str:
    """Colour and attributes of the segment that holds a text, as the terminal gets them."""
    style = next(segment.style for segment in segments(widget) if text in segment.text)
    assert style is not None
    names = ("bold", "dim", "italic", "underline", "underline2", "strike", "reverse")
    colour = style.color.name if style.color else "default"
    return " ".join([colour, *(name for name in names if getattr(style, name))])
