"""What a family of conversations gives: turns with their one right answer."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Turn:
    """A question and its right answer."""

    asked: str
    answer: str


def ask(asked: str, answer: str) -> list[Turn]:
    """A task of a single turn."""
    return [Turn(asked, answer)]
