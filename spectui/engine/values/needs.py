"""What a drafter asks of the pass before its proposal."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Needs:
    """What a drafter wants from the target's pass besides the tokens."""

    top_ids: int = 0
    """How many ids of the highest logits at the last accepted node."""
    hidden: tuple[int, ...] = ()
    """Which layers' states at the tokens that a pass has verified: what enters that layer, 0 is the embedding."""
