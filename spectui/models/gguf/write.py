"""Writes a model folder as a GGUF file of Q8_0, which llama.cpp runs on token ids: it holds no tokenizer."""

import json
from collections.abc import Callable, Iterator
from hashlib import blake2b
from math import prod
from pathlib import Path
from typing import Any

import numpy as np

from ...config.paths import gguf_files
from ...system.errors import UserError, reason_of
from ...system.files import file_stem
from ...system.progress import Progress
from .cache import alone, check_disk
from .families import FAMILIES, TOP, Family
from .rope import FACTORS, HIGH, LOW, ORIGINAL, llama3_factors

VERSION = 1
"""Of what is written; a higher one writes anew."""
BLOCK = 32
"""Numbers that share a scale in Q8_0; rows that are no multiple of it stay in float16."""
ITEM = 34 / BLOCK
"""Bytes of a number in Q8_0."""
SIZES = {
    "num_hidden_layers": "block_count",
    "max_position_embeddings": "context_length",
    "hidden_size": "embedding_length",
    "intermediate_size": "feed_forward_length",
    "num_attention_heads": "attention.head_count",
    "num_key_value_heads": "attention.head_count_kv",
    "vocab_size": "vocab_size",
}


def q8_0_file(folder: Path, config: Any, title: str, progress: Progress) -> Path:
    """The Q8_0 file of the weights in a folder, made now if that was not done before: whole or not at all.

    Raises UserError with the reason if llama.cpp could not run it, or if it cannot be written.
    """
    family, metadata = _described(config, title)
    files = sorted(folder.glob("*.safetensors"))
    if not files:
        raise UserError(f"{title} has no safetensors to make a Q8_0 file from")
    told = [(file.name, stat.st_size, stat.st_mtime_ns) for file in files for stat in (file.stat(),)]
    stem = file_stem(title)
    stem = f"{stem}-{_digest(str(folder.resolve()))}"
    path = gguf_files() / f"{stem}-{_digest([VERSION, told])}-q8_0.gguf"
    if path.is_file():
        return path
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        with alone(path, title, progress):
            if not path.is_file():
                check_disk(title, path.parent, int(sum(size for _, size, _ in told) * ITEM / 2))
                _write(path, files, family, metadata, config, lambda done: progress(f"writing {title} as Q8_0", done))
                for older in set(path.parent.glob(f"{stem}-*-q8_0.gguf")) - {path}:
                    older.unlink(missing_ok=True)
    except OSError as error:
        raise UserError(
            f"the Q8_0 file of {title} could not be written to {path.parent}: {reason_of(error)}; make room there, or "
            "set SPECTUI_HOME to a folder on another disk"
        ) from error
    return path


def _digest(value: Any) -> str:
    return blake2b(json.dumps(value).encode(), digest_size=4).hexdigest()


def _described(config: Any, title: str) -> tuple[str, dict[str, Any]]:
    """The family in llama.cpp's words, and what its file says; raises UserError if it cannot say it."""
    kind = str(config.model_type)
    name = next((name for name, family in FAMILIES.items() if family.model_type == kind), None)
    if name is None:
        raise UserError(f"a Q8_0 file can be made of {', '.join(FAMILIES)}; {title} is of the family {kind}")
    if kind != "gemma3_text" and any("full" not in layer for layer in getattr(config, "layer_types", None) or ()):
        raise UserError(f"a Q8_0 file cannot be made of {title}: some of its layers see only a window of the text")
    head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    made: dict[str, Any] = {told: int(getattr(config, own)) for own, told in SIZES.items()}
    made |= {"attention.key_length": head, "attention.value_length": head, "rope.dimension_count": head}
    made["attention.layer_norm_rms_epsilon"] = float(config.rms_norm_eps)
    return name, made | _positions(config, title)


def _positions(config: Any, title: str) -> dict[str, Any]:
    """How positions are stretched."""
    told = config.rope_parameters
    made: dict[str, Any] = {}
    if "full_attention" in told:
        made["attention.sliding_window"] = int(config.sliding_window)
        made["rope.freq_base_swa"] = float(told["sliding_attention"]["rope_theta"])
        told = told["full_attention"]
    made["rope.freq_base"] = float(told["rope_theta"])
    kind = told.get("rope_type", "default")
    if kind == "linear":
        made |= {"rope.scaling.type": "linear", "rope.scaling.factor": float(told["factor"])}
    elif kind == "yarn":
        made |= {"rope.scaling.type": "yarn", "rope.scaling.factor": float(told["factor"])}
        made["rope.scaling.original_context_length"] = int(told["original_max_position_embeddings"])
    elif kind not in ("default", "llama3") or (kind == "llama3" and not _is_metas(told)):
        raise UserError(f"a Q8_0 file cannot be made of {title}: it stretches its positions by other numbers ({kind})")
    return made


def _is_metas(told: dict[str, Any]) -> bool:
    names = ("low_freq_factor", "high_freq_factor", "original_max_position_embeddings")
    return tuple(told[name] for name in names) == (LOW, HIGH, ORIGINAL)


def _write(
    path: Path, files: list[Path], name: str, metadata: dict[str, Any], config: Any, done: Callable[[float], None]
) -> None:
    """A tensor is in memory at a time, for the writer is told of all before it gets the first."""
    from gguf import GGUFWriter, quant_shape_to_byte_shape, quantize

    temporary = path.with_name(f"{path.name}.tmp")
    tensors = [*_tensors(files, FAMILIES[name], config), *_factors(config)]
    try:
        writer = GGUFWriter(temporary, name)
        for key, value in metadata.items():
            _add(writer, f"{name}.{key}", value)
        writer.add_string("tokenizer.ggml.model", "no_vocab")
        for told, shape, _ in tensors:
            kind = _kind(shape)
            stored = quant_shape_to_byte_shape(shape, kind)
            writer.add_tensor_info(told, stored, np.dtype(np.uint8), prod(stored), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_ti_data_to_file()
        for index, (_, shape, read) in enumerate(tensors):
            writer.write_tensor_data(quantize(read(), _kind(shape)))
            done((index + 1) / len(tensors))
        writer.close()
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _add(writer: Any, key: str, value: Any) -> None:
    if isinstance(value, str):
        writer.add_string(key, value)
    elif isinstance(value, int):
        writer.add_uint32(key, value)
    else:
        writer.add_float32(key, value)


def _kind(shape: tuple[int, ...]) -> Any:
    from gguf import GGMLQuantizationType as Kind

    return Kind.F32 if len(shape) < 2 else Kind.F16 if shape[-1] % BLOCK else Kind.Q8_0


Tensor = tuple[str, tuple[int, ...], Callable[[], np.ndarray]]
"""llama.cpp's name, the shape, and what reads it."""


def _tensors(files: list[Path], family: Family, config: Any) -> Iterator[Tensor]:
    from safetensors import safe_open

    for file in files:
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 (it is no dict)
                told = _gguf_name(name, family)
                if told is None:
                    raise UserError(f"a Q8_0 file cannot be made: llama.cpp has no name for the tensor {name[:60]}")
                if not (told == "output.weight" and config.tie_word_embeddings):
                    shape = tuple(opened.get_slice(name).get_shape())
                    yield told, shape, _reader(file, name, told, family, config)


def _reader(file: Path, name: str, told: str, family: Family, config: Any) -> Callable[[], np.ndarray]:
    heads = {"attn_q": config.num_attention_heads, "attn_k": config.num_key_value_heads}

    def read() -> np.ndarray:
        from safetensors import safe_open

        with safe_open(file, "pt") as opened:
            values = opened.get_tensor(name).float().numpy()
        leaf = told.split(".")[-2]
        if family.permuted and leaf in heads:
            values = values.reshape(heads[leaf], 2, -1, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)
        return np.ascontiguousarray(values + np.float32(family.offset) if leaf.endswith("norm") else values)

    return read


def _gguf_name(name: str, family: Family) -> str | None:
    """What llama.cpp calls a tensor of transformers."""
    stem, _, end = name.rpartition(".")
    parts = stem.split(".", 3)
    if parts[:2] != ["model", "layers"]:
        found = {own: told for told, own in TOP.items()}.get(stem)
        return found and f"{found}.{end}"
    found = {own: told for told, own in family.layer.items()}.get(parts[-1])
    return found and f"blk.{parts[2]}.{found}.{end}"


def _factors(config: Any) -> Iterator[Tensor]:
    """Llama 3's factors of its frequencies."""
    told = config.rope_parameters
    if told.get("rope_type") == "llama3":
        head = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
        made = llama3_factors(float(told["rope_theta"]), head, float(told["factor"])).astype(np.float32)
        yield FACTORS, made.shape, lambda: made
