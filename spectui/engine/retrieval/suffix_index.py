"""One sub-index of a datastore: texts and their suffix array, in memory or mapped from a file."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Buffer = bytes | memoryview
Order = Sequence[int] | memoryview
Tokens = Sequence[int] | NDArray[np.uint32]
Text = tuple[Tokens, str]
"""Tokens, and the key of the prompt that they answer; empty for a text that is no answer."""


def token_width(vocabulary: int) -> int:
    """Bytes of a stored token: 2 while the ids and the end mark fit, else 4."""
    return 2 if vocabulary < 0xFFFF else 4


def pack(tokens: Tokens, width: int) -> bytes:
    """Tokens as they are stored: big-endian, so that comparing bytes compares tokens."""
    return np.asarray(tokens).astype(f">u{width}").tobytes()


def unpack(raw: bytes, width: int) -> NDArray[np.uint32]:
    """Tokens of stored bytes."""
    return np.frombuffer(raw, f">u{width}").astype(np.uint32)


def end_mark(width: int) -> bytes:
    """What closes a text: no token has this id."""
    return b"\xff" * width


def suffix_array(raw: bytes, width: int) -> NDArray[np.int32]:
    """Where the suffixes of stored tokens begin, in sorted order, in tokens: int32 [tokens].

    divsufsort sorts the suffixes of the bytes in about 0.14 s a million tokens and without the interpreter's lock;
    those that begin inside a token are left out.
    """
    from pydivsufsort import divsufsort

    if not raw:
        return np.zeros(0, np.int32)
    starts = divsufsort(np.frombuffer(bytearray(raw), np.uint8))
    order: NDArray[np.int32] = (starts[starts % width == 0] // width).astype(np.int32)
    return order


@dataclass(frozen=True, slots=True)
class Learnt:
    """An answer in a sub-index."""

    start: int
    """Index of its first token."""
    stop: int
    """Index after its last token, where its end mark stands."""
    key: str
    """What prompt it answers."""


class SuffixIndex:
    """Texts, each closed by an end mark of all ones, and the sorted order of their suffixes.

    Bytes that make no sense (a damaged file) can only yield wrong continuations, never an error.
    """

    def __init__(self, raw: Buffer, order: Order, width: int, answers: Sequence[Learnt] = ()) -> None:
        self.raw, self.order, self.width = raw, order, width
        self.answers = tuple(answers)

    @classmethod
    def build(cls, texts: Iterable[Text], width: int) -> "SuffixIndex":
        """An index in memory."""
        answers, parts, start = [], [], 0
        for tokens, key in texts:
            parts.append(pack(tokens, width) + end_mark(width))
            stop = start + len(parts[-1]) // width
            if key:
                answers.append(Learnt(start, stop - 1, key))
            start = stop
        raw = b"".join(parts)
        order: Order = memoryview(suffix_array(raw, width))  # type: ignore[arg-type]
        return cls(raw, order, width, answers)

    def __len__(self) -> int:
        return len(self.raw) // self.width

    def find(self, query: bytes) -> tuple[int, int]:
        """First and one past the last place in ``order`` of the suffixes that begin with ``query``, stored tokens."""
        raw, width, size = self.raw, self.width, len(query)

        def prefix(start: int) -> bytes:
            return bytes(raw[start * width : start * width + size])

        first = bisect_left(self.order, query, key=prefix)
        return first, bisect_right(self.order, query, lo=first, key=prefix)

    def after(self, start: int, count: int) -> bytes:
        """Up to ``count`` stored tokens from index ``start`` on."""
        return bytes(self.raw[start * self.width : (start + count) * self.width])

    def around(self, start: int, stop: int, count: int) -> tuple[list[int], list[int]]:
        """Up to ``count`` tokens before ``start`` and from ``stop`` on, of the same text as those between."""
        first, end = max(0, start - count), 256**self.width - 1
        before = unpack(self.after(first, start - first), self.width).tolist()
        after = unpack(self.after(stop, count), self.width).tolist()
        begin = len(before) - before[::-1].index(end) if end in before else 0
        return before[begin:], after[: after.index(end)] if end in after else after

    def texts(self) -> Iterator[Text]:
        """The answers again, to build another index from."""
        for answer in self.answers:
            yield unpack(self.after(answer.start, answer.stop - answer.start), self.width), answer.key
