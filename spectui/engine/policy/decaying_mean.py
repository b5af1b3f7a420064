"""The one average of everything that is learnt while decoding: what is older weighs less."""

from dataclasses import dataclass

DECAY = 0.98
"""How much of the past an observation leaves: some hundred count (``benchmarks.constants``)."""


@dataclass(slots=True)
class DecayingMean:
    """An exponentially weighted mean, with a prior that counts for ``strength`` observations and does not decay."""

    prior: float = 0.0
    strength: float = 0.0
    weight: float = 0.0
    """What all observations still weigh."""
    total: float = 0.0
    """Their weighted sum."""

    @property
    def value(self) -> float:
        """The mean; the prior before anything was observed."""
        weight = self.weight + self.strength
        return (self.total + self.strength * self.prior) / weight if weight else self.prior

    def update(self, total: float, weight: float = 1.0) -> None:
        """Observe something of so much weight; ``total`` is what was observed times that weight."""
        self.total = DECAY * self.total + total
        self.weight = DECAY * self.weight + weight
