"""The question whether answers may be learnt: asked once, in a line that waits."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from ..steady import Steady

WORDS = "Learn from answers, so that later drafts get better? They stay on this machine.  alt+y yes · alt+n no"


class LearnQuestion(Steady, Static):
    """Hidden until there is an answer to learn from, and for ever once a person has said yes or no."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(markup=False, **kwargs)
        self.open = False
        """Whether it was asked, and not answered yet."""
        self.display = False

    def ask(self) -> None:
        """Show the question."""
        self.open = self.display = True
        self.update(Content.styled(WORDS, "$text-warning"))

    def close(self) -> None:
        """It was answered."""
        self.open = self.display = False
