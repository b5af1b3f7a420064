"""A run of characters that look alike."""

from typing import NamedTuple


class Piece(NamedTuple):
    """A run of characters that look alike."""

    display: str
    """What the screen shows; holds no newline and no tab."""
    source: str
    """What copying yields."""
    look: str
    """A token kind, or the name of a role's style."""
    step: int
    """Number of the step in its answer; -1 for the first token and for all other text."""
    level: int
    """The first view that shows it."""
