"""The command palette, which escape leaves before a click that came behind it counts."""

from typing import ClassVar

from textual.app import App
from textual.binding import Binding, BindingType
from textual.command import CommandPalette


class Palette(CommandPalette):
    """Textual's palette; its escape has priority, so that no click overtakes it and runs a command."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "escape", show=False, priority=True)]


class Palettes(App[int]):
    """An app with that palette."""

    def action_command_palette(self) -> None:
        """Open the palette of all commands."""
        if not isinstance(self.screen, CommandPalette):
            self.push_screen(Palette(id="--command-palette"))
