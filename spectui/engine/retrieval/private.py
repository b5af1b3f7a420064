"""A datastore in memory that one lane alone learns into, on top of one that it only reads."""

from collections.abc import Sequence

from .snapshot import learnt
from .suffix_index import SuffixIndex, Text, token_width


class PrivateStore:
    """Sub-indexes that are read, and one more of what was learnt here; nothing is kept."""

    def __init__(self, indexes: Sequence[SuffixIndex], vocabulary: int) -> None:
        self._given = tuple(indexes)
        self._width = token_width(vocabulary)
        self._texts: list[Text] = []
        self.indexes: Sequence[SuffixIndex] = self._given

    def learn(self, turns: Sequence[tuple[Sequence[int], Sequence[int]]]) -> None:
        """Add (prompt, answer) pairs and index all that was added so far."""
        self._texts += [learnt(prompt, answer) for prompt, answer in turns]
        self.indexes = (*self._given, SuffixIndex.build(self._texts, self._width))
