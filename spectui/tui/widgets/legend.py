"""What the colours mean, in two sentences for an empty screen."""

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


class Legend(TokenRows):
    """The commonest kinds of token, each in its own look."""

    DEFAULT_CSS = "Legend { height: 2; background: $background; }\n" + token_css("Legend")

    def render_line(self, y: int) -> Strip:
        """One sentence."""
        return self.strip(LINES[y] if y < len(LINES) else ())
