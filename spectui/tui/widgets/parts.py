"""A line of parts, as many as there is room for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from textual.content import Content
from textual.widgets import Static

GAP = 2


@dataclass(frozen=True, slots=True)
class Part:
    """One part of a line; those of low rank stay longest as room gets less, ``room`` is the least that one takes."""

    rank: int
    text: str
    room: int = 0
    style: str = ""

    @property
    def content(self) -> Content:
        """What is drawn."""
        return Content.styled(self.text, self.style)


def fitting(parts: Sequence[Part], width: int) -> list[Part]:
    """The most important parts that stand in ``width`` cells side by side, in their order."""
    kept = list(parts)
    while len(kept) > 1 and sum(max(part.room, len(part.text)) + GAP for part in kept) - GAP > width:
        kept.remove(max(kept, key=lambda part: part.rank))
    return kept


class PartsLine(Static):
    """Draws the parts that fit, anew when there is more or less room."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(markup=False, **kwargs)
        self._parts: Sequence[Part] = ()

    def draw(self, parts: Sequence[Part]) -> None:
        """Show other parts."""
        self._parts = parts
        self.on_resize()

    def on_resize(self) -> None:
        """Draw what fits."""
        shown = fitting(self._parts, self.size.width)
        self.update(Content(" " * GAP).join(part.content for part in shown), layout=False)
