"""The screen waits for decoding, and nobody else does."""

import os
import sys
from threading import Thread, get_native_id

import pytest

from spectui.tui.priority import NICE, yield_to_decoding


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_only_the_calling_thread_steps_back() -> None:
    def place() -> tuple[int, int]:
        mine = get_native_id()
        return os.sched_getscheduler(mine), os.getpriority(os.PRIO_PROCESS, mine)

    before = place()
    found: list[tuple[int, int]] = []

    def step_back() -> None:
        yield_to_decoding()
        found.append(place())

    thread = Thread(target=step_back)
    thread.start()
    thread.join()
    assert found == [(os.SCHED_BATCH, max(NICE, before[1]))]
    assert place() == before
