"""The screen waits for decoding, and nobody else does."""

import os
import sys
from threading import Thread, get_native_id

import pytest

from spectui.tui.priority import NICE, yield_to_decoding


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has priorities of threads")
def test_only_the_calling_thread_steps_back() -> None:
    before = os.getpriority(os.PRIO_PROCESS, get_native_id())
    found: list[int] = []

    def step_back() -> None:
        yield_to_decoding()
        found.append(os.getpriority(os.PRIO_PROCESS, get_native_id()))

    thread = Thread(target=step_back)
    thread.start()
    thread.join()
    assert found == [max(NICE, before)]
    assert os.getpriority(os.PRIO_PROCESS, get_native_id()) == before
