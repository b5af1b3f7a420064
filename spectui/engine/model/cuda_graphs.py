"""CUDA graphs around the lean forward: one recording for each shape of pass, replayed without the CPU."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from .kv_cache import CHUNK, KVCache
from .llama import LlamaForward

log = logging.getLogger(__name__)

ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Passes are padded to one of so many rows."""

Pass = Callable[[], list[Tensor]]


class Recorder(Protocol):
    """Turns a pass over fixed buffers into one that can be had again for less."""

    def record(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """The outputs of the pass, and what computes them anew in place; they hold nothing before it is called."""
        ...


class CudaRecorder:
    """Records CUDA graphs; all those of one model share their working memory, and so they may not run at once."""

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def record(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """Run twice to let libraries allocate what they keep, then record on the same stream."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            run()
            run()
        here.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            made = run()
        return made, graph.replay


class PlainRecorder:
    """The stand-in for devices that record nothing: the pass runs again, into the same outputs."""

    def record(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """Run once to learn the outputs' shapes."""
        made = run()

        def again() -> None:
            for old, new in zip(made, run(), strict=True):
                old.copy_(new)

        return made, again


class Frame:
    """The fixed buffers of one shape of pass over one cache, and the pass that was recorded on them.

    Rows that only fill up the shape take token 0 at position 0, see what is committed, and write behind the others'
    keys and values, where nobody looks before the next pass writes there.
    """

    def __init__(
        self, lean: LlamaForward, recorder: Recorder, cache: KVCache, rows: int, width: int, hidden: Sequence[int]
    ) -> None:
        keys, values = lean.buffers(cache)
        self.rows = rows
        self._least = torch.finfo(keys.dtype).min
        self._numbers = torch.zeros((3, rows), dtype=torch.int64, device=keys.device)
        ids, places, slots = self._numbers
        group = lean.shape.heads // lean.shape.key_heads
        self._mask = torch.zeros((group, rows, width), dtype=keys.dtype, device=keys.device)
        mask, turns = self._mask.view(1, 1, group * rows, width), lean.turns(cache.capacity)

        def run() -> list[Tensor]:
            return lean.in_place(ids, places, slots, mask, keys, values, turns, width, hidden)

        self._run, self._recorder = run, recorder
        self._recorded: tuple[list[Tensor], Callable[[], None]] | None = None

    def __call__(
        self, ids: Sequence[int], positions: Sequence[int], visible: Tensor | None, length: int, start: int
    ) -> tuple[Tensor, list[Tensor]]:
        """Logits [rows, vocabulary] and the states asked for, copied out of the buffers."""
        rows, padding = len(ids), [0] * (self.rows - len(ids))
        numbers = torch.tensor([[*ids, *padding], [*positions, *padding], list(range(start, start + self.rows))])
        self._numbers.copy_(self._ready(numbers), non_blocking=True)
        self._look(visible, length, start + rows)
        if self._recorded is None:  # not before: recording runs the pass, which must not write anywhere else
            self._recorded = self._recorder.record(self._run)
        (logits, *states), replay = self._recorded
        replay()
        return logits[:rows].clone(), [state[:rows].clone() for state in states]

    def _look(self, visible: Tensor | None, length: int, end: int) -> None:
        """Write the mask: everything committed is seen, of the rows behind it what ``visible`` says."""
        self._mask.fill_(self._least)
        self._mask[:, :, : length if visible is not None else end] = 0.0
        if visible is not None:
            seen = self._ready(visible).to(self._mask.device, non_blocking=True)
            self._mask[:, : len(visible), length:end].masked_fill_(seen, 0.0)

    def _ready(self, fresh: Tensor) -> Tensor:
        """The tensor where a device can fetch it by itself; it is new each time, so that no copy is overtaken."""
        return fresh.pin_memory() if self._mask.device.type == "cuda" else fresh


class Graphs:
    """The recorded passes of one model; they lie with the caches whose buffers they read and write."""

    def __init__(self, lean: LlamaForward, recorder: Recorder) -> None:
        self._lean, self._recorder = lean, recorder
        self.failure: str | None = None
        """Why nothing is recorded any more, if recording failed once."""

    def __call__(
        self,
        cache: KVCache,
        ids: Sequence[int],
        positions: Sequence[int],
        visible: Tensor | None,
        hidden: Sequence[int],
    ) -> tuple[Tensor, list[Tensor]] | None:
        """Logits and states of a pass behind the cache's scratch rows; None if it is not of a shape that is recorded.

        ``visible`` bool [rows, scratch + rows] as in ``CausalLM.forward``; a row of padding has to see something, so
        that the first pass over an empty cache is never recorded.
        """
        start = cache.length + cache.scratch
        rows = next((size for size in ROWS if size >= len(ids)), None)
        if rows is None or not cache.length or self.failure is not None:
            return None
        cache.reserve(start + rows)
        key = (rows, _width(start + rows, cache.capacity), tuple(hidden))
        try:
            frame = cache.recorded.get(key) or Frame(self._lean, self._recorder, cache, *key)
            cache.recorded[key] = frame
            return frame(ids, positions, visible, cache.length, start)
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}".splitlines()[0]
            cache.recorded.clear()
            log.warning("no pass is recorded any more", exc_info=True)
            return None


def _width(rows: int, capacity: int) -> int:
    """How many rows of the cache a recorded pass attends to: a power of two, or all."""
    return min(max(CHUNK, 1 << (rows - 1).bit_length()), capacity)
