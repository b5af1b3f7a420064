"""What each kind of token looks like, everywhere: hue, attributes, mark and meaning.

Two hues only, for accepted and rejected. What the target chose beside a draft is marked as with a pen: a correction on
the ground of what was rejected, a bonus on the ground of what was accepted. Everything else is weight and shape. Marks
are ASCII and shown wherever tokens are listed, so that meaning never rests on a colour or on an attribute that a
terminal may lack.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["target", "drafted", "accepted", "rejected", "correction", "bonus", "unreached", "cut", "seam"]
Hue = Literal["plain", "accepted", "rejected", "muted", "seam"]


@dataclass(frozen=True, slots=True)
class Look:
    """One kind of token as a person sees it."""

    mark: str
    """One ASCII character."""
    word: str
    """A word or two for legends."""
    meaning: str
    """One phrase for help texts."""
    hue: Hue
    """Which of the theme's token colours, ``$token-HUE``."""
    attributes: str = ""
    """rich attributes that hold with and without colour."""
    plain_attributes: str = ""
    """Attributes that take the hue's place where there is no colour."""

    ground: Hue | None = None
    """Whose hue lies behind it, faintly, where there is colour."""

    def style(self, colour: bool) -> str:
        """rich attributes without the hue."""
        return self.attributes if colour else f"{self.attributes} {self.plain_attributes}".strip()


LOOKS: dict[TokenKind, Look] = {
    "target": Look("-", "target's own", "chosen by the target; nothing was drafted for it", "plain"),
    "drafted": Look("?", "drafted", "drafted, not verified yet", "muted", "italic"),
    "accepted": Look("+", "accepted", "drafted and accepted", "accepted", "", "underline"),
    "rejected": Look("x", "rejected", "drafted and rejected: the target chose another", "rejected", "strike"),
    "correction": Look(
        "=", "correction", "the target's choice where the draft was rejected", "plain", "bold", ground="rejected"
    ),
    "bonus": Look(
        "*", "bonus", "the target's choice after a full accept, free", "plain", "bold", "underline2", ground="accepted"
    ),
    "unreached": Look(".", "unreached", "drafted behind a rejected token; never checked", "muted", "", "dim"),
    "cut": Look("/", "cut", "accepted, then dropped by the answer's end", "muted", "strike", "dim"),
    "seam": Look(">", "mode switch", "another mode took over here", "seam", "", "reverse"),
}
"""Every kind, in the order in which legends list them."""

LEGEND: tuple[TokenKind, ...] = ("accepted", "rejected", "correction", "bonus", "unreached")
"""The kinds that a person meets first."""

SERVED_LEGEND: tuple[TokenKind, ...] = ("accepted", "correction", "bonus")
"""Those of them that a server may tell: none sends the tokens that it rejected."""

UNTOLD = "which tokens were drafted was not told as they came"

GROUND_SHARE = 28
"""How much of a hue lies behind a token, in percent."""

FATE_HUES: dict[str, dict[str, str]] = {
    "dark": {"accepted": "#56B4E9", "rejected": "#D55E00"},
    "light": {"accepted": "#005A91", "rejected": "#9A4400"},
}
"""Hues for colour vision of every kind on dark and light backgrounds (Okabe and Ito), where no theme is loaded."""


def legend(kinds: Sequence[TokenKind] = LEGEND) -> str:
    """The marks of the commonest kinds in one line."""
    return "  ".join(f"{LOOKS[kind].mark} {LOOKS[kind].word}" for kind in kinds)


def served_legend(told: bool) -> str:
    """The same for an answer of a server, which has ``told`` what the tokens on show are or not."""
    return legend(SERVED_LEGEND) if told else UNTOLD


_SHOWN = {0x0A: "↵", 0x09: "⇥"}


def shown(text: str) -> str:
    """A token's text for places that hold one line: newline and tab become signs, nothing becomes ``∅``."""
    return text.translate(_SHOWN) or "∅"
