"""Who goes first where both want the same core: decoding."""

import os
import sys
from contextlib import suppress
from threading import get_native_id

NICE = 19
"""The screen's place behind decoding, by the system's scale of 0 to 19."""


def yield_to_decoding() -> None:
    """Let the calling thread wait for threads that were there before; only Linux has priorities of threads.

    A pass works on all cores and waits for the slowest: a frame that takes one of them stops them all. So the caller
    neither interrupts another thread when it wakes up (the policy for batches) nor takes turns with it for long.
    Threads that it starts later inherit its place, so the decode thread must be there already.
    """
    if sys.platform == "linux":
        mine = get_native_id()
        with suppress(OSError):
            os.sched_setscheduler(mine, os.SCHED_BATCH, os.sched_param(0))
            os.setpriority(os.PRIO_PROCESS, mine, max(NICE, os.getpriority(os.PRIO_PROCESS, mine)))
