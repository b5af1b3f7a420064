"""CUDA graphs around the Llama forward: one for each shape of pass, replayed without the CPU."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from threading import Lock
from typing import Protocol

import torch
from torch import Tensor

from .forward import ForwardInput
from .kv_cache import CHUNK, AnyCache, KVCache, aligned
from .llama import LlamaForward, LlamaInput, forward

log = logging.getLogger(__name__)

ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Passes are padded to one of so many rows."""
FEW = 8
"""Passes of which only the last row is wanted are captured up to so many rows: a draft model catches up with so few in
each step, and a longer prefill is not worth it."""
LEAST_WIDTH_STEP = 512
MASKED = -1e30
"""Added to the score of what is not seen. Some kernels multiply it, and what is infinite is no number in a part of the
keys of which nothing is seen."""
SPARES = 2
"""Caches that nobody uses any more and that are kept for the sake of their graphs, at most."""
CAPTURING = Lock()
"""Held while a pass is captured, by whatever model: to begin a capture waits for the whole device, which breaks one
that is under way in another thread."""

Pass = Callable[[], list[Tensor]]


class Capturer(Protocol):
    """Turns a pass over fixed buffers into one that can be had again for less."""

    def capture(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """The outputs of the pass, and what computes them anew in place; they hold nothing before it is called."""
        ...


class CudaCapturer:
    """Captures CUDA graphs; all those of one model share their working memory, and so they may not run at once."""

    def __init__(self, device: torch.device) -> None:
        self._pool = torch.cuda.graph_pool_handle()
        self._stream = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def capture(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """Run twice to let libraries allocate what they keep, then capture on the same stream."""
        here = torch.cuda.current_stream(self._stream.device)
        self._stream.wait_stream(here)
        with torch.cuda.stream(self._stream):
            run()
            run()
        here.wait_stream(self._stream)
        graph = torch.cuda.CUDAGraph()
        with torch.cuda.stream(self._stream):  # torch.cuda.graph does not come back from it when its end fails
            try:
                with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
                    made = run()
            except BaseException:
                self._abandon()
                raise
        return made, graph.replay

    def _abandon(self) -> None:
        """Let the allocator serve this thread as usual again, after a capture whose end has failed."""
        for undo in ("_cuda_endAllocateToPool", "_cuda_releasePool"):
            with suppress(Exception):  # how far the capture came decides which of them is due
                getattr(torch._C, undo)(self._stream.device.index, self._pool)
        self._pool = torch.cuda.graph_pool_handle()


class EagerCapturer:
    """The stand-in for devices without graphs: the pass runs again, into the same outputs."""

    def capture(self, run: Pass) -> tuple[list[Tensor], Callable[[], None]]:
        """Run once to learn the outputs' shapes."""
        made = run()

        def again() -> None:
            for old, new in zip(made, run(), strict=True):
                old.copy_(new)

        return made, again


class CapturedGraph:
    """The fixed buffers of one shape of pass over one cache, and the pass that was captured on them.

    Rows that only fill up the shape take token 0 at position 0, see what is committed, and write behind the others'
    keys and values, where nobody looks before the next pass writes there.
    """

    def __init__(
        self, llama: LlamaForward, capturer: Capturer, cache: KVCache, rows: int, width: int, hidden: Sequence[int]
    ) -> None:
        keys, values = llama.buffers(cache)
        weights, config = llama.weights_for(cache), llama.weights.config
        group = config.num_heads // config.num_kv_heads
        self.rows = rows
        self._lowest = max(torch.finfo(keys.dtype).min, MASKED)
        self._numbers = torch.zeros((3, rows), dtype=torch.int64, device=keys.device)
        self._mask = torch.zeros((group, rows, width), dtype=keys.dtype, device=keys.device)
        token_ids, position_ids, cache_slots = self._numbers
        mask = self._mask.view(1, 1, group * rows, width)
        inputs = LlamaInput(token_ids, position_ids, cache_slots, mask, keys, values, False, list(hidden))

        def run() -> list[Tensor]:
            logits, states = forward(weights, inputs)
            return [logits, *states]

        self._run, self._capturer = run, capturer
        self._captured: tuple[list[Tensor], Callable[[], None]] | None = None

    def __call__(self, cache: KVCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]]:
        """Logits [rows, vocabulary] and the states asked for, copied out of the buffers."""
        rows, start = len(inputs.token_ids), cache.length + cache.scratch
        padding = [0] * (self.rows - rows)
        slots = list(range(start, start + self.rows))
        numbers = torch.tensor([[*inputs.token_ids, *padding], [*inputs.position_ids, *padding], slots])
        self._numbers.copy_(self._ready(numbers), non_blocking=True)
        self._write_mask(inputs.tree_mask, cache.length, start + rows)
        (logits, *states), replay = self._captured or self._capture()
        replay()
        kept = slice(rows - 1 if inputs.last_only else 0, rows)
        return logits[kept].clone(), [state[:rows].clone() for state in states]

    def prepare(self, length: int) -> None:
        """Capture the pass behind ``length`` committed rows; what it writes there nobody looks at."""
        self._numbers.zero_()
        self._numbers[2] = torch.arange(length, length + self.rows, device=self._numbers.device)
        self._mask.zero_()
        self._capture()

    def _capture(self) -> tuple[list[Tensor], Callable[[], None]]:
        """The buffers hold what a pass reads: capturing runs it, and it must not write anywhere else."""
        with CAPTURING:
            self._captured = self._capturer.capture(self._run)
        return self._captured

    def _write_mask(self, tree_mask: Tensor | None, length: int, end: int) -> None:
        """Everything committed is seen, of the rows behind it what ``tree_mask`` says."""
        self._mask.fill_(self._lowest)
        self._mask[:, :, : length if tree_mask is not None else end] = 0.0
        if tree_mask is not None:
            seen = self._ready(tree_mask).to(self._mask.device, non_blocking=True)
            self._mask[:, : len(tree_mask), length:end].masked_fill_(seen, 0.0)

    def _ready(self, fresh: Tensor) -> Tensor:
        """The tensor where a device can fetch it by itself; it is new each time, so that no copy is overtaken."""
        return fresh.pin_memory() if self._mask.device.type == "cuda" else fresh


class GraphCache:
    """The Llama forward with its passes captured; the graphs lie with the caches whose buffers they read and write.

    A pass whose shape is not captured runs plainly.
    """

    def __init__(self, llama: LlamaForward, capturer: Capturer) -> None:
        self.llama, self._capturer = llama, capturer
        self.failure: str | None = None
        """Why nothing is captured any more, if capturing failed once."""
        self._spares: list[KVCache] = []

    def new_cache(self, capacity: int) -> KVCache:
        """An empty cache for one sequence; one that was given back, with its graphs, if it is large enough."""
        for place, spare in enumerate(self._spares):
            if spare.capacity >= capacity:
                return self._spares.pop(place)
        return self.llama.new_cache(aligned(capacity))

    def take_back(self, cache: KVCache) -> None:
        """Keep a cache that nobody uses any more for the next sequence."""
        cache.truncate(0)
        if cache.graphs and len(self._spares) < SPARES:
            self._spares.append(cache)

    def free(self) -> None:
        """Keep none any longer."""
        self._spares.clear()

    def prepare(self, cache: KVCache, rows: int, length: int, hidden: Sequence[int]) -> bool:
        """Capture every pass over up to ``rows`` rows until the cache holds ``length``; whether one was missing."""
        sizes = [size for size in ROWS if size < 2 * rows]
        cache.reserve(length + ROWS[-1])
        widths = list(_widths(cache.length + 1, length + sizes[-1], cache.capacity))
        keys = [(size, width, tuple(hidden)) for width in reversed(widths) for size in reversed(sizes)]
        missing = [key for key in keys if key not in cache.graphs]
        try:
            for key in missing if self.failure is None else ():
                graph = CapturedGraph(self.llama, self._capturer, cache, *key)
                graph.prepare(cache.length)
                cache.graphs[key] = graph
        except Exception as error:
            self._give_up(cache, error)
        return bool(missing)

    def __call__(self, cache: AnyCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]]:
        """As ``Backend`` says."""
        assert isinstance(cache, KVCache)
        return self._replayed(cache, inputs) or self.llama(cache, inputs)

    def _replayed(self, cache: KVCache, inputs: ForwardInput) -> tuple[Tensor, list[Tensor]] | None:
        """The pass by its graph; None if it has none.

        A row of padding has to see something, so that the first pass over an empty cache is never captured.
        """
        start = cache.length + cache.scratch
        rows = next((size for size in ROWS if size >= len(inputs.token_ids)), None)
        if rows is None or (inputs.last_only and rows > FEW) or not cache.length or self.failure is not None:
            return None
        cache.reserve(start + rows)
        key = (rows, _width(start + rows, cache.capacity), tuple(inputs.hidden_layers))
        try:
            graph = cache.graphs.get(key) or CapturedGraph(self.llama, self._capturer, cache, *key)
            cache.graphs[key] = graph
            made: tuple[Tensor, list[Tensor]] = graph(cache, inputs)
            return made
        except Exception as error:
            self._give_up(cache, error)
            return None

    def _give_up(self, cache: KVCache, error: Exception) -> None:
        """Run all passes plainly from now on, also if there is no memory left for a graph."""
        self.failure = f"{type(error).__name__}: {error}".splitlines()[0]
        cache.graphs.clear()
        log.warning("no pass is captured any more", exc_info=True)


def _width(rows: int, capacity: int) -> int:
    """How many rows of the cache a captured pass attends to: four widths between a power of two and the next, or all.

    Each is a graph more; each number more is read for nothing.
    """
    step = max(LEAST_WIDTH_STEP, (1 << (rows - 1).bit_length()) // 4)
    return min(max(CHUNK, -(-rows // step) * step), capacity)


def _widths(first: int, last: int, capacity: int) -> Iterator[int]:
    """All widths of passes that end at ``first`` to ``last`` rows, ascending."""
    width = _width(first, capacity)
    yield width
    while width < min(last, capacity):
        width = _width(width + 1, capacity)
        yield width
