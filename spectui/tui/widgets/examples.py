"""Example prompts for an empty conversation, grouped by what the model is good at."""

from typing import Any, ClassVar

from textual.binding import Binding, BindingType
from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...models.registry import examples
from ..steady import Steady
from .prompt import Prompt


class Examples(Steady, OptionList):
    """A list of prompts; enter, a click or the number sends one."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(str(number), f"choose({number})", show=False) for number in range(1, 10)
    ]

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._prompts: list[str] = []
        self._model = ""

    def show(self, model: str) -> None:
        """List the prompts of a model; a list that is there already is left alone, and with it where a person is."""
        if model == self._model:
            return
        self._model = model
        self.clear_options()
        self._prompts = []
        for family in examples(model):
            self.add_option(Option(Content.styled(family.title, "bold $token-muted"), disabled=True))
            for prompt in family.prompts:
                self._prompts.append(prompt)
                first, *more = prompt.splitlines()
                number = str(len(self._prompts)) if len(self._prompts) < 10 else " "
                shown = more[-1] if more else first
                title = f" {number}  {first} … {shown}" if more else f" {number}  {first}"
                self.add_option(Option(Content(title), id=str(len(self._prompts) - 1)))

    def prompt(self, number: int) -> str | None:
        """The prompt of a number; None if there is none."""
        return self._prompts[number - 1] if 1 <= number <= len(self._prompts) else None

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        """Send the chosen one."""
        event.stop()
        if event.option.id is not None:
            self.post_message(Prompt.Sent(self._prompts[int(event.option.id)]))

    def action_choose(self, number: int) -> None:
        """Send by number."""
        if (prompt := self.prompt(number)) is not None:
            self.post_message(Prompt.Sent(prompt))
