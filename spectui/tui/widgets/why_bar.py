"""Why it is fast or slow here, in one line."""

from ...present.why_line import Why
from .parts import Part, PartsLine


class WhyBar(PartsLine):
    """What a step costs and gives, and what plain decoding would take; red where that would be faster."""

    def show(self, why: Why | None) -> None:
        """Draw the line; None empties it."""
        if why is None:
            self.draw([])
            return
        look = "bold $text-error" if why.is_slow else "bold $text-success"
        parts = [Part(1, why.cost, style="$token-muted")]
        if why.ratio:
            parts += [Part(2, why.plain, style="$token-muted"), Part(0, why.ratio, style=look)]
        self.draw(parts)
