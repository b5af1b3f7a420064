"""The ids of the highest logits, found when somebody asks for them."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any


class TopIds(Sequence[int]):
    """Ids, best first, that ``find`` gives at the first look: sorting them out would be felt in a short step."""

    def __init__(self, find: Callable[[], list[int]]) -> None:
        self._find = find
        self._found: list[int] | None = None

    @property
    def _ids(self) -> list[int]:
        if self._found is None:
            self._found = self._find()
        return self._found

    def __len__(self) -> int:
        return len(self._ids)

    def __getitem__(self, index: Any) -> Any:
        return self._ids[index]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids)
