"""Functions as TorchScript, which run without holding the interpreter's lock."""

import logging
import warnings
from collections.abc import Callable
from typing import Any

import torch

log = logging.getLogger(__name__)


def scripted(function: Callable[..., Any]) -> Callable[..., Any]:
    """The function as TorchScript; as it is where that is gone.

    An eager function takes and releases the lock at every operation, so that a busy screen stalls it.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            script: Callable[..., Any] = torch.jit.script(function)
    except Exception:
        log.warning("TorchScript is not available; %s runs eagerly", function.__name__, exc_info=True)
        return function
    # The profiling executor would recompile in the first calls of every shape, a stall of 20 ms and more. Entered and
    # never left, because the switch holds for the whole process and flipping it costs more than a small function.
    torch.jit.optimized_execution(False).__enter__()  # type: ignore[attr-defined]
    return script
