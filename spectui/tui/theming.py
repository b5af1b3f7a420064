"""Themes in the running program: those of the files, tried on from the palette, loaded again when a file changes."""

from pathlib import Path
from typing import Any

from textual import on
from textual.command import Command, CommandPalette
from textual.theme import ThemeProvider

from .palette import Palette, Palettes
from .theme import ThemeWatch, load_themes, token_variable_defaults

RELOAD_SECONDS = 1.0
"""From one look at a person's theme files to the next."""


class Themed(Palettes):
    """An app whose themes are files: ``shipped`` ones, and a person's ``own``, which may change at any time."""

    def __init__(self, shipped: Path, own: Path, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._theme_folders = shipped, own
        self._watch_themes = ThemeWatch(own)
        self._worn: str | None = None
        """The theme from before others were tried on; None while none is."""

    def get_theme_variable_defaults(self) -> dict[str, str]:
        """Colours of tokens, for themes that have none."""
        return token_variable_defaults(self.current_theme.dark)

    def begin_themes(self, wanted: str, otherwise: str) -> None:
        """Take the ``wanted`` theme if there is one of that name, and look for changed files from now on."""
        self._load_themes()
        if wanted in self.available_themes:
            self.theme = wanted
        else:
            self.theme = otherwise
            self.notify(f"there is no theme {wanted!r}; using {otherwise}", severity="warning", markup=False)
        self.set_interval(RELOAD_SECONDS, self._reload_themes)

    def _load_themes(self) -> None:
        for folder in self._theme_folders:
            themes, problems = load_themes(folder)
            for theme in themes:
                self.register_theme(theme)
            for problem in problems:
                self.notify(problem, severity="warning", markup=False)

    def _reload_themes(self) -> None:
        """Load themes again when a file has changed, and show the one that is worn as its file has it now."""
        if self._watch_themes.changed():
            before = self.current_theme
            self._load_themes()
            if self.current_theme != before:
                self._watch_theme(self.theme)

    # -- trying on

    def search_themes(self) -> None:
        """Let a person choose a theme; the one under the cursor shows, and escape brings the old one back."""
        self._worn = self.theme
        self.push_screen(Palette(providers=[ThemeProvider], placeholder="Search for themes…"))

    @on(CommandPalette.OptionHighlighted)
    def _try_on(self, event: CommandPalette.OptionHighlighted) -> None:
        option = event.highlighted_event.option
        if self._worn is not None and isinstance(option, Command) and option.hit.text in self.available_themes:
            self.theme = option.hit.text

    @on(CommandPalette.Closed)
    def _tried_on(self, event: CommandPalette.Closed) -> None:
        if self._worn is not None and not event.option_selected:
            self.theme = self._worn
        self._worn = None
