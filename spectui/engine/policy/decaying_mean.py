"""The one average of everything that is learnt while decoding: what is older weighs less."""

from dataclasses import dataclass


@dataclass(slots=True)
class DecayingMean:
    """An exponentially weighted mean, with a prior that counts for ``strength`` observations and does not decay.

    After n observations of which each keeps ``decay`` of the past, about (1 + decay) / (1 - decay) of them count.
    """

    decay: float
    prior: float = 0.0
    strength: float = 0.0
    weight: float = 0.0
    """What all observations still weigh."""
    total: float = 0.0
    """Their weighted sum."""

    @property
    def value(self) -> float:
        """The mean; the prior before anything was observed."""
        return self.towards(self.prior)

    def towards(self, prior: float) -> float:
        """The mean with another prior."""
        weight = self.weight + self.strength
        return (self.total + self.strength * prior) / weight if weight else prior

    def update(self, total: float, weight: float = 1.0) -> None:
        """Observe something of so much weight; ``total`` is what was observed times that weight."""
        self.total = self.decay * self.total + total
        self.weight = self.decay * self.weight + weight
