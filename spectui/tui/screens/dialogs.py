"""Small questions over a screen: one of some answers, or a line of text."""

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ..steady import Steady


class ChoiceScreen(Steady, ModalScreen[str | None]):
    """Asks for one of some answers; None if a person leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="dialog.leave")]

    def __init__(self, question: str, answers: Sequence[str]) -> None:
        """The first answer is the one that enter gives at once."""
        super().__init__()
        self._question, self._answers = question, list(answers)

    def compose(self) -> ComposeResult:
        """The question and its answers."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._question), markup=False)
            yield OptionList(*(Option(Content(answer)) for answer in self._answers))

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Give the answer."""
        event.stop()
        self.dismiss(self._answers[event.option_index])

    def action_leave(self) -> None:
        """Give none."""
        self.dismiss(None)


class LineScreen(Steady, ModalScreen[str | None]):
    """Asks for a line of text; None if a person leaves it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape", "leave", "Back", id="dialog.leave")]

    def __init__(self, question: str, text: str = "") -> None:
        super().__init__()
        self._question, self._text = question, text

    def compose(self) -> ComposeResult:
        """The question and a line to write in."""
        with Vertical(classes="dialog"):
            yield Static(Content(self._question), markup=False)
            yield Input(self._text, compact=True, select_on_focus=True)

    def on_input_submitted(self, event: Input.Submitted) -> None:
        """Give the line."""
        event.stop()
        self.dismiss(event.value)

    def action_leave(self) -> None:
        """Give none."""
        self.dismiss(None)
