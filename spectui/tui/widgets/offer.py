"""Beside the demo pair, how to get a real model: the offer, how far it is, and that it is here."""

from typing import Any, Literal

from textual.content import Content
from textual.message import Message
from textual.timer import Timer
from textual.widgets import Static

from ...system.memory import gigabytes
from ..fetching import Fetching
from ..steady import Steady

BAR = 24
"""Cells of the progress bar."""
PAUSE = 0.2
"""Seconds from one look at the download to the next."""


class Offer(Steady, Static):
    """A line that offers a model which is not on this machine; hidden where there is nothing to offer."""

    class Here(Message):
        """The model has come."""

    def __init__(self, key: str, **kwargs: Any) -> None:
        super().__init__(markup=False, **kwargs)
        self.name_of_model, self.key = "", key
        self.state: Literal["nothing", "offered", "coming", "stopped", "failed", "here"] = "nothing"
        self._quiet = False
        self._fetching: Fetching | None = None
        self._looks: Timer | None = None

    def offer(self, name: str) -> None:
        """Offer a model."""
        self.name_of_model, self.state = name, "offered"
        self._draw()

    def withdraw(self) -> None:
        """Offer nothing any more."""
        self.state = "nothing"
        self._draw()

    def hush(self, quiet: bool) -> None:
        """While a conversation goes on an offer is out of place; what was begun still shows."""
        self._quiet = quiet
        self._draw()

    def toggle(self) -> None:
        """Fetch the model, go on with that, or stop it."""
        if self._fetching is not None and self._fetching.runs:
            self._fetching.stop()
        elif self.state in ("offered", "stopped", "failed"):
            self._fetching, self.state = Fetching(self.name_of_model), "coming"
            self._looks = self._looks or self.set_interval(PAUSE, self._look)
            self._draw()

    def on_unmount(self) -> None:
        """The program ends: so does the download, which goes on the next time."""
        if self._fetching is not None:
            self._fetching.stop()

    def _look(self) -> None:
        fetching = self._fetching
        if fetching is None or self.state != "coming":
            return
        if not fetching.runs:
            self.state = "here" if fetching.here else "failed" if fetching.failure else "stopped"
            if fetching.here:
                self.post_message(self.Here())
        self._draw()

    def _draw(self) -> None:
        self.display = self.state != "nothing" and not (self._quiet and self.state == "offered")
        if self.display:
            self.update(Content.styled(*self._words()))

    def _words(self) -> tuple[str, str]:
        name, key, fetching = self.name_of_model, self.key, self._fetching
        if fetching is None or self.state == "offered":
            return f"These models are toys. {key} fetches a real one: {name}, {_size(name)}", "$text-warning"
        if self.state == "failed":
            what, _, remedy = fetching.failure.rpartition("; ")  # a command in it shall stand on one line
            return f"{what}{what and chr(10)}{remedy}; {key} tries again", "$text-warning"
        if self.state == "here":
            return f"{name} is here: ctrl+n begins a conversation with it", "$text-success"
        if not fetching.total:
            return (
                f"{name}: asking the hub … ({key} stops)" if fetching.runs else f"{name}: stopped; {key} tries again",
                "",
            )
        far = f"{bar(fetching.done / fetching.total)} {fetching.done / 1e6:.0f} of {fetching.total / 1e6:.0f} MB"
        return f"{name}  {far}  {key} {'stops' if self.state == 'coming' else 'goes on'}", ""


def _size(name: str) -> str:
    from ...models.registry import known_models
    from ...models.size import shape_elements

    return gigabytes(2 * shape_elements(known_models()[name].shape))


def bar(share: float) -> str:
    """How much of something is done, drawn and as a percentage."""
    full = int(BAR * min(1.0, share))
    return "█" * full + "░" * (BAR - full) + f" {share:4.0%}"
