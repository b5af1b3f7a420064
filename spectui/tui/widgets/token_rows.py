"""A widget of a few rows in which every piece of text has the look of a token kind."""

from collections.abc import Iterable
from typing import Any, ClassVar

from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from ...present.token_looks import TokenKind
from .token_styles import TOKEN_CLASSES, token_styles

Cell = tuple[str, TokenKind]
"""A piece of text and the token kind that it looks like."""


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
