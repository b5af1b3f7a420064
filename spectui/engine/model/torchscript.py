"""Functions as TorchScript, which run without holding the interpreter's lock."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)


def scripted(function: Callable[..., Any], device: torch.device | None = None) -> Callable[..., Any]:
    """The function as TorchScript; as it is where that is gone, and on another ``device`` than a CPU.

    An eager function takes and releases the lock at every operation, so that a busy screen stalls it. On CUDA passes
    are replayed from graphs, and what is left would be compiled anew for new shapes, a stall of 0.1 s and more.
    """
    if device is not None and device.type != "cpu":
        return function
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            script: Callable[..., Any] = torch.jit.script(function)
    except Exception:
        log.warning("TorchScript is not available; %s runs eagerly", function.__name__, exc_info=True)
        return function
    return script
