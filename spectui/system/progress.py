"""How work that takes long tells how far it is."""

from collections.abc import Callable

Progress = Callable[[str, float | None], None]
"""Is told what is done now, and the share that is done; None where nobody knows it."""
