"""The one-column mark that tells where a viewport stands in its document."""

from dataclasses import dataclass

from .viewport import Position, Viewport

THUMB, MORE, HELD = "▐", "↓", "‖"


@dataclass(frozen=True, slots=True)
class PositionMark:
    """A thumb from row ``start`` to before row ``stop``, and a sign in the last row if there is something to say."""

    start: int = 0
    stop: int = 0
    last: int = -1
    foot: str = ""

    def sign(self, y: int) -> str:
        """What stands in a row."""
        if y == self.last and self.foot:
            return self.foot
        return THUMB if self.start <= y < self.stop else " "


def position_mark(viewport: Viewport, rows: list[Position], held: bool) -> PositionMark:
    """The mark of a viewport that shows ``rows``; ``held`` when the display is held still."""
    height, total = viewport.height, viewport.total()
    if not rows or height < 1:
        return PositionMark()
    before = viewport.progress(rows[0])
    after = max(0.0, total - viewport.progress(rows[-1]) - 1)
    foot = HELD if held else "" if viewport.follow else MORE
    if before <= 0 and rows[-1] == viewport.last():
        return PositionMark(last=height - 1, foot=HELD if held else "")
    length = max(1, min(height, round(height * len(rows) / (before + len(rows) + after))))
    share = before / (before + after) if before + after > 0 else 1.0
    start = height - length if viewport.follow else round((height - length) * share)
    return PositionMark(start, start + length, height - 1, foot)
