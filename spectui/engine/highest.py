"""The ids of the highest logits, found when somebody asks for them."""

from collections.abc import Iterator, Sequence
from typing import Any

from torch import Tensor


class Highest(Sequence[int]):
    """Up to ``count`` ids below ``vocabulary`` of one row of logits [rows, model vocabulary], best first.

    They are sorted at the first look; until then not even the row is cut out, which would be felt in a short step.
    """

    def __init__(self, logits: Tensor, row: int, count: int, vocabulary: int | None = None) -> None:
        self._logits, self._row, self._vocabulary = logits, row, vocabulary
        self._count = min(count, vocabulary or logits.shape[-1])
        self._found: list[int] | None = None

    @property
    def _ids(self) -> list[int]:
        if self._found is None:
            self._found = self._logits[self._row, : self._vocabulary].topk(self._count).indices.tolist()
        return self._found

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: Any) -> Any:
        return self._ids[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)
