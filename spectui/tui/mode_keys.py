"""The function keys of the first modes in the registry's order; the others are reached with ctrl+t."""

from textual.binding import Binding, BindingType

from ..engine.drafters.registry import MODES

MODE_KEYS = dict(zip(MODES, ("f2", "f3", "f4", "f5", "f6"), strict=False))
"""Mode -> key."""
MODE_BINDINGS: list[BindingType] = [
    Binding(key, f"mode('{name}')", MODES[name].title, id=f"mode.{name}", priority=True, show=False)
    for name, key in MODE_KEYS.items()
]
