"""The function keys of the first modes in the registry's order; the others are reached with ctrl+t."""

from ..engine.drafters.registry import MODES

MODE_KEYS = dict(zip(MODES, ("f2", "f3", "f4", "f5", "f6"), strict=False))
"""Mode -> key."""
