"""(b) Attention of few rows over many keys with a mask, by each backend of torch: kernels, first call, later calls."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.nn.functional import scaled_dot_product_attention
from torch.profiler import ProfilerActivity, profile

from spectui.engine.model.cuda import settle
from spectui.engine.model.split_attention import PARTS, in_parts

from .figure import Figure, Setting
from .stopwatch import device_ms, usual, wall_ms

HEADS, GROUP, DIMENSION = 8, 4, 128
"""Key heads, query heads to each, and numbers of a head in Llama 3 8B."""
BACKENDS = {
    "as spectui sets it": None,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "efficient": SDPBackend.EFFICIENT_ATTENTION,
    "plain": SDPBackend.MATH,
}


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    torch.backends.cuda.enable_cudnn_sdp(True)
    lengths = (64, 65) if setting.small else (1024, 1025, 2048, 8192, 8191)
    for rows in (1, 4) if setting.small else (1, 8, 64):
        for keys in lengths:
            for name, run in ways(setting, rows, keys):
                if not setting.has_time():
                    return
                yield from timed(setting, f"{rows} rows, {keys} keys, {name}", run, name)


def ways(setting: Setting, rows: int, keys: int) -> Iterator[tuple[str, Callable[[], Tensor]]]:
    """Each backend, and ours with the keys in parts."""
    like: dict[str, Any] = {"dtype": setting.dtype, "device": setting.device}
    query = torch.randn(1, HEADS, GROUP * rows, DIMENSION, **like)
    key, value = (torch.randn(1, HEADS, keys, DIMENSION, **like) for _ in range(2))
    mask = torch.zeros(1, 1, GROUP * rows, keys, **like)
    scale = DIMENSION**-0.5

    def whole(backend: SDPBackend | None) -> Tensor:
        if backend is None:
            settle(setting.device)
        with sdpa_kernel(backend) if backend is not None else nullcontext():
            return scaled_dot_product_attention(query, key, value, attn_mask=mask, scale=scale)

    for name, backend in BACKENDS.items():
        if not (setting.small and name in ("cuDNN", "efficient")):
            yield name, partial(whole, backend)
    if keys % (PARTS * 8) == 0:
        yield f"{PARTS} parts", lambda: in_parts(query, key, value, mask, scale, PARTS)


def timed(setting: Setting, what: str, run: Callable[[], Tensor], name: str) -> Iterator[Figure]:
    """The first call, later ones, and the kernel that takes longest."""
    try:
        first = wall_ms(run, setting.device)
    except RuntimeError as error:
        yield Figure(what, f"refused: {str(error).splitlines()[0][:80]}")
        return
    ours = name == "as spectui sets it"
    yield Figure(f"{what}: first call", 1e3 * first, "µs", "under 5,000" if ours else "", first < 5.0 if ours else None)
    yield Figure(f"{what}: later", 1e3 * usual(lambda: device_ms(run, setting.device), setting.rounds), "µs")
    yield Figure(f"{what}: kernel", kernel(run, setting.device), "", "no cudnn" if ours else "",
                 "cudnn" not in kernel(run, setting.device).lower() if ours else None)  # fmt: skip


def kernel(run: Callable[[], Tensor], device: torch.device) -> str:
    """The name of the longest kernel of a call."""
    kind = ProfilerActivity.CUDA if device.type == "cuda" else ProfilerActivity.CPU
    with profile(activities=[kind]) as found:
        run()
    spent = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    every = list(found.key_averages())
    return str(max(every, key=lambda event: getattr(event, spent)).key)[:90] if every else "unknown"
