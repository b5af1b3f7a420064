"""The few numbers of lecture mode, in digits three rows high, and the one legend."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.events import Show
from textual.widgets import Digits, Static

from ...present.token_looks import LOOKS, TokenKind
from .step_pane import has_colour, look

MOST = 3
KINDS: tuple[TokenKind, ...] = ("accepted", "rejected", "correction", "bonus")
"""The kinds of the legend."""


class Big(NamedTuple):
    """One number."""

    value: str
    """Digits and signs; – if unknown."""
    label: str


class BigNumbers(Vertical, can_focus=False):
    """Up to three numbers side by side; shown in lecture mode alone."""

    DEFAULT_CSS = """
    BigNumbers { display: none; height: 5; background: $surface; }
    BigNumbers Horizontal { height: 4; }
    BigNumbers .big { width: 1fr; height: 4; padding: 0 1; }
    BigNumbers Digits { width: 1fr; height: 3; text-style: bold; text-align: center; }
    BigNumbers .big Static { width: 1fr; height: 1; text-align: center; text-style: bold; }
    BigNumbers .marks { height: 1; text-align: center; }
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._numbers = [(Digits("", id=f"big-{place}"), Static(markup=False)) for place in range(MOST)]
        self.shown: Sequence[Big] = ()

    def compose(self) -> ComposeResult:
        """Numbers over their labels, and the legend."""
        with Horizontal():
            for digits, label in self._numbers:
                with Vertical(classes="big"):
                    yield digits
                    yield label
        parts: list[Any] = []
        for kind in KINDS:
            parts += [(f"{LOOKS[kind].mark} {LOOKS[kind].word}", look(kind, has_colour(self.app))), "   "]
        yield Static(Content.assemble(*parts[:-1]), classes="marks")

    def show(self, numbers: Sequence[Big]) -> None:
        """Show other numbers."""
        changed = list(numbers) != list(self.shown)
        self.shown = numbers
        if changed and self.display:  # where nobody sees them, digits that come and go would move everything else
            self._draw()

    @on(Show)
    def _draw(self) -> None:
        for place, (digits, label) in enumerate(self._numbers):
            one = self.shown[place] if place < len(self.shown) else None
            if digits.parent is not None:
                digits.parent.display = one is not None
            digits.update(one.value if one else "")
            label.update(one.label if one else "")


def lane_numbers(rates: Mapping[str, float | None]) -> list[Big]:
    """The rates of two lanes, and how many times the second is as fast as the first."""
    numbers = [Big(rate_of(rate), f"{lane}: tokens per second") for lane, rate in rates.items()]
    known = [rate for rate in rates.values() if rate]
    if len(rates) == len(known) == 2:
        numbers.append(Big(ratio_of(known[1] / known[0]), "speed-up"))
    return numbers


def rate_of(tokens_per_second: float | None) -> str:
    """A rate in digits."""
    return f"{tokens_per_second:.0f}" if tokens_per_second else "-"


def ratio_of(value: float | None) -> str:
    """A speed-up in digits."""
    return f"{value:.2f}x" if value else "-"
