"""A second thread that works while the target's pass runs, each with its share of the device."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, nullcontext
from dataclasses import dataclass
from time import perf_counter_ns
from typing import Generic, TypeVar

import torch

T = TypeVar("T")
Span = tuple[int, int]
"""When something began and ended, in nanoseconds of ``perf_counter_ns``."""


@dataclass(frozen=True, slots=True)
class ThreadSplit:
    """How a device is divided while two models work at the same time."""

    target_threads: int = 0
    """Intra-op threads of the target's passes on a CPU; 0 leaves them as they are."""
    draft_threads: int = 0
    """The same for the work beside it."""
    slowdown: float = 1.0
    """By how much a pass of the target takes longer than alone."""
    draft_ms: float = 0.0
    """Milliseconds of a pass of the draft model meanwhile; 0 if unmeasured."""


class Work(Generic[T]):
    """Something that is made beside the target; it has to be waited for before the step ends."""

    def __init__(self, future: "Future[tuple[T, Span]]", threads: int) -> None:
        self._future, self._threads = future, threads

    def wait(self) -> tuple[T, Span]:
        """What was made, and when the work began and ended; raises what it raised.

        The calling thread has the device for itself again.
        """
        self.settle()
        return self._future.result()

    def settle(self) -> None:
        """Wait in the same way, whatever became of it."""
        try:
            wait([self._future])
        finally:
            if self._threads:
                torch.set_num_threads(self._threads)


class BackgroundWorker:
    """Runs one piece of work at a time in a thread of its own, which starts with the first and ends with ``close``.

    On each of the CUDA devices the work has its own stream, or it would wait for the target's passes there; the first
    device is the one that it allocates on. The thread also ends when this object is dropped, or the program.
    """

    def __init__(self, *devices: torch.device) -> None:
        self._devices = [device for device in dict.fromkeys(reversed(devices)) if device.type == "cuda"]
        self._pool: ThreadPoolExecutor | None = None
        self._streams: list[torch.cuda.Stream] = []

    def start(self, function: Callable[[], T], share: ThreadSplit) -> Work[T]:
        """Begin; from now until ``Work.wait`` the calling thread computes with its share of the device."""
        if self._pool is None:
            self._pool = ThreadPoolExecutor(1, "spectui-beside")
        future = self._pool.submit(self._run, function, share)
        if not share.target_threads:
            return Work(future, 0)
        threads = torch.get_num_threads()
        torch.set_num_threads(share.target_threads)
        return Work(future, threads)

    def close(self) -> None:
        """End the thread and wait for it; the next ``start`` makes a new one."""
        if self._pool is not None:
            self._pool.shutdown()
            self._pool = None

    @torch.inference_mode()
    def _run(self, function: Callable[[], T], share: ThreadSplit) -> tuple[T, Span]:
        begin = perf_counter_ns()
        if share.draft_threads and torch.get_num_threads() != share.draft_threads:
            torch.set_num_threads(share.draft_threads)
        with self._own_streams() if self._devices else nullcontext():
            made = function()
        return made, (begin, perf_counter_ns())

    def _own_streams(self) -> ExitStack:
        """All of them; the one that is entered last decides on the device."""
        self._streams = self._streams or [torch.cuda.Stream(device) for device in self._devices]  # type: ignore[no-untyped-call]
        stack = ExitStack()
        for stream in self._streams:
            stack.enter_context(torch.cuda.stream(stream))
        return stack
