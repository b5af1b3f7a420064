"""A frame that costs what has changed: no widget is asked for rows that nobody will see anew."""

from collections.abc import Iterable

from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region
from textual.screen import Screen
from textual.strip import Strip

from .steady import SteadyScreen


class RowCompositor(Compositor):
    """Textual's compositor for screens of which little changes many times a second.

    Textual asks every widget that shares a container with a change for all of its rows. This one asks a widget that
    shows through a change for the rows of the change; what is painted is the same.
    """

    def __init__(self) -> None:
        super().__init__()
        self._changed: list[Region] = []

    def render_partial_update(self) -> ChopsUpdate | None:
        """What has changed since the last update."""
        self._changed = list(self._dirty_regions)
        try:
            return super().render_partial_update()
        finally:
            self._changed = []

    def _get_renders(self, crop: Region | None = None) -> Iterable[tuple[Region, Region, list[Strip]]]:
        """Each widget's region, the part of it that is looked at, and the strips of that part, front to back."""
        changed = self._changed or [crop or self.size.region]
        front: list[Region] = []
        for widget, (region, clip) in self.visible_widgets.items():
            shown = region.intersection(clip)
            parts = [part for each in changed if (part := shown.intersection(each)) and not _hidden(part, front)]
            if parts:
                rows = Region.from_union(parts)
                clip = clip.intersection(Region(clip.x, rows.y, clip.width, rows.height))
                front.append(shown := region.intersection(clip))
                yield region, clip, widget.render_lines(shown.translate(-region.offset))


def _hidden(part: Region, front: list[Region]) -> bool:
    return any(region.contains_region(part) for region in front)


class RowScreen(SteadyScreen[None], Screen[None]):
    """A screen that is painted so."""

    def __init__(self) -> None:
        super().__init__()
        self._compositor = RowCompositor()
