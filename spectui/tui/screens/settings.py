"""The settings drawer: every option that can be changed now, what it does, where it comes from."""

from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.events import DescendantFocus
from textual.message import Message
from textual.screen import ModalScreen
from textual.widget import Widget
from textual.widgets import Footer, Input, Static

from ...system.errors import UserError
from ...system.sanitise import sanitise_line
from ..changing import GROUPS, Changes, declared
from ..steady import Steady


class Choice(Static, can_focus=True):
    """One of a few words; left and right change it."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "turn(-1)", "Before", id="choice.before", show=False),
        Binding("right,space,enter", "turn(1)", "Next", id="choice.next", show=False),
    ]

    class Changed(Message):
        """Another word was chosen."""

        def __init__(self, choice: "Choice") -> None:
            super().__init__()
            self.choice = choice

    def __init__(self, words: list[str], value: str) -> None:
        super().__init__(markup=False, classes="value")
        self.words, self.value = words, value

    def on_mount(self) -> None:
        """Show the word."""
        self.show(self.value)

    def show(self, value: str) -> None:
        """Show a word."""
        self.value = value
        self.update(Content(f"‹ {value} ›"))

    def action_turn(self, by: int) -> None:
        """Go to the word after or before."""
        at = self.words.index(self.value) if self.value in self.words else 0
        self.show(self.words[(at + by) % len(self.words)])
        self.post_message(self.Changed(self))

    def on_click(self) -> None:
        """The next word."""
        self.action_turn(1)


class Row(Horizontal):
    """An option: its name, its value, where that comes from."""

    def __init__(self, name: str, changes: Changes) -> None:
        super().__init__(classes="row")
        self.option, self.changes = name, changes
        words = list(changes.choices(name))
        value = str(changes.value(name))
        self.editor: Choice | Input = Choice(words, value) if words else Input(value, compact=True, classes="value")
        self._origin = Static(markup=False, classes="origin")

    def compose(self) -> ComposeResult:
        """Three columns."""
        yield Static(declared(self.option).label_of(self.option), markup=False, classes="name")
        yield self.editor
        yield self._origin

    def on_mount(self) -> None:
        """Show where the value comes from."""
        self.show_origin()

    def show_origin(self) -> None:
        """Show where the value comes from."""
        self._origin.update(Content(self.changes.origin(self.option)))

    def set(self) -> None:
        """Set the option to what is written, if that is something else; raises BadValue."""
        if self.editor.value != str(self.changes.value(self.option)):
            self.changes.set(self.option, sanitise_line(self.editor.value.strip()))
        self.show_origin()

    def take_back(self) -> None:
        """Show the value that holds."""
        value = str(self.changes.value(self.option))
        if isinstance(self.editor, Choice):
            self.editor.show(value)
        else:
            self.editor.value = value


class SettingsScreen(Steady, ModalScreen[None]):
    """A drawer at the right of the chat."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,ctrl+e", "close", "Close", id="settings.close", priority=True),
        Binding("up", "app.focus_previous", "Up", id="settings.up", show=False),
        Binding("down", "app.focus_next", "Down", id="settings.down", show=False),
        Binding("ctrl+s", "save", "Keep in the settings file", id="settings.save", priority=True),
    ]

    def __init__(self, changes: Changes) -> None:
        super().__init__()
        self.changes = changes
        self._told = Static(markup=False, id="settings-help")

    def compose(self) -> ComposeResult:
        """The options by what they are for, and the words about one of them."""
        with Vertical(id="settings"):
            with VerticalScroll(id="settings-rows", can_focus=False):
                for title, names in GROUPS:
                    yield Static(title, classes="group")
                    for name in names:
                        yield Row(name, self.changes)
            yield self._told
            yield Footer(compact=True, show_command_palette=False)

    @on(DescendantFocus)
    def _focused(self, event: DescendantFocus) -> None:
        row = _row_of(event.widget)
        if row is not None:
            self._tell(row)

    def _tell(self, row: Row) -> None:
        """What an option does, what it can be, and whether it changes the text."""
        one = declared(row.option)
        changes = "It can change the text." if self.changes.changes_text(row.option) else "It never changes the text."
        words = f"{one.help} {changes}"
        can_be = "" if row.changes.choices(row.option) or row.option == "system" else f"\n{one.allowed}"
        self._told.update(Content.assemble(words, (can_be, "$text-muted")))

    @on(Input.Submitted)
    @on(Input.Blurred)
    def _entered(self, event: Input.Submitted | Input.Blurred) -> None:
        self._set(event.input)

    @on(Choice.Changed)
    def _chosen(self, event: Choice.Changed) -> None:
        self._set(event.choice)

    def _set(self, editor: Widget) -> bool:
        row = _row_of(editor)
        if row is None:
            return True
        try:
            row.set()
        except UserError as error:
            self._told.update(Content.styled(str(error), "$text-error"))
            self.notify(str(error), severity="warning", markup=False)
            row.take_back()
            return False
        for other in self.query(Row):
            other.show_origin()
        if editor.has_focus:
            self._tell(row)
        return True

    def action_close(self) -> None:
        """Set what is written and go back to the chat."""
        if self.focused is None or self._set(self.focused):
            self.dismiss()

    def action_save(self) -> None:
        """Keep what was set here for later starts."""
        if self.focused is not None and not self._set(self.focused):
            return
        try:
            names = self.changes.save()
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        else:
            self.notify(f"kept: {', '.join(names)}" if names else "nothing was changed here", markup=False)


def _row_of(widget: Widget) -> Row | None:
    return next((one for one in widget.ancestors_with_self if isinstance(one, Row)), None)
