"""Counters of a server's ``/metrics`` that tell of drafts: of all its requests together, since it was started."""

import re
from dataclasses import dataclass
from math import isfinite

from .drafts import count

DRAFTED = (
    "vllm:spec_decode_num_draft_tokens_total",
    "llamacpp:spec_decode_num_draft_tokens_total",
    "sglang:spec_num_proposed_drafts_total",
)
ACCEPTED = (
    "vllm:spec_decode_num_accepted_tokens_total",
    "llamacpp:spec_decode_num_accepted_tokens_total",
    "sglang:spec_num_correct_drafts_total",
)
RATE = ("sglang:spec_accept_rate",)
LENGTH = ("sglang:spec_accept_length",)
_LINE = re.compile(r"([a-zA-Z_:][\w:]*)(?:\{[^}]*\})?\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Counters:
    """What a server's own counters say; unknown is None."""

    drafted: int | None = None
    accepted: int | None = None
    acceptance_rate: float | None = None
    accept_length: float | None = None
    """Mean tokens of a pass, the target's own included, as the server computes it."""

    @property
    def known(self) -> bool:
        """Whether they say anything."""
        return any(one is not None for one in (self.drafted, self.accepted, self.acceptance_rate, self.accept_length))

    def since(self, before: "Counters") -> "Counters":
        """What was counted between two readings."""
        drafted, accepted = (
            None if new is None or old is None or new < old else new - old
            for new, old in ((self.drafted, before.drafted), (self.accepted, before.accepted))
        )
        return Counters(drafted, accepted, accepted / drafted if drafted and accepted is not None else None)


def read_counters(text: str) -> Counters:
    """The counters in the text format of Prometheus; those with several labels are added up."""
    sums: dict[str, list[float]] = {}
    for line in text.splitlines():
        found = _LINE.match(line)
        if found is None or found[1] not in (*DRAFTED, *ACCEPTED, *RATE, *LENGTH):
            continue
        try:
            value = float(found[2])
        except ValueError:
            continue
        if isfinite(value) and value >= 0:
            sums.setdefault(found[1], []).append(value)
    drafted, accepted = (_total(sums, names) for names in (DRAFTED, ACCEPTED))
    rate, length = (_mean(sums, names) for names in (RATE, LENGTH))
    if rate is None and drafted and accepted is not None:
        rate = accepted / drafted
    return Counters(drafted, accepted, rate, length)


def _total(sums: dict[str, list[float]], names: tuple[str, ...]) -> int | None:
    total = next((sum(sums[name]) for name in names if name in sums), None)
    return count(int(total)) if total is not None and isfinite(total) else None


def _mean(sums: dict[str, list[float]], names: tuple[str, ...]) -> float | None:
    mean = next((sum(sums[name]) / len(sums[name]) for name in names if name in sums), None)
    return mean if mean is not None and isfinite(mean) else None
