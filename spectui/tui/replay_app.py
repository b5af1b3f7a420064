"""The program that shows a replay and nothing else: no session, no model."""

import logging
import os
from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.screen import Screen

from ..config.paths import log_file, shipped_themes, user_themes
from ..config.settings import Settings
from ..record.replay import Replay
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from ..system.signals import full_screen, interrupt, on_interrupt
from ..system.streams import has_screen
from .actions import bindings
from .exporting import export
from .leaving import LEAVE_SCREEN, PLAIN_THEME
from .lecture import Lectures
from .screens.replay import ReplayScreen
from .steady import Steady
from .theming import Themed

log = logging.getLogger(__name__)


class ScreenApp(Lectures, Steady, Themed):
    """One screen of ours, without a session of the app's own."""

    TITLE = "spectui"
    CSS_PATH = "spectui.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
        Binding("ctrl+c", "quit", show=False, id="app.interrupt"),
    ]
    goes_on = False

    def __init__(self, settings: Settings, first: Screen[Any]) -> None:
        self.no_colour = bool(os.environ.get("NO_COLOR"))
        super().__init__(shipped_themes(), user_themes(), ansi_color=self.no_colour)
        self.settings = settings
        self.first = first
        """The screen that stands below all others."""

    def on_mount(self) -> None:
        """Themes, keys, the replay."""
        self.begin_themes(PLAIN_THEME if self.no_colour else self.settings.ui.theme, "spectui-dark")
        self.set_keymap(dict(self.settings.keys))
        self.push_screen(self.first)

    def action_help(self) -> None:
        """Show what colours, keys and numbers mean; loaded only now, for a replay starts in half a second."""
        from .screens.help import HelpScreen

        self.push_screen(HelpScreen(dict(self.settings.keys)))

    def action_picture(self) -> None:
        """Write a picture of the screen, and say where it is."""
        export(self, "picture_", "svg", self.export_screenshot(), "the picture is ")

    def interrupted(self) -> None:
        """Leave because of a signal."""
        if self._loop is None:
            interrupt()
        else:
            self._loop.call_soon_threadsafe(self.exit)

    def _handle_exception(self, error: Exception) -> None:
        if self.is_headless:
            super()._handle_exception(error)
            return
        log.error("unexpected failure in the replay", exc_info=error)
        line = sanitise_line(f"unexpected {type(error).__name__}: {error}")[:300]
        self.exit(1, return_code=1, message=f"spectui: {line} (details in {log_file()})")


class ReplayApp(ScreenApp):
    """One replay on the screen."""

    def __init__(self, settings: Settings, replay: Replay, speed: float) -> None:
        self.replay_screen = ReplayScreen(replay, speed, view=settings.ui.view)
        super().__init__(settings, self.replay_screen)


def run_replay(settings: Settings, replay: Replay, speed: float) -> int:
    """Show a replay until somebody leaves; the exit code."""
    return run_screen(
        ReplayApp(settings, replay, speed),
        "this needs a terminal; add --format text, markdown or svg in a pipe",
    )


def run_screen(app: Any, instead: str) -> int:
    """Run an app until somebody leaves; the exit code. Raises UserError that says what to do ``instead`` in a pipe."""
    if not has_screen():
        raise UserError(instead)
    with full_screen(LEAVE_SCREEN), on_interrupt(app.interrupted):
        code = app.run()
    return code if code is not None else int(app.return_code or 0)
