"""The chat and the conversations that are kept: head, list, going on, other answers, earlier questions anew."""

from asyncio import to_thread
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from ..config.paths import config_file
from ..config.saving import save_settings
from ..config.settings import Settings
from ..present.pages import date_of
from ..record.archived import Archived
from ..record.events import Ready, Record, StepText
from ..session.archive.archive import Archive
from ..session.session import Session
from ..system.errors import UserError
from .ledger import Ledger
from .retelling import coloured, retell
from .screens.conversations import ConversationsScreen
from .widgets.learn_question import LearnQuestion
from .widgets.prompt import Prompt
from .widgets.transcript import Transcript

Told = tuple[Archived, Sequence[Sequence[Record]]]


class Chat(Protocol):
    """The part of the chat screen that is needed here."""

    settings: Settings
    session: Session
    ledger: Ledger
    ready: Ready | None
    transcript: Transcript
    prompt: Prompt
    learn_question: LearnQuestion
    empty: bool
    answering: bool

    @property
    def with_server(self) -> bool:
        """Whether a server answers, from whose answers nothing is learnt."""

    @property
    def app(self) -> Any:
        """The application."""

    @property
    def busy(self) -> bool:
        """Whether something runs."""

    @property
    def notify(self) -> Any:
        """Tell a person something."""

    @property
    def run_worker(self) -> Any:
        """Do something beside the screen."""

    @property
    def call_after_refresh(self) -> Any:
        """Call something once the screen is painted."""

    def has_class(self, *names: str) -> bool:
        """Whether the screen has a class."""

    def show_past(self) -> None:
        """Show a conversation to which turns are added."""

    def show_steps(self, steps: Sequence[StepText]) -> None:
        """Show the last steps of an answer."""

    def action_rerun(self) -> None:
        """Answer the last question again."""

    def action_new(self) -> None:
        """Begin another conversation."""


class Keeping:
    """What a chat screen does with its archive; reading and writing happen beside the screen."""

    def __init__(self, chat: Chat, archive: Archive) -> None:
        self.archive = archive
        self._chat = chat
        settings = chat.settings
        self.learns: bool | None = settings.datastore.learn if "learn" in settings.given else None
        """Whether answers are learnt; None if nobody was asked yet."""
        self.editing: int | None = None
        """The shown answer whose question is written anew."""
        self._before: int | None = None

    @property
    def saves(self) -> bool:
        """Whether what is said outlives the program."""
        return self._chat.settings.ui.save_conversations

    # -- head and learning

    @property
    def head(self) -> str:
        """What becomes of a conversation, in the words that stand above it."""
        learns = "answers are learnt" if self.learns else "answers are not learnt"
        parts = ["saved" if self.saves else "not saved"]
        return " · ".join([*parts, learns] if self._can_learn else parts)

    @property
    def _can_learn(self) -> bool:
        return self._chat.settings.datastore.use and not self._chat.with_server

    def begin_learning(self) -> None:
        """Nothing is learnt before somebody has said so."""
        if self.learns is None:
            self._chat.session.learn(False)

    def ask_to_learn(self) -> None:
        """There is an answer to learn from: ask, if nobody was asked yet."""
        if self.learns is None and self._can_learn:
            self._chat.learn_question.ask()

    def decide_to_learn(self, learns: bool) -> None:
        """Remember what a person has said."""
        self.learns = learns
        self._chat.learn_question.close()
        self._chat.session.learn(learns)
        words = f"answers are {'learnt from now on' if learns else 'not learnt'}"
        try:
            save_settings(config_file(), {"datastore": {"learn": learns}})
            self._chat.notify(f"{words}; datastore.learn in the settings changes that", markup=False)
        except UserError as error:
            self._chat.notify(f"{words}, in this session: {error}", severity="warning", markup=False)
        if learns and not self._chat.empty and not self._chat.answering:
            self._chat.transcript.document.note(words)

    # -- the next question

    def begin_question(self) -> None:
        """A question comes: below a head, or in place of the one that is written anew."""
        chat = self._chat
        number, self.editing = self.editing, None
        chat.prompt.remove_class("-editing")
        if number is not None and number < len(chat.ledger.asked):
            self._before = chat.ledger.asked[number].before
            chat.transcript.rewind(number)
            chat.ledger.rewind(number)
        if not chat.transcript.document.paragraphs:
            chat.transcript.document.begin(self.head)

    def take_place(self) -> int | None:
        """The questions before the next one, where that is not behind all others."""
        before, self._before = self._before, None
        return before

    def edit(self) -> None:
        """Write the question of the chosen answer, or the last one, anew."""
        chat, number = self._chat, self._number
        if chat.busy:
            chat.notify("still answering; esc stops", timeout=3)
        elif number is None:
            chat.notify("ask something first", timeout=3)
        else:
            self.editing = number
            chat.prompt.text = chat.ledger.asked[number].text
            chat.prompt.add_class("-editing")
            chat.prompt.move_cursor(chat.prompt.document.end)
            chat.prompt.focus()
            chat.notify(f"question {number + 1} anew: enter asks it, esc leaves it; what followed is kept", timeout=5)

    def leave_edit(self) -> bool:
        """Leave the question as it was; whether one was being written anew."""
        if self.editing is None:
            return False
        self.editing = None
        self._chat.prompt.text = ""
        self._chat.prompt.remove_class("-editing")
        return True

    def reset(self) -> None:
        """Another conversation begins."""
        self._before = None
        self.leave_edit()

    def reseed(self) -> None:
        """Answer the last question again with the next seed."""
        chat = self._chat
        if chat.busy or not chat.ledger.answered:
            chat.action_rerun()
            return
        options = chat.session.options
        if not options.sampling.temperature:
            chat.notify("at temperature 0 every seed gives the same answer; choose another temperature", timeout=5)
            return
        seed = options.sampling.seed + 1
        chat.session.change(replace(options, sampling=replace(options.sampling, seed=seed)))
        chat.notify(f"seed {seed}", timeout=2)
        chat.action_rerun()

    # -- going on

    def open_list(self) -> None:
        """Show the conversations, and go on with what is chosen there."""
        screen = ConversationsScreen(self.archive, self.saves)
        self._chat.app.push_screen(screen, lambda _: self._chosen(screen))

    def _chosen(self, screen: ConversationsScreen) -> None:
        if screen.new or (screen.lost and screen.chosen is None):
            self._chat.action_new()
        elif screen.chosen is not None:
            self.resume(screen.chosen)

    def resume(self, conversation: int | None) -> None:
        """Go on with a conversation, the latest one if none is named."""

        def find() -> Told:
            past = self.archive.archived(conversation)
            return past, self.archive.records(coloured(past))

        self._go_on(find)

    def other(self, by: int) -> None:
        """Show the answer before or after the chosen one, or the last one, of those that stand at its place."""
        chat, number = self._chat, self._number
        if chat.busy or number is None:
            chat.notify("still answering; esc stops" if chat.busy else "ask something first", timeout=3)
            return
        place = chat.ledger.asked[number].before

        def find() -> Told | None:
            _, answers = self.archive.place
            past = self.archive.branch(answers[place], by) if place < len(answers) else None
            return None if past is None else (past, self.archive.records(coloured(past)))

        self._go_on(find, place)

    def _go_on(self, find: "Callable[[], Told | None]", place: int | None = None) -> None:
        """Find something beside the screen and show it; the answer at ``place`` is chosen."""
        chat = self._chat

        async def work() -> None:
            try:
                found = await to_thread(find)
            except UserError as error:
                chat.notify(str(error), severity="error", markup=False)
                return
            if place is not None and chat.busy:
                return  # something was asked meanwhile
            if found is None:
                chat.notify("there is no other answer on this side; ctrl+r answers again", timeout=3)
            else:
                self._show(*found, place)

        chat.run_worker(work(), exclusive=True, group="resume")

    def _show(self, past: Archived, records: Sequence[Sequence[Record]], place: int | None) -> None:
        """Leave what is on the screen, and tell the other once its text has a width."""
        chat = self._chat
        if "system" in chat.settings.given:
            past = replace(past, system=chat.settings.decoding.system)
        chat.session.resume(past)
        chat.show_past()
        chat.call_after_refresh(self._retell, past, records, place)

    def _retell(self, past: Archived, records: Sequence[Sequence[Record]], place: int | None) -> None:
        chat = self._chat
        document = chat.transcript.document
        named = [past.title] if past.title else []
        document.begin(" · ".join([*named, date_of(past.begun, with_time=False), self.head]))
        steps = retell(document, chat.ledger, past, records)
        chat.show_steps(steps)
        if chat.ready is not None and past.model not in (chat.ready.model, "unknown"):
            chat.notify(f"this was with {past.model}; {chat.ready.model} goes on with it", markup=False)
        if place is not None:
            chat.transcript.choose(place, 0)
            chat.transcript.focus()

    @property
    def _number(self) -> int | None:
        """The chosen answer, else the last one; None if there is none."""
        chosen, last = self._chat.transcript.viewport.chosen, len(self._chat.ledger.asked) - 1
        number = chosen[0] if chosen is not None else last
        return number if 0 <= number <= last else None
