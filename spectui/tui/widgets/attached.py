"""The files that go with the next question, in a line above the prompt."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from ...system.errors import UserError
from ..attaching import Attachment, mentioned, read_attachment


class Attached(Static):
    """Names and sizes; hidden where nothing is attached."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(markup=False, **kwargs)
        self.files: list[Attachment] = []
        self.display = False

    def add(self, path: str) -> None:
        """Attach a file, or tell why it cannot be."""
        try:
            self.files.append(read_attachment(path))
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
        self._draw()

    def clear(self) -> None:
        """Attach nothing any more."""
        self.files = []
        self._draw()

    def with_mentioned(self, question: str) -> list[Attachment] | None:
        """These and the files that a question names; None, and the reason is told, if one cannot be attached."""
        try:
            return [*self.files, *mentioned(question)]
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
            return None

    def _draw(self) -> None:
        self.display = bool(self.files)
        names = "; ".join(str(one) for one in self.files)
        self.update(Content.assemble((f"+ {names}", ""), ("  /detach takes back", "$text-muted")))
