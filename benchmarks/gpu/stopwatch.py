"""How long something takes on a device, by its own events and by the clock on the wall."""

from collections.abc import Callable
from statistics import median
from time import perf_counter

import torch


def wait(device: torch.device) -> None:
    """Until the device has done all that was asked of it."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)


def wall_ms(function: Callable[[], object], device: torch.device) -> float:
    """Milliseconds of one call, until the device has done it."""
    wait(device)
    start = perf_counter()
    function()
    wait(device)
    return (perf_counter() - start) * 1e3


def device_ms(function: Callable[[], object], device: torch.device) -> float:
    """Milliseconds between events before and behind one call; on a CPU by the clock on the wall."""
    if device.type != "cuda":
        return wall_ms(function, device)
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    begin.record()
    function()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end))


def usual(once: Callable[[], float], rounds: int) -> float:
    """The median of some times, behind three that count for nothing."""
    for _ in range(3 if rounds > 3 else 1):
        once()
    return median(once() for _ in range(rounds))
