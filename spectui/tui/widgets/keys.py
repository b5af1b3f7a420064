"""The keys in the last row."""

from textual.app import ComposeResult
from textual.widgets import Footer

EVERYWHERE = ("help", "quit")
"""Actions whose keys no narrow terminal cuts."""

_SIGNS = {"full_stop": ".", "comma": ",", "plus": "+", "minus": "-"}


def written(keys: str) -> str:
    """Names of keys with the signs that stand on them: ``comma, k`` as ``, k``, divided by spaces."""
    return " ".join(_SIGNS.get(key, key) for key in keys.replace(",", " ").split())


class Keys(Footer):
    """The keys that can be pressed now; first those that show and leave all others."""

    def compose(self) -> ComposeResult:
        """One label for each key."""
        yield from sorted(super().compose(), key=lambda key: getattr(key, "action", None) not in EVERYWHERE)
