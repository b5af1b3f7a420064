"""What may be typed next, above the prompt."""

from typing import Any

from textual.content import Content
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from ...system.sanitise import sanitise_line
from ..slash import Suggestion, suggestions
from ..steady import Steady

WORDS_WIDTH = 24


class Completion(Steady, OptionList, can_focus=False):
    """A list of suggestions; the prompt, which keeps the focus, moves in it."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(compact=True, **kwargs)
        self._found: list[Suggestion] = []
        self.display = False

    def offer(self, text: str) -> None:
        """Show how a text may go on; nothing if it says all already."""
        self._found = suggestions(text)
        if [one.text for one in self._found] == [text]:
            self._found = []
        self.clear_options()
        for one in self._found:
            words = sanitise_line(one.text).rstrip()
            takes = f" {one.takes}" if one.takes else ""
            gap = " " * max(2, WORDS_WIDTH - len(words + takes))
            self.add_option(Option(Content.assemble(words, (f"{takes}{gap}{one.help}", "$text-muted"))))
        self.display = bool(self._found)
        self.highlighted = 0 if self._found else None

    def hide(self) -> None:
        """Show nothing."""
        self.offer("")

    def move(self, by: int) -> None:
        """Go up or down, round and round."""
        self.highlighted = ((self.highlighted or 0) + by) % len(self._found)

    @property
    def chosen(self) -> Suggestion | None:
        """The suggestion on which it stands."""
        return self._found[self.highlighted] if self._found and self.highlighted is not None else None
