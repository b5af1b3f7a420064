"""The application: themes, the session, the chat, and what happens when something fails."""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, ClassVar

from rich.console import Console
from textual import on
from textual.app import SystemCommand
from textual.await_complete import AwaitComplete
from textual.binding import Binding, BindingType
from textual.driver import Driver
from textual.message import Message
from textual.screen import Screen

from ..config.paths import conversations_file, log_file, old_conversations, shipped_themes, user_themes
from ..config.settings import Settings
from ..record.events import ChangedText, Finished, Note, Ready, Record, Started, SwitchText
from ..session.archive.archive import Archive
from ..session.session import CHAT, Session
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from ..system.signals import allow, exit_code, full_screen, interrupt, on_interrupt
from ..system.streams import has_screen, messages
from .actions import ACTIONS, Action, bindings
from .bridge import Bridge, Saver
from .exporting import export
from .leaving import LEAVE_SCREEN, PLAIN_THEME
from .lecture import Lectures
from .priority import yield_to_decoding
from .screens.chat import ChatScreen
from .screens.help import HelpScreen
from .screens.inspect import InspectScreen
from .screens.race import RaceScreen
from .screens.replay import ReplayScreen
from .slash import slash_action
from .steady import Steady
from .theming import Themed

log = logging.getLogger(__name__)

MakeSession = Callable[[Callable[[Record], None]], Session]
PLACES = {RaceScreen: ("mode", "race"), ReplayScreen: ("replay",), InspectScreen: ("inspect",)}
"""Whose actions the palette offers, where it is not the chat's."""
OURS = ("Keys", "Screenshot", "Maximize", "Minimize")
"""Commands of Textual's palette that the program has its own for, the help and the picture, or no use for."""
MOST_FAILURES, FAILURES_SECONDS = 20, 10.0
"""So many unexpected failures in so many seconds are a loop, which nobody can work with."""


@dataclass(frozen=True, slots=True)
class RacePlan:
    """Which modes to race, and on what; without a text the screen asks for it."""

    modes: Sequence[str]
    text: str | None = None


class Kept(Message):
    """Something that a person should know about the conversations that are kept."""

    def __init__(self, words: str) -> None:
        super().__init__()
        self.words = words


class SpectuiApp(Lectures, Steady, Themed):
    """The program as a person sees it."""

    TITLE = "spectui"
    CSS_PATH = "spectui.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [
        *bindings("app"),
        Binding("ctrl+c", "help_quit", show=False, id="app.interrupt"),
    ]

    def __init__(
        self,
        settings: Settings,
        make_session: MakeSession,
        record: Path | None = None,
        race: RacePlan | None = None,
        resume: int | None = None,
    ) -> None:
        """``resume`` is the conversation to go on with."""
        self.no_colour = bool(os.environ.get("NO_COLOR"))
        super().__init__(shipped_themes(), user_themes(), ansi_color=self.no_colour)
        self.error_console = Console(file=messages(), markup=False, highlight=False)
        self.settings = settings
        self.savers: list[Saver] = [Saver(record)] if record else []
        saves = settings.ui.save_conversations
        self.archive = Archive(
            conversations_file() if saves else None,
            self._tell_of_archive,
            old_conversations() if saves else None,
            settings.decoding.system,
        )
        self._resume = resume
        self._command: int | None = None
        """The command whose records come from the decode thread."""
        self._failures: deque[float] = deque(maxlen=MOST_FAILURES)
        """When the last unexpected failures happened."""
        self.bridge = Bridge(self._apply)
        self.session = make_session(self._sink)
        self.chat = ChatScreen(settings, self.session, self.bridge, self.archive)
        self.race = RaceScreen(self.session, race.modes, race.text) if race else None

    def get_driver_class(self) -> type[Driver]:
        """Textual's own, but for the one that takes ESC in a paste for its end."""
        given = super().get_driver_class()
        if given.__module__ != "textual.drivers.linux_driver":
            return given
        from .driver import PasteDriver  # needs what only Linux and macOS have

        return PasteDriver

    def on_mount(self) -> None:
        """Themes, keys, the chat."""
        self.begin_themes(PLAIN_THEME if self.no_colour else self.settings.ui.theme, "spectui-dark")
        self.set_keymap(dict(self.settings.keys))
        self.archive.start()
        self.push_screen(self.chat)
        if self._resume is not None:
            self.call_after_refresh(self.chat.keeping.resume, self._resume)
        if self.race is not None:
            self._push_race(self.race)
        self.call_after_refresh(self._warn_of_clashes)

    def _warn_of_clashes(self) -> None:
        """A key from the settings that another action has already: say whose it takes."""
        known = {one.name: one.key.split(",") for one in ACTIONS if one.key}
        for name, keys in self.settings.keys.items():
            if name not in known:
                self.notify(f"[keys] {name}: there is no such binding", severity="warning", markup=False)
            for key in keys.split(","):
                losers = sorted(n for n, own in known.items() if key in own and n not in (name, *self.settings.keys))
                if losers:
                    self.notify(f"[keys] {key} takes the key of {', '.join(losers)}", severity="warning", markup=False)

    # -- records

    def _sink(self, record: Record) -> None:
        """Take a record in the decode thread, which alone writes the list of savers from now on."""
        self.bridge.put(record)
        self.archive.put(record)
        for saver in list(self.savers):
            try:
                saver.put(record)
            except (OSError, UserError) as error:
                self.savers.remove(saver)
                self.bridge.put(Note(sanitise_line(f"the trace is no longer written: {error}")))

    def _apply(self, records: list[Record]) -> None:
        """Hand each record to the screen whose command it belongs to; those of a screen that is gone are dropped."""
        chat: list[Record] = []
        race: list[Record] = []
        for record in records:
            command = self._command_of(record)
            if self._is_for_chat(record, command):
                chat.append(record)
            elif self.race is not None and command == self.race.command:
                race.append(record)
        with self.batch_update():
            self.chat.apply(chat)
            if race and self.race is not None:
                self.race.apply(race)
        self._become_ready(next((record for record in records if isinstance(record, Ready)), None))

    def _command_of(self, record: Record) -> int | None:
        """The command that a record belongs to: its own, or the one that runs when it comes; None between commands."""
        match record:
            case Started(command):
                self._command = command
                return command
            case Finished(command):
                if command == self._command:
                    self._command = None
                return command
        return self._command

    def _is_for_chat(self, record: Record, command: int | None) -> bool:
        """Whether a record is of a command of the chat, of none, or tells of the chat's lane whatever runs."""
        if isinstance(record, SwitchText | ChangedText):
            return record.lane == CHAT
        return command is None or command == self.chat.command

    def _become_ready(self, ready: Ready | None) -> None:
        if ready is None:
            return
        if not self.is_headless:
            yield_to_decoding()
        if self.race is not None:
            self.call_later(self.race.begin, ready)

    def open_race(self, ready: Ready, has_question: bool) -> None:
        """Let all modes race on the last question of the chat, if there is one."""
        self._push_race(RaceScreen(self.session, ready.modes, ready=ready, has_question=has_question))

    def _push_race(self, race: RaceScreen) -> None:
        self.race = race
        self.push_screen(race, lambda _: self._race_is_gone())

    def _race_is_gone(self) -> None:
        self.race = None

    def pop_screen(self) -> AwaitComplete:
        """Take the top screen away, but never the chat, however fast keys are pressed."""
        return AwaitComplete() if self.screen is self.chat else super().pop_screen()

    def _tell_of_archive(self, words: str) -> None:
        """Called in the thread that writes."""
        self.post_message(Kept(words))

    @on(Kept)
    def _tell_kept(self, event: Kept) -> None:
        self.notify(event.words, severity="warning", markup=False, timeout=10)

    # -- actions

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The palette: Textual's own commands and ours."""
        yield from (one for one in super().get_system_commands(screen) if one.title not in OURS)
        own = {binding.action for _, binding in self._bindings}
        places = PLACES.get(type(screen), ("mode", "chat"))
        for one in ACTIONS:
            if one.place in places and one.call not in own and self._can_be_done(one, screen):
                kept = self._kept if one.name == "chat.new" else ""
                yield SystemCommand(one.title, f"{one.help}{kept}", partial(self.run_action, one.call, screen))

    def _can_be_done(self, one: Action, screen: Screen[Any]) -> bool:
        """Whether an action needs no more words, and there is something now that it acts on."""
        name = one.call.partition("(")[0]
        return (not one.takes or one.takes.startswith("[")) and bool(screen.check_action(name, ()))

    @property
    def _kept(self) -> str:
        """What becomes of a conversation that ends."""
        return f" This one {'stays' if self.settings.ui.save_conversations else 'is not'} saved."

    def action_help(self) -> None:
        """Show what colours, keys and commands mean."""
        self.push_screen(HelpScreen(dict(self.settings.keys)))

    async def run_slash(self, line: str) -> bool:
        """Do what a slash command says on the screen on show; whether it could be understood."""
        try:
            action, argument = slash_action(line)
            called = action.called(argument)
            method = action.call.removeprefix("app.").partition("(")[0]
            owner = self if action.call.startswith("app.") else self.screen
            if not hasattr(owner, f"action_{method}") or (argument and owner is self.race):
                raise UserError(f"/{action.words[0]} works in the chat alone; esc leads there")
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
            return False
        await self.run_action(called, self.screen)
        return True

    def action_picture(self) -> None:
        """Write a picture of the screen, and say where it is or why it could not be written."""
        self.export("picture_", "svg", self.export_screenshot(), "the picture is ")

    def export(self, stem: str, suffix: str, text: str, what: str = "written to ") -> None:
        """Write a file for a person, named by the time, and say where."""
        export(self, stem, suffix, text, what)

    async def action_quit(self) -> None:
        """Leave; a running answer is stopped."""
        self.exit(1 if self.chat.failed else 0)

    def interrupted(self) -> None:
        """Leave because of a signal, which may come between any two instructions of the screen's thread."""
        if self._loop is None:
            interrupt()
        else:
            self._loop.call_soon_threadsafe(self.exit)

    def close(self, timeout: float = 1.0) -> None:
        """End the decode thread and the files."""
        self.session.close(timeout)
        self.archive.close(timeout)
        for saver in self.savers:
            saver.close()

    def _handle_exception(self, error: Exception) -> None:
        """Go on after a failure outside our own screens (a worker, a widget that goes away); else leave with a line.

        Textual ends the message loop of the widget that failed, so a screen over the chat that has failed is closed.
        """
        if not self.goes_on:
            super()._handle_exception(error)
        elif not self.chat.is_mounted or not self.tell(error):
            line = sanitise_line(f"unexpected {type(error).__name__}: {error}")[:300]
            self.exit(1, return_code=1, message=f"spectui: {line} (details in {log_file()})")
        elif self.screen not in (self.chat, self.race):
            self.call_later(self._close_failed)

    def _close_failed(self) -> None:
        self.pop_screen()

    @property
    def goes_on(self) -> bool:
        """Whether a failure is told and survived; tests that drive the app shall see it instead."""
        return not self.is_headless

    def tell(self, error: Exception) -> bool:
        """Log an unexpected failure and show it in one line; False if there were too many to go on."""
        cause = getattr(error, "error", error)
        log.error("unexpected failure in the screen", exc_info=cause)
        now = monotonic()
        self._failures.append(now)
        line = sanitise_line(f"unexpected {type(cause).__name__}: {cause}")[:200]
        self.notify(f"{line} (details in {log_file()})", severity="error", markup=False)
        return len(self._failures) < MOST_FAILURES or now - self._failures[0] > FAILURES_SECONDS


def run_app(
    settings: Settings,
    make: MakeSession,
    record: Path | None = None,
    race: RacePlan | None = None,
    resume: int | None = None,
) -> int:
    """Open the chat, or the race over it; the exit code is 1 if the model could not be loaded."""
    if not has_screen():
        instead = "compare PROMPT --headless" if race else "run PROMPT"
        raise UserError(f"this needs a terminal; use `spectui {instead}` in a pipe")
    app = SpectuiApp(settings, make, record, race, resume)
    try:
        with full_screen(LEAVE_SCREEN), on_interrupt(app.interrupted):
            code = app.run()
    finally:
        if exit_code():
            allow(3.0)  # for the files, on a very busy machine
        app.close(0.2 if exit_code() else 1.0)
    return code if code is not None else int(app.return_code or 0)
