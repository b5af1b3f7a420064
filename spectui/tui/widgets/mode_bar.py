"""The modes, one of them chosen, and why others cannot run."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click, Resize
from textual.widgets import Static

from ...engine.drafters.registry import Mode
from ..mode_keys import MODE_KEYS

IDLE = " idle"
"""Has its room in the current pill all the time: where it came and went, so would the layout of the whole screen."""

NEXT = " next"
"""As long, so that it has room where there is little."""


class Pill(Static):
    """One mode; a click chooses it."""

    def __init__(self, mode: Mode, key: str) -> None:
        super().__init__(markup=False, classes="pill")
        self.mode, self.key = mode, key
        self.short = False
        """Whether there is only room for the mode's name, not its title."""

    def show(self, current: bool, waiting: bool, why_not: str | None, idle: str | None) -> None:
        """Draw the pill in its state: ``why_not`` says why it cannot run, ``idle`` why it drafted nothing."""
        sign = "●" if current else "×" if why_not else "○"
        soon = NEXT if self.short else f"{NEXT} step"
        note = soon if waiting else IDLE if idle else " " * len(IDLE) if current else ""
        text = f"{self.key} {sign} {self.mode.name if self.short else self.mode.title}{note}".lstrip()
        before = str(self.content)
        if text != before:
            self.update(Content(text), layout=len(text) != len(before))
        self.set_class(current, "-current")
        self.set_class(why_not is not None, "-unavailable")
        self.tooltip = why_not or (f"not drafting: {idle}" if idle else self.mode.summary)

    async def on_click(self, event: Click) -> None:
        """Choose."""
        event.stop()
        await self.app.run_action(f"screen.mode('{self.mode.name}')")


class ModeBar(Horizontal):
    """Every mode of the registry, the current one marked, what cannot run with its reason."""

    def __init__(self, modes: Mapping[str, Mode]) -> None:
        super().__init__()
        self._pills = [Pill(mode, MODE_KEYS.get(name, "").upper()) for name, mode in modes.items()]
        self.current, self.waiting = "", False
        self.idle: str | None = None
        self.unavailable: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """The pills."""
        yield from self._pills

    def on_resize(self, event: Resize) -> None:
        """Titles where they fit, else names."""
        needed = sum(len(f" {pill.key} ● {pill.mode.title} ") for pill in self._pills) + len(" next step")
        for pill in self._pills:
            pill.short = event.size.width < needed
        self._draw()

    def show(self, current: str, waiting: bool = False) -> None:
        """Mark a mode; ``waiting`` until it takes effect."""
        self.current, self.waiting, self.idle = current, waiting, None
        self._draw()

    def show_idle(self, why: str | None) -> None:
        """Mark the current mode while it drafts nothing, with the reason."""
        if why != self.idle:
            self.idle = why
            self._draw()

    def _draw(self) -> None:
        for pill in self._pills:
            name = pill.mode.name
            mine = name == self.current
            pill.show(mine, mine and self.waiting, self.unavailable.get(name), self.idle if mine else None)
