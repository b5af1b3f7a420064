"""What people say behind an answer: again, shorter, in capitals, as a list."""

import re

from ..task import Turn
from ..words import Words

_AGAIN = ("Repeat your last answer.", "Say that again.", "Repeat that.", "Can you repeat that?", "Once more, please.", "Say it again.",
          "Repeat it, please.", "Please repeat your answer.")  # fmt: skip
_CAPITALS = (
    "Say it again in capital letters.",
    "Now in capital letters.",
    "Write that in capital letters.",
    "Say that in upper case.",
)
_SHORTER = (
    "Make that shorter.",
    "Shorter, please.",
    "Can you make it shorter?",
    "Say that in one sentence.",
    "Give me the short version.",
)
_BULLETS = (
    "Write that as a bullet list.",
    "As bullet points, please.",
    "Make a bullet list of it.",
    "Turn your answer into a list.",
)
_QUOTED = ("Put your answer in quotes.", "Write that in quotation marks.")


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?]) (?=[A-Z])", text)


def follow_up(words: Words, answer: str) -> Turn:
    """A turn that is answered with the last answer in another form."""
    said = _sentences(answer)
    ways: list[tuple[tuple[str, ...], str]] = [(_AGAIN, answer), (_AGAIN, answer)]
    if "\n" not in answer:
        ways += [(_CAPITALS, answer.upper())] if len(answer) < 150 else []
        ways += (
            [(_SHORTER, said[0]), (_BULLETS, "\n".join(f"- {sentence}" for sentence in said))]
            if 1 < len(said) < 5
            else []
        )
        ways += [(_QUOTED, f'"{answer}"')] if '"' not in answer else []
    asked, again = words.rng.choice(ways)
    return Turn(words.one(asked), again)
