"""How much memory there is to take, and sizes in words."""

import os
from contextlib import suppress
from pathlib import Path

PROC = Path("/proc/meminfo")
GROUP = Path("/sys/fs/cgroup")


def available_memory(swap: bool = True) -> int | None:
    """Bytes that a program may take now without others being harmed; None where the system does not say.

    Without ``swap`` only those that are fast.
    """
    counted = ("MemAvailable", "SwapFree") if swap else ("MemAvailable",)
    with suppress(OSError, ValueError):
        told = dict(line.split(":", 1) for line in PROC.read_text("ascii").splitlines())
        free = sum(1024 * int(told[name].split()[0]) for name in counted if name in told)
        return min(free, _allowed(free))
    with suppress(OSError, ValueError, AttributeError):
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return None


def _allowed(free: int) -> int:
    """What the container leaves, if there is one with a limit."""
    with suppress(OSError, ValueError):
        limit = int((GROUP / "memory.max").read_text("ascii"))
        used = int((GROUP / "memory.current").read_text("ascii"))
        kept = dict(line.split() for line in (GROUP / "memory.stat").read_text("ascii").splitlines())
        return max(0, limit - used + int(kept.get("inactive_file", 0)))
    return free


def gigabytes(size: float) -> str:
    """A size as people say it."""
    if size >= 9.95e9:
        return f"{size / 1e9:.0f} GB"
    return f"{size / 1e9:.1f} GB" if size >= 9.5e8 else f"{max(1, round(size / 1e6))} MB"
