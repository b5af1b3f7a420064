"""What the colours mean, in two sentences for an empty screen."""

from textual.reactive import reactive
from textual.strip import Strip

from ...present.token_looks import LOOKS
from .token_rows import Cell, TokenRows, token_css

LINES: tuple[tuple[Cell, ...], ...] = (
    (
        (" ", "target"), (LOOKS["accepted"].word, "accepted"), (": drafted, and the target agreed; a ", "unreached"),
        (LOOKS["bonus"].word, "bonus"), (" comes free with them.", "unreached"),
    ),
    (
        (" ", "target"), (LOOKS["rejected"].word, "rejected"), (": drafted, replaced by the target's ", "unreached"),
        (LOOKS["correction"].word, "correction"), (". ", "unreached"), ("plain", "target"),
        (": not drafted.", "unreached"),
    ),
)  # fmt: skip

SERVED_LINES: tuple[tuple[Cell, ...], ...] = (
    LINES[0],
    (
        (" ", "target"), (LOOKS["correction"].word, "correction"), (": where a draft was wrong. ", "unreached"),
        ("plain", "target"), (": not drafted, or not told.", "unreached"),
    ),
)  # fmt: skip
"""Where a server answers: none sends what it rejected."""


class Legend(TokenRows):
    """The commonest kinds of token, each in its own look."""

    DEFAULT_CSS = "Legend { height: 2; background: $background; }\n" + token_css("Legend")

    served: reactive[bool] = reactive(False)
    """Whether a server answers."""

    def render_line(self, y: int) -> Strip:
        """One sentence."""
        lines = SERVED_LINES if self.served else LINES
        return self.strip(lines[y] if y < len(lines) else ())
