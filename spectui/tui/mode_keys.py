"""The function keys of the modes, in the registry's order; all are settings, and ctrl+t goes through the modes."""

from textual.binding import Binding, BindingType

from ..engine.drafters.registry import MODES

MODE_KEYS = dict(zip(MODES, ("f2", "f3", "f4", "f5", "f6"), strict=False))
"""Mode -> key."""
FURTHER = ("shift+f2,f14", "shift+f3,f15")
"""For the modes behind them: what terminals call a function key with shift."""
MODE_BINDINGS: list[BindingType] = [
    Binding(key, f"mode('{name}')", MODES[name].title, id=f"mode.{name}", priority=True, show=False)
    for name, key in zip(MODES, (*MODE_KEYS.values(), *FURTHER), strict=True)
]
