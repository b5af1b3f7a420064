"""Following a sequence that usually grows at its end."""

from collections.abc import Sequence


def goes_on(known: Sequence[int], tokens: Sequence[int], changed: bool) -> bool:
    """Whether ``tokens`` begin with what is ``known``; compared only if more than the end may have ``changed``."""
    size = len(known)
    return len(tokens) >= size and not (changed and list(tokens[:size]) != known)
