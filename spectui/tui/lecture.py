"""Lecture mode: what the last row can read, and nothing else."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.app import App

if TYPE_CHECKING:
    _Base = App[int]
else:
    _Base = object

THEMES = {True: "spectui-contrast", False: "spectui-contrast-light"}
"""The theme of lecture mode where the usual one is dark, and where it is light, as a bright room wants it."""
LECTURE = "-lecture"
"""The class of the app while it is on; the style sheet says what that hides."""
PLAIN = "ar"


class Lectures(_Base):
    """Mixed into an app of ours, before Textual's class: one key turns lecture mode on and off."""

    no_colour: bool
    _before: str = ""
    """The theme that was on before."""

    def action_lecture(self) -> None:
        """Large digits, high contrast, two lanes at most; once more goes back."""
        on = not self.has_class(LECTURE)
        self.set_class(on, LECTURE)
        theme = THEMES[self.current_theme.dark]
        if not self.no_colour and on and theme in self.available_themes:
            self._before, self.theme = self.theme, theme
        elif self._before and not on:
            self.theme, self._before = self._before, ""
        for screen in self.screen_stack:
            if hasattr(screen, "lecture_changed"):
                screen.lecture_changed()


def two_lanes(lanes: Sequence[str], wanted: str) -> Sequence[str]:
    """Plain decoding and one other lane, the wanted one if it is there; all if there are no more than two."""
    if len(lanes) <= 2:
        return lanes
    others = [lane for lane in lanes if lane != PLAIN]
    other = wanted if wanted in others else others[0]
    return [lane for lane in lanes if lane in (PLAIN, other)]
