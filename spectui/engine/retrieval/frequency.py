"""How often each kind of guess has been right lately, learnt whether or not the guess was verified."""

from collections.abc import Mapping

WEIGHT = 4.0
"""Observations that a prior counts for."""
MEMORY = 0.99
"""What is kept of the past at each new observation."""


class Frequency:
    """Shares of hits by key, from a prior and decaying counts."""

    def __init__(self, priors: Mapping[int, float]) -> None:
        self._priors = dict(priors)
        self._seen: dict[int, tuple[float, float]] = {}

    def share(self, key: int) -> float:
        """The estimated probability of a hit; KeyError for a key without a prior."""
        seen, hits = self._seen.get(key, (0.0, 0.0))
        return (hits + WEIGHT * self._priors[key]) / (seen + WEIGHT)

    def note(self, key: int, hit: bool) -> None:
        """Take in one observation."""
        seen, hits = self._seen.get(key, (0.0, 0.0))
        self._seen[key] = (MEMORY * seen + 1.0, MEMORY * hits + hit)
