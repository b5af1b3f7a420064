"""(i) Training a head for a minute: tokens a second."""

from collections.abc import Iterator
from importlib import import_module

from .figure import Figure, Setting

TRAINER, FUNCTION = "spectui.train.head_training", "tokens_per_second"
"""Called with a model's name, a device and seconds."""


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says, once there is something that trains heads."""
    try:
        measure = getattr(import_module(TRAINER), FUNCTION)
    except (ImportError, AttributeError):
        yield Figure("training a head", "not built")
        return
    seconds = min(60.0, 0.8 * setting.seconds)
    yield Figure("training a head", float(measure(setting.model, setting.device, seconds)), "tokens/s")
