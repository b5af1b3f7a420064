"""Server-sent events from bytes as they come, however they are cut, and never more than a bound in memory."""

from collections.abc import Callable, Iterable, Iterator

MOST_LINE = 1 << 20
"""Bytes of a line or of an event; real ones have a few hundred."""


class TooLong(Exception):
    """A line or an event that no server of answers sends."""


def events(parts: Iterable[bytes], hush: Callable[[bytes], bytes] = bytes) -> Iterator[str]:
    """The data of each event, in order, as ``hush`` leaves it; comments are left out. Raises TooLong."""
    data: list[str] = []
    size = 0
    for line in _lines(parts):
        if not line:
            if data:
                yield "\n".join(data)
            data, size = [], 0
        elif line.startswith(b"data:"):
            size += len(line)
            if size > MOST_LINE:
                raise TooLong
            data.append(hush(line[5:].removeprefix(b" ")).decode("utf-8", "replace"))
    if data:
        yield "\n".join(data)


def _lines(parts: Iterable[bytes]) -> Iterator[bytes]:
    """Whole lines without their ends; what follows the last newline is a line too."""
    held = bytearray()
    for part in parts:
        start = 0
        while (end := part.find(b"\n", start)) >= 0:
            held += part[start:end]
            yield bytes(held).removesuffix(b"\r")
            held.clear()
            start = end + 1
        held += part[start:]
        if len(held) > MOST_LINE:
            raise TooLong
    if held:
        yield bytes(held).removesuffix(b"\r")
