"""What a drafter may look up in a datastore: sub-indexes that stay as they are, and texts that it must not see."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from struct import Struct

from .suffix_index import SuffixIndex, Text, pack

ENTRIES = 100
"""Continuations that a look-up takes in all (SSSD, 2411.05894)."""
ENOUGH = 50
"""Fewer continuations than this, and the query is shortened by a token and looked up again (SSSD, 2411.05894)."""

CONTEXT = 3
"""Tokens of the prompt that an answer is learnt with (SSSD, 2411.05894)."""

Row = tuple[int, ...]
Found = tuple[Row, int]
"""A continuation that stands in the datastore, and the length of the query that it follows."""


def prompt_key(prompt: Sequence[int]) -> str:
    """What an answer to ``prompt`` is filed under, so that it can be kept from those who answer it again."""
    return blake2b(pack(prompt, 4), digest_size=12).hexdigest()


def learnt(prompt: Sequence[int], answer: Sequence[int]) -> Text:
    """An answer as it is stored: behind the prompt's last tokens."""
    return [*prompt[-CONTEXT:], *answer], prompt_key(prompt)


class Snapshot:
    """Some sub-indexes, without the answers to one prompt."""

    def __init__(self, indexes: Sequence[SuffixIndex], hidden: str = "") -> None:
        self.indexes = tuple(indexes)
        self._hidden = [
            [(answer.start, answer.stop) for answer in index.answers if answer.key == hidden] if hidden else []
            for index in self.indexes
        ]

    def __len__(self) -> int:
        return sum(map(len, self.indexes))

    def look_up(
        self, query: Sequence[int], count: int, entries: int = ENTRIES, enough: int = ENOUGH, shortest: int = 1
    ) -> list[Found]:
        """Up to ``count`` tokens behind each of ``entries`` places where ``query`` stands, and its shorter ends.

        The query loses a token at its front until ``enough`` were found or it is as short as ``shortest``. The places
        are shared among the sub-indexes by their size, but each gives at least a tenth.
        """
        total = max(1, len(self))
        shares = [max(entries // 10, entries * len(index) // total) for index in self.indexes]
        found: list[Found] = []
        for n in range(len(query), shortest - 1, -1):
            part = query[len(query) - n :]
            for index, share, hidden in zip(self.indexes, shares, self._hidden, strict=True):
                found += [(row, n) for row in _rows(index, part, count, share, hidden)]
            if len(found) >= enough:
                break
        return found

    def quote(self, passage: Sequence[int], count: int) -> tuple[list[int], list[int]] | None:
        """Up to ``count`` tokens before and behind the first place where ``passage`` stands; None if it is nowhere."""
        for index, hidden in zip(self.indexes, self._hidden, strict=True):
            for place in range(*index.find(pack(passage, index.width))):
                at = index.order[place]
                if not any(start <= at < until for start, until in hidden):
                    return index.around(at, at + len(passage), count)
        return None


def _rows(
    index: SuffixIndex, query: Sequence[int], count: int, most: int, hidden: Sequence[tuple[int, int]]
) -> Iterator[Row]:
    """Continuations of a query in one sub-index: all of them, or ``most`` at even distances in sorted order."""
    first, stop = index.find(pack(query, index.width))
    raw, width, order = index.raw, index.width, index.order
    unpack = Struct(f">{count}{'H' if width == 2 else 'I'}").unpack
    end, size, skip = 256**width - 1, count * width, len(query)
    total = stop - first
    places = range(first, stop) if total <= most else [first + pick * total // most for pick in range(most)]
    for place in places:
        at = order[place]
        if hidden and any(start <= at < until for start, until in hidden):
            continue
        begin = (at + skip) * width
        row: Row = unpack(bytes(raw[begin : begin + size]).ljust(size, b"\xff"))
        yield row[: row.index(end)] if end in row else row


@dataclass(slots=True)
class Reader:
    """A drafter's way to a datastore that may grow meanwhile."""

    indexes: Callable[[], Sequence[SuffixIndex]]
    """The sub-indexes as they are now."""
    hides: bool = False
    """Whether answers to the very prompt that is answered are kept away: a comparison must not feed itself."""

    def snapshot(self, prompt: Sequence[int]) -> Snapshot:
        """What may be looked up while ``prompt`` is answered."""
        return Snapshot(self.indexes(), prompt_key(prompt) if self.hides else "")


def frozen(indexes: Sequence[SuffixIndex]) -> Reader:
    """A reader of these sub-indexes alone, without answers to the prompt that it is used for: for comparisons."""
    return Reader(lambda: indexes, hides=True)
