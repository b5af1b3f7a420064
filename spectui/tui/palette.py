"""The command palette, which escape leaves before a click that came behind it counts."""

from typing import ClassVar

from textual import on
from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette
from textual.widgets import Input


class Palette(CommandPalette):
    """Textual's palette; its escape has priority, so that no click overtakes it and runs a command."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "escape", show=False, priority=True)]
    _left = False

    def _action_escape(self) -> None:
        self._left = True
        super()._action_escape()

    @on(Input.Changed)
    def _no_search(self, event: Input.Changed) -> None:
        """Letters that escape itself has overtaken begin no search in a palette that is gone."""
        if self._left:
            event.prevent_default()


class Palettes(App[int]):
    """An app with that palette."""

    def action_command_palette(self) -> None:
        """Open the palette of all commands."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))
