"""(a) Versions, devices, how fast a large copy and a product of large matrices are."""

import platform
from collections.abc import Iterator
from importlib.metadata import version

import torch

from spectui.engine.tuning.machine import processor

from .figure import Figure, Setting
from .stopwatch import device_ms

KNOWN = {"H200": (4800.0, 989.0), "H100 PCIe": (2000.0, 756.0), "H100": (3350.0, 989.0), "A100": (2039.0, 312.0)}
"""Name -> GB/s of memory, and dense TFLOP/s in bfloat16, from the makers' data sheets."""
COPY, MULTIPLY = 0.85, 0.6
"""What share of them plain torch usually reaches."""


def sheet(name: str) -> tuple[float, float] | None:
    """What the maker promises of a device."""
    return next((figures for known, figures in KNOWN.items() if known in name), None)


def bandwidth(setting: Setting) -> float:
    """GB/s that a large copy reads and writes."""
    numbers = torch.ones(2**22 if setting.small else 2**30, dtype=torch.bfloat16, device=setting.device)
    other = torch.empty_like(numbers)
    took = min(device_ms(lambda: other.copy_(numbers), setting.device) for _ in range(setting.rounds))
    return 2 * numbers.nbytes / took / 1e6


def rate(setting: Setting) -> float:
    """TFLOP/s of a product of two square matrices."""
    size = 256 if setting.small else 8192
    matrix = torch.randn(size, size, dtype=setting.dtype, device=setting.device)
    took = min(device_ms(lambda: matrix @ matrix, setting.device) for _ in range(setting.rounds))
    return 2 * size**3 / took / 1e9


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    for name in ("spectui", "torch", "transformers"):
        yield Figure(name, version(name))
    yield Figure("python", platform.python_version())
    yield Figure("CUDA of torch", str(torch.version.cuda))
    for index in range(torch.cuda.device_count()):
        found = torch.cuda.get_device_properties(index)
        yield Figure(
            f"cuda:{index}", found.name, f"{found.total_memory / 2**30:.0f} GiB, {found.multi_processor_count} SMs"
        )
    name = processor(setting.device)
    yield Figure("measured on", name)
    promised = sheet(name)
    for what, unit, value, place, share in (
        ("large copy", "GB/s", bandwidth(setting), 0, COPY), (f"product of matrices, {str(setting.dtype).removeprefix('torch.')}", "TFLOP/s", rate(setting), 1, MULTIPLY)
    ):  # fmt: skip
        wanted = share * promised[place] if promised else None
        expected = f"at least {wanted:.0f} ({share:.0%} of the data sheet)" if wanted else "not known for this device"
        yield Figure(what, value, unit, expected, value >= wanted if wanted else None)
