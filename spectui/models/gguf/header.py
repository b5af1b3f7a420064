"""The header of a GGUF file. No number in it is believed before it is compared with the size of the file."""

import mmap
import struct
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from pathlib import Path
from typing import Any

from ...system.errors import UserError, reason_of
from ...system.sanitise import sanitise_line

MAGIC = b"GGUF"
VERSIONS = (2, 3)
SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}
"""Number of a type -> how ``struct`` calls it."""
STRING, ARRAY = 8, 9
MOST_ENTRIES = 1 << 16
"""Of metadata, and of tensors."""
MOST_ITEMS = 1 << 22
"""Of one list; the largest vocabularies have a tenth of it."""
MOST_DIMENSIONS = 4
LARGEST_HEADER = 1 << 28
"""Bytes; one of a large vocabulary has 16 million."""


@dataclass(frozen=True, slots=True)
class GgufTensor:
    """One tensor, and where its bytes are."""

    name: str
    shape: tuple[int, ...]
    """Outermost first, as torch has it."""
    kind: int
    """The number of its quantisation."""
    begin: int
    size: int
    """In bytes."""

    @property
    def elements(self) -> int:
        """How many numbers it holds."""
        return prod(self.shape)


@dataclass(frozen=True, slots=True)
class GgufHeader:
    """What a file says about itself; all tensors lie within it."""

    path: Path
    metadata: dict[str, Any]
    tensors: dict[str, GgufTensor]

    @property
    def architecture(self) -> str:
        """Its model's architecture, in llama.cpp's words."""
        return str(self.metadata.get("general.architecture", ""))


class Damaged(Exception):
    """The bytes cannot be what they say."""


def read_header(path: Path) -> GgufHeader:
    """The header of a GGUF file; raises UserError if it is none, cut off or damaged."""
    shown = sanitise_line(str(path))
    try:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            return _Reader(path, data).header()
    except Damaged as error:
        raise UserError(f"{shown} is damaged or cut off ({error}); download it again") from error
    except ValueError as error:  # nothing to map
        raise UserError(f"{shown} is empty; download it again") from error
    except OSError as error:
        raise UserError(f"{shown} cannot be read: {reason_of(error)}") from error


class _Reader:
    def __init__(self, path: Path, data: mmap.mmap) -> None:
        self._path, self._data, self._at = path, data, 0
        self._end = len(data)
        self._limit = min(self._end, LARGEST_HEADER)

    def header(self) -> GgufHeader:
        """Everything up to where the tensors' bytes begin."""
        self._check_kind()
        tensors, entries = self._count("tensors"), self._count("entries")
        metadata: dict[str, Any] = {}
        for _ in range(entries):
            name = self._string()
            metadata[name] = self._value(self._number("I"))
        told = [self._tensor() for _ in range(tensors)]
        if len({one[0] for one in told}) < tensors:
            raise Damaged("it has a tensor twice")
        self._check_parts(metadata)
        begin = self._aligned(metadata.get("general.alignment", 32))
        return GgufHeader(self._path, metadata, {one[0]: self._placed(begin, *one) for one in told})

    def _check_kind(self) -> None:
        shown = sanitise_line(str(self._path))
        if self._data[:4] != MAGIC:
            raise UserError(f"{shown} is no GGUF file; give a .gguf file, or a folder with safetensors")
        self._at = 4
        version = self._number("I")
        if version not in VERSIONS:
            what = "for computers of another byte order" if version & 0xFFFF == 0 else f"of version {version}"
            raise UserError(f"{shown} is a GGUF file {what}, which cannot be read; use a newer file of this model")

    def _check_parts(self, metadata: dict[str, Any]) -> None:
        parts = metadata.get("split.count", 0)
        if isinstance(parts, int) and parts > 1:
            raise UserError(
                f"{sanitise_line(self._path.name)} is one of {parts} parts; join them with `llama-gguf-split --merge`"
            )

    def _take(self, size: int) -> int:
        """Where the next ``size`` bytes begin."""
        begin = self._at
        if size > self._limit - begin:
            raise Damaged("its header goes on behind its end")
        self._at = begin + size
        return begin

    def _number(self, kind: str) -> Any:
        return struct.unpack_from("<" + kind, self._data, self._take(struct.calcsize("<" + kind)))[0]

    def _count(self, what: str) -> int:
        count = int(self._number("Q"))
        if count > MOST_ENTRIES:
            raise Damaged(f"it says that it has {count:,} {what}")
        return count

    def _string(self) -> str:
        size = self._number("Q")
        begin = self._take(size)
        return self._data[begin : begin + size].decode("utf-8", "replace")

    def _value(self, kind: int) -> Any:
        if kind == STRING:
            return self._string()
        if kind == ARRAY:
            return self._items(self._number("I"), int(self._number("Q")))
        if kind in SCALARS:
            return self._number(SCALARS[kind])
        raise Damaged(f"it has a value of the unknown type {kind}")

    def _items(self, kind: int, count: int) -> list[Any]:
        if count > MOST_ITEMS:
            raise Damaged(f"it has a list of {count:,} items")
        if kind in SCALARS:
            size = struct.calcsize("<" + SCALARS[kind])
            return list(struct.unpack_from(f"<{count}{SCALARS[kind]}", self._data, self._take(count * size)))
        if kind == STRING:
            read: Callable[[], str] = self._string
            return [read() for _ in range(count)]
        raise Damaged(f"it has a list of the type {kind}")

    def _tensor(self) -> tuple[str, tuple[int, ...], int, int]:
        name = self._string()
        dimensions = self._number("I")
        if not 0 < dimensions <= MOST_DIMENSIONS:
            raise Damaged(f"a tensor has {dimensions} dimensions")
        shape = tuple(int(self._number("Q")) for _ in range(dimensions))
        return name, shape[::-1], self._number("I"), self._number("Q")

    def _aligned(self, step: Any) -> int:
        if not isinstance(step, int) or step < 1 or step & (step - 1):
            raise Damaged("its alignment is no power of two")
        return -(-self._at // step) * step

    def _placed(self, start: int, name: str, shape: tuple[int, ...], kind: int, offset: int) -> GgufTensor:
        size = bytes_of(name, shape, kind)
        if start + offset + size > self._end:
            raise Damaged(f"the tensor {sanitise_line(name)[:60]} ends behind the end of the file")
        return GgufTensor(name, shape, kind, start + offset, size)


def kind_name(kind: int) -> str:
    """What llama.cpp calls a quantisation."""
    from gguf import GGMLQuantizationType

    try:
        return GGMLQuantizationType(kind).name
    except ValueError:
        return f"number {kind}"


def bytes_of(name: str, shape: tuple[int, ...], kind: int) -> int:
    """The bytes of a tensor; raises UserError for a quantisation that nobody here knows, Damaged for a wrong shape."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType

    try:
        block, size = GGML_QUANT_SIZES[GGMLQuantizationType(kind)]
    except (ValueError, KeyError) as error:
        raise UserError(
            f"the tensor {sanitise_line(name)[:60]} has an unknown quantisation ({kind_name(kind)}); "
            "use another file of this model, such as Q4_1, Q6_K or Q8_0"
        ) from error
    if min(shape) < 1 or shape[-1] % block:
        raise Damaged(f"the tensor {sanitise_line(name)[:60]} has the shape {shape}")
    return prod(shape) // block * size
