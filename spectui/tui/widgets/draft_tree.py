"""A draft tree in which a person walks from token to token."""

from typing import Any

from textual import getters
from textual.app import ComposeResult
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ...present.inspection import OWN, Item, items
from ...present.step_sentence import quoted, source_words
from ...present.token_looks import LOOKS, TokenKind
from ...record.events import StepText
from .step_pane import look

DEEPEST = 18
"""Cells of box characters."""


class DraftTree(VerticalScroll, can_focus=False):
    """The tree of a step, one token a line, one of them chosen."""

    DEFAULT_CSS = "DraftTree > Static { height: auto; text-wrap: nowrap; text-overflow: ellipsis; }"

    lines = getters.query_one(Static)

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.record: StepText | None = None
        self.items: list[Item] = []
        self.chosen = 0
        """Number of the chosen line."""

    def compose(self) -> ComposeResult:
        """The lines."""
        yield Static(markup=False)

    @property
    def node(self) -> int | None:
        """The chosen node, or ``OWN``; None if the tree is empty."""
        return self.items[self.chosen].node if self.items else None

    def show(self, record: StepText | None) -> None:
        """Another step; where the walk ended is chosen."""
        self.record, self.items = record, items(record) if record else []
        own = (index for index, item in enumerate(self.items) if item.node == OWN)
        self.chosen = next(own, len(self.items) - 1)
        self._draw()

    def walk(self, way: str) -> None:
        """Up, down, to what it hangs on (left), to the first that hangs on it (right)."""
        chosen, last = self.chosen, len(self.items) - 1
        if not self.items:
            return
        if way == "left":
            self.chosen = max(0, self.items[chosen].parent)
        elif way == "right":
            below = (index for index, item in enumerate(self.items) if item.parent == chosen)
            self.chosen = next(below, chosen)
        else:
            self.chosen = min(last, max(0, chosen + (1 if way == "down" else -1)))
        self._draw()

    def _draw(self) -> None:
        parts: list[Any] = []
        for index, item in enumerate(self.items):
            parts += [*self._line(item, index == self.chosen), "\n"]
        self.lines.update(Content.assemble(*parts) if parts else Content("nothing was drafted"))
        self.scroll_to_region_of(self.chosen)

    def scroll_to_region_of(self, line: int) -> None:
        """Bring a line into view."""
        top, height = self.scroll_y, self.size.height
        if line < top or line >= top + height > 0:
            self.scroll_to(y=max(0, line - height // 2), animate=False)

    def _line(self, item: Item, is_chosen: bool) -> list[Any]:
        assert self.record is not None
        step, turned = self.record.step, " reverse" if is_chosen else ""
        kind: TokenKind = step.emitted[-1].kind if item.node == OWN else step.nodes[item.node].fate
        text = self.record.emitted[-1] if item.node == OWN else self.record.nodes[item.node]
        line = [("▸" if is_chosen else " ", "bold"), (item.boxes[-DEEPEST:], "$token-muted"),
                (f"{LOOKS[kind].mark} {quoted(text)}", look(kind) + turned)]  # fmt: skip
        if item.node == OWN:
            return [*line, (f"  {LOOKS[kind].word}", "$token-muted")]
        one = step.nodes[item.node]
        share = f" {one.probability * 100:.0f} %" if one.probability is not None else ""
        source = source_words(one.source)
        told = one.parent >= 0 and source_words(step.nodes[one.parent].source) == source
        return [*line, (f"{share}{'' if told else f'  {source}'}  {LOOKS[kind].word}", "$token-muted")]
