"""What each kind of token looks like, everywhere: colour, attributes, mark and meaning."""

from dataclasses import dataclass
from typing import Literal

TokenKind = Literal["target", "accepted", "rejected", "correction", "bonus", "unreached", "cut"]


@dataclass(frozen=True, slots=True)
class Look:
    """One kind of token as a person sees it."""

    mark: str
    """ASCII, so that meaning never rests on colour."""
    meaning: str
    hue: Literal["plain", "accepted", "rejected", "muted"]
    attributes: str = ""
    """rich attributes that hold with and without colour."""
    plain_attributes: str = ""
    """Attributes that take the colour's place where there is none."""

    def style(self, colour: bool) -> str:
        """rich attributes without the hue."""
        return self.attributes if colour else f"{self.attributes} {self.plain_attributes}".strip()


LOOKS: dict[TokenKind, Look] = {
    "target": Look("·", "the target's own token, nothing was drafted", "plain"),
    "accepted": Look("+", "drafted and accepted", "accepted", plain_attributes="underline"),
    "rejected": Look("x", "drafted and rejected", "rejected", "strike"),
    "correction": Look("=", "the target's word where a draft was rejected", "plain", "bold"),
    "bonus": Look("*", "free after a full accept", "plain", "bold", "underline2"),
    "unreached": Look(".", "drafted below a rejected token", "muted", "dim"),
    "cut": Look("-", "accepted, then dropped by the answer's end", "muted", "dim strike"),
}

FATE_HUES = {"dark": {"accepted": "#56B4E9", "rejected": "#D55E00"}, "light": {"accepted": "#005A91", "rejected": "#9A4400"}}


def legend() -> str:
    """The marks of the commonest kinds in one line."""
    short = {"accepted": "accepted", "rejected": "rejected", "correction": "correction", "bonus": "bonus", "target": "target's own"}
    return "  ".join(f"{LOOKS[kind].mark} {word}" for kind, word in short.items())  # type: ignore[index]
