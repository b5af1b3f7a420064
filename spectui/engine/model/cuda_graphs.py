"""CUDA graphs around the Llama forward: one for each shape of pass, replayed without the CPU."""

import logging
from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor

from .forward import ForwardInput
from .kv_cache import CHUNK, AnyCache, KVCache
from .llama import LlamaForward, LlamaInput, forward

log = logging.getLogger(__name__)

ROWS = (1, 2, 4, 8, 16, 32, 64, 128)
"""Passes are padded to one of so many rows."""

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
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            made = run()
        return made, graph.replay


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
        self._lowest = torch.finfo(keys.dtype).min
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
        if self._captured is None:  # not before: capturing runs the pass, which must not write anywhere else
            self._captured = self._capturer.capture(self._run)
        (logits, *states), replay = self._captured
        replay()
        return logits[:rows].clone(), [state[:rows].clone() for state in states]

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

    def new_cache(self, capacity: int) -> KVCache:
        """An empty cache for one sequence."""
        return self.llama.new_cache(capacity)

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
        if rows is None or inputs.last_only or not cache.length or self.failure is not None:
            return None
        cache.reserve(start + rows)
        key = (rows, _width(start + rows, cache.capacity), tuple(inputs.hidden_layers))
        try:
            graph = cache.graphs.get(key) or CapturedGraph(self.llama, self._capturer, cache, *key)
            cache.graphs[key] = graph
            made: tuple[Tensor, list[Tensor]] = graph(cache, inputs)
            return made
        except Exception as error:
            self.failure = f"{type(error).__name__}: {error}".splitlines()[0]
            cache.graphs.clear()
            log.warning("no pass is captured any more", exc_info=True)
            return None


def _width(rows: int, capacity: int) -> int:
    """How many rows of the cache a captured pass attends to: a power of two, or all."""
    return min(max(CHUNK, 1 << (rows - 1).bit_length()), capacity)
