"""JSON Lines, as untrusted as any file: a line either is what it says or is refused by its number."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from .sanitise import sanitise_line

DAMAGED = (ValueError, KeyError, TypeError, AttributeError, RecursionError)
"""What the parser raises, or who makes something of what it gives."""
_T = TypeVar("_T")


def read_lines(lines: Iterable[str], build: Callable[[str], _T], refuse: Callable[[int, str], None]) -> Iterator[_T]:
    """What ``build`` makes of each line that is not blank.

    ``refuse`` is told the number of a line of which nothing can be made, and the reason; it raises, or the line is
    left out.
    """
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        try:
            made = build(line)
        except DAMAGED as error:
            reason = f"{error.args[0]} is missing" if isinstance(error, KeyError) else str(error)
            refuse(number, sanitise_line(reason)[:120])
        else:
            yield made
