"""What a part of the report gives, and what it is told."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from time import monotonic
from typing import NamedTuple

import torch


class Figure(NamedTuple):
    """One number, or one word, beside what was expected."""

    what: str
    value: float | str
    unit: str = ""
    expected: str = ""
    """In words; empty where nobody knows."""
    met: bool | None = None
    """Whether it is as expected; None where that cannot be said."""


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a part runs, and how much of it."""

    device: torch.device
    seconds: float
    """How long the part may take."""
    begun: float = field(default_factory=monotonic)

    @property
    def small(self) -> bool:
        """Without a GPU only enough runs to see that everything works."""
        return self.device.type != "cuda"

    @property
    def model(self) -> str:
        """The shape that is filled with random weights."""
        return "demo" if self.small else "llama-3-8b"

    @property
    def dtype(self) -> torch.dtype:
        """What a model computes with there."""
        return torch.float32 if self.small else torch.bfloat16

    @property
    def lengths(self) -> tuple[int, ...]:
        """Tokens in the cache."""
        return (64, 200) if self.small else (1000, 8000)

    @property
    def rows(self) -> tuple[int, ...]:
        """Tokens of a pass."""
        return (1, 2, 4) if self.small else (1, 8, 16, 64)

    @property
    def rounds(self) -> int:
        """How often something is timed."""
        return 2 if self.small else 20

    def has_time(self, share: float = 0.9) -> bool:
        """Whether less than this share of the time is over."""
        return monotonic() - self.begun < share * self.seconds


Part = Callable[[Setting], Iterator[Figure]]
