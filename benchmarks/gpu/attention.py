"""(b) Attention of few rows over many keys with a mask, by each backend of torch: kernels, first call, later calls."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext, suppress
from functools import partial
from operator import attrgetter
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile

from spectui.engine.model.cuda import settle
from spectui.engine.model.decode_attention import PARTS, in_parts, in_products

from .figure import Figure, Setting
from .stopwatch import device_ms, usual, wall_ms

HEADS, GROUP, DIMENSION = 8, 4, 128
"""Key heads, query heads to each, and numbers of a head in Llama 3 8B."""
OURS, TORCHS = "as spectui sets it", "as torch comes"
BACKENDS = {
    TORCHS: None,
    OURS: None,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "plain": SDPBackend.MATH,
}
QUICK = 5000.0
"""Microseconds that a first call of a new shape may take."""


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    for _, run in ways(setting, 2, 512):  # loads kernels, which counts for no shape
        with suppress(RuntimeError):
            run()
    for rows in (1, 4) if setting.small else (1, 8, 64):
        for keys in (64, 65) if setting.small else (1024, 1025, 2048, 8192, 8191):
            for name, run in ways(setting, rows, keys):
                if not setting.has_time():
                    yield Figure("the rest", "left out: no time")
                    return
                yield from timed(setting, f"{rows} rows, {keys} keys, {name}", run, name)


def ways(setting: Setting, rows: int, keys: int) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Each backend, and ours with the keys in parts."""
    like: dict[str, Any] = {"dtype": setting.dtype, "device": setting.device}
    query = torch.randn(1, HEADS, GROUP * rows, DIMENSION, **like)
    key, value = (torch.randn(1, HEADS, keys, DIMENSION, **like) for _ in range(2))
    mask = torch.zeros(1, 1, GROUP * rows, keys, **like)
    scale = DIMENSION**-0.5

    def whole(name: str) -> Tensor:
        torch.backends.cuda.enable_cudnn_sdp(True)
        if name == OURS:
            settle(setting.device)
        backend = BACKENDS[name]
        with sdpa_kernel(backend) if backend is not None else nullcontext():
            return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)

    for name in BACKENDS:
        if not (setting.small and name in ("cuDNN", "efficient")):
            yield name, partial(whole, name)
    if setting.dtype != torch.float32:
        yield "products", lambda: in_products(query, key, value, mask, scale)
    if keys % (PARTS * 8) == 0:
        yield f"{PARTS} parts", lambda: in_parts(query, key, value, mask, scale, PARTS)


def timed(setting: Setting, what: str, run: Callable[[], Tensor], name: str) -> Iterator[Figure]:
    """The first call, later ones, and the kernel that takes longest."""
    ours = name == OURS and not setting.small
    try:
        first = 1e3 * wall_ms(run, setting.device)
    except RuntimeError as error:
        yield Figure(what, f"refused: {str(error).splitlines()[0][:80]}")
        return
    yield Figure(
        f"{what}: first call", first, "µs", f"under {QUICK:.0f}" if ours else "", first < QUICK if ours else None
    )
    yield Figure(f"{what}: later", 1e3 * usual(lambda: device_ms(run, setting.device), setting.rounds), "µs")
    if name in (OURS, TORCHS):
        found = kernel(run, setting.device)
        yield Figure(
            f"{what}: kernel", found, "", "no cudnn" if ours else "", "cudnn" not in found.lower() if ours else None
        )


def kernel(run: Callable[[], Tensor], device: torch.device) -> str:
    """The name of the longest kernel of a call."""
    on_cuda = device.type == "cuda"
    try:
        with profile(activities=[ProfilerActivity.CUDA if on_cuda else ProfilerActivity.CPU]) as found:
            run()
        every = list(found.key_averages())
    except RuntimeError as error:
        return f"unknown: {str(error).splitlines()[0][:80]}"
    spent = attrgetter("self_device_time_total" if on_cuda else "self_cpu_time_total")
    return str(max(every, key=spent).key)[:90] if every else "unknown"
