"""The modes, one of them chosen, and why others cannot run."""

from collections.abc import Mapping

from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.events import Click, Resize
from textual.widgets import Static

from ...engine.drafters.registry import Mode
from ..mode_keys import MODE_KEYS

CURRENT, PAUSED, WAITING, USABLE, UNUSABLE = "●", "‖", "▸", "○", "×"
NOT_DRAFTING, NEXT_STEP = "not drafting", "next step"


class Pill(Static):
    """One mode, always as wide; a click chooses it."""

    def __init__(self, mode: Mode, key: str) -> None:
        super().__init__(markup=False, classes="pill")
        self.mode, self.key = mode, key
        self.squeezed = 0
        """How little room there is: 0 for the mode's title, 1 for its name, 2 without the gap behind the key, 3 without
        any."""

    def words(self, sign: str) -> str:
        """What stands on it."""
        before, behind = " " if self.squeezed < 2 else "", " " if self.squeezed < 3 else ""
        return f"{self.key}{before}{sign}{behind}{self.mode.name if self.squeezed else self.mode.title}".lstrip()

    def show(self, sign: str, current: bool, why_not: str | None, idle: str | None) -> None:
        """Draw the pill in its state: ``why_not`` says why it cannot run, ``idle`` why it drafted nothing."""
        text, before = self.words(sign), str(self.content)
        if text != before:
            self.update(Content(text), layout=len(text) != len(before))
        self.set_class(current, "-current")
        self.set_class(why_not is not None, "-unavailable")
        self.tooltip = why_not or (f"{NOT_DRAFTING}: {idle}" if idle else self.mode.summary)

    async def on_click(self, event: Click) -> None:
        """Choose."""
        event.stop()
        await self.app.run_action(f"screen.mode('{self.mode.name}')")


def _pills(modes: Mapping[str, Mode]) -> list[Pill]:
    return [Pill(mode, MODE_KEYS.get(name, "").upper()) for name, mode in modes.items()]


class ModeBar(Horizontal):
    """Every mode of the registry, the current one marked, what cannot run with its reason.

    Nothing on it moves: the state of the current mode is a sign, and stands in words at the right where there is room.
    """

    def __init__(self, modes: Mapping[str, Mode]) -> None:
        super().__init__()
        self._pills = _pills(modes)
        self._state = Static(markup=False, classes="state")
        self.current, self.waiting = "", False
        self.idle: str | None = None
        self.unavailable: Mapping[str, str] = {}

    def compose(self) -> ComposeResult:
        """The pills, and the state of the current one."""
        yield from self._pills
        yield self._state

    def take(self, modes: Mapping[str, Mode]) -> None:
        """Show other modes: a server has one of its own."""
        if [pill.mode for pill in self._pills] == list(modes.values()):
            return
        for pill in self._pills:
            pill.remove()
        self._pills = _pills(modes)
        self.mount(*self._pills, before=self._state)
        self._fit(self.size.width)

    def on_resize(self, event: Resize) -> None:
        """Titles where they fit, else names; the state where it fits beside them."""
        self._fit(event.size.width)

    def _fit(self, width: int) -> None:
        room = len(NOT_DRAFTING) + 2
        pills = 0
        for squeezed in range(4):
            for pill in self._pills:
                pill.squeezed = squeezed
            pills = sum(len(pill.words(CURRENT)) + 2 for pill in self._pills)
            if pills + (room if squeezed == 0 else 0) <= width:
                break
        self._state.display = pills + room <= width
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
            why_not, mine = self.unavailable.get(name), name == self.current
            pill.show(
                self._sign if mine else UNUSABLE if why_not else USABLE, mine, why_not, self.idle if mine else None
            )
        state = NEXT_STEP if self.waiting else NOT_DRAFTING if self.idle else ""
        if state != str(self._state.content):
            self._state.update(Content(state), layout=False)

    @property
    def _sign(self) -> str:
        return WAITING if self.waiting else PAUSED if self.idle else CURRENT
