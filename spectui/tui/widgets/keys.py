"""The keys in the last row."""

from rich.cells import cell_len
from textual.app import ComposeResult
from textual.events import Resize
from textual.widgets import Footer
from textual.widgets._footer import FooterKey

GAP = 1
"""Cells behind a key and behind what it does."""
EVERYWHERE = ("help", "quit")
"""Actions whose keys no narrow terminal cuts."""

_SIGNS = {"full_stop": ".", "comma": ",", "plus": "+", "minus": "-", "slash": "/", "greater_than_sign": ">",
          "less_than_sign": "<"}  # fmt: skip


def written(keys: str) -> str:
    """Names of keys with the signs that stand on them: ``comma, k`` as ``, k``, divided by spaces."""
    return " ".join(_SIGNS.get(key, key) for key in keys.replace(",", " ").split())


class Keys(Footer):
    """The keys that can be pressed now; first those that show and leave all others."""

    _width = 0

    def compose(self) -> ComposeResult:
        """One label for each key, as long as whole ones fit."""
        room = self.app.size.width + GAP
        for key in sorted(super().compose(), key=lambda key: getattr(key, "action", None) not in EVERYWHERE):
            if isinstance(key, FooterKey):
                room -= cell_len(key.key_display) + cell_len(key.description) + 2 * GAP
            if room >= 0:
                yield key

    def on_resize(self, event: Resize) -> None:
        """Other keys fit into another width."""
        before, self._width = self._width, event.size.width
        if before not in (0, self._width):
            self.call_after_refresh(self.recompose)
