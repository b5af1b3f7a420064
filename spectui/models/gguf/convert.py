"""Writes what a GGUF file holds as a model folder, a few rows at a time, so that no whole tensor is in memory."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ...system.errors import UserError
from .families import Model, Source
from .header import kind_name
from .tokenizer import end_ids, tokenizer_files

PART = 1 << 22
"""Numbers that are in memory at a time."""
WIDEST = 8 << 30
"""Bytes of float32 weights above which they are rounded to bfloat16: no folder is twice what can be run."""
OWN = {"F16": "F16", "BF16": "BF16"}
"""Types that safetensors has too: such a tensor stays as it is."""
ITEM = {"F32": 4, "F16": 2, "BF16": 2}
Written = Callable[[int], None]


def kept_type(model: Model) -> str:
    """What dequantised weights are written as: float32, which holds them exactly, while that is of a sensible size."""
    elements = sum(source.tensor.elements for source in model.sources)
    return "F32" if 4 * elements <= WIDEST else "BF16"


def folder_size(model: Model) -> int:
    """Bytes of the folder to be made."""
    wide = kept_type(model)
    weights = sum(source.tensor.elements * ITEM[_type(source, wide)] for source in model.sources)
    return weights + 3 * 10**7  # the tokenizer, generously


def check_kinds(model: Model) -> None:
    """Raise UserError if a tensor is of a quantisation that ``gguf`` cannot undo."""
    from gguf import GGML_QUANT_SIZES, GGMLQuantizationType, dequantize

    for number in {source.tensor.kind for source in model.sources}:
        kind = GGMLQuantizationType(number)
        try:
            dequantize(np.zeros((1, GGML_QUANT_SIZES[kind][1]), np.uint8), kind)
        except NotImplementedError as error:
            raise UserError(
                f"{model.header.path.name} has tensors of the quantisation {kind.name}, which cannot be undone here; "
                "use another file of this model, such as Q4_1, Q6_K or Q8_0"
            ) from error


def write_folder(model: Model, folder: Path, written: Written) -> None:
    """Fill an empty folder; ``written`` is told of every byte of weights, and may raise to give up."""
    tokenizer, config = tokenizer_files(model.header)
    check_kinds(model)
    (folder / "tokenizer.json").write_text(tokenizer, "utf-8")
    _write_json(folder / "tokenizer_config.json", config)
    ends = end_ids(model.header)
    special = {
        f"{name}_token_id": model.header.metadata.get(f"tokenizer.ggml.{told}_token_id")
        for name, told in (("bos", "bos"), ("pad", "padding"))
    }
    special = {name: value for name, value in special.items() if value is not None}
    wide = kept_type(model)
    dtype = "float32" if wide == "F32" else "bfloat16"
    eos = {"eos_token_id": ends[0] if len(ends) == 1 else ends} if ends else {}
    _write_json(folder / "config.json", {**model.config, **special, **eos, "dtype": dtype})
    _write_json(folder / "generation_config.json", {**special, **eos})
    _write_weights(model, folder / "model.safetensors", wide, written)


def _write_json(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, ensure_ascii=False, indent=1), "utf-8")


def _type(source: Source, wide: str) -> str:
    own = OWN.get(kind_name(source.tensor.kind))
    if own and not source.offset:
        return own
    return wide if len(source.tensor.shape) > 1 else "F32"


def _write_weights(model: Model, file: Path, wide: str, written: Written) -> None:
    listed: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    at = 0
    for source in model.sources:
        size = source.tensor.elements * ITEM[_type(source, wide)]
        shape = list(source.tensor.shape)
        listed[source.name] = {"dtype": _type(source, wide), "shape": shape, "data_offsets": [at, at + size]}
        at += size
    head = json.dumps(listed).encode()
    head += b" " * (-len(head) % 8)
    data = np.memmap(model.header.path, np.uint8, "r")
    with file.open("wb") as out:
        out.write(len(head).to_bytes(8, "little") + head)
        for source in model.sources:
            for part in _parts(source, data, _type(source, wide)):
                written(out.write(part))


def _parts(source: Source, data: np.ndarray, kept: str) -> Iterator[memoryview]:
    """The bytes to be written of one tensor, some rows at a time."""
    tensor = source.tensor
    rows = tensor.elements // tensor.shape[-1]
    raw = data[tensor.begin : tensor.begin + tensor.size].reshape(rows, tensor.size // rows)
    order = _order(rows, source.heads)
    some = max(1, PART // tensor.shape[-1])
    for begin in range(0, rows, some):
        part = raw[begin : begin + some] if order is None else raw[order[begin : begin + some]]
        yield _converted(part, source, kept).reshape(-1).view(np.uint8).data


def _order(rows: int, heads: int) -> np.ndarray | None:
    """Which of llama.cpp's rows comes where: it has the two halves of a head's rotation in turns."""
    if not heads:
        return None
    return np.arange(rows).reshape(heads, rows // heads // 2, 2).swapaxes(1, 2).reshape(-1)


def _converted(part: np.ndarray, source: Source, kept: str) -> np.ndarray:
    from gguf import GGMLQuantizationType, dequantize

    if kept in OWN.values() and kind_name(source.tensor.kind) == kept:
        return np.ascontiguousarray(part)
    values = dequantize(np.ascontiguousarray(part), GGMLQuantizationType(source.tensor.kind))
    values = np.ascontiguousarray(values, np.float32)
    if source.offset:
        values = values - np.float32(source.offset)
    return values if kept == "F32" else _rounded(values)


def _rounded(values: np.ndarray) -> np.ndarray:
    """bfloat16, as its bits: the upper half of a float32, rounded to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)
