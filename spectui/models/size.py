"""How large a model is: numbers from its shape or its files, and whether they fit into memory."""

import json
from collections.abc import Mapping
from math import prod
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from ..system.memory import available_memory, gigabytes

LARGEST_HEAD = 1 << 27
ROOM = 1.1
"""What a model needs beside its weights, as a share of them: the cache, and the numbers of a pass."""


def shape_elements(shape: Mapping[str, Any]) -> int:
    """How many numbers a model of the Llama family has."""
    hidden, layers, heads = shape["hidden_size"], shape["num_hidden_layers"], shape["num_attention_heads"]
    head = shape.get("head_dim") or hidden // heads
    keys = shape.get("num_key_value_heads", heads) * head
    layer = hidden * (2 * heads * head + 2 * keys) + 3 * hidden * shape["intermediate_size"] + 2 * hidden
    words = shape["vocab_size"] * hidden * (1 if shape.get("tie_word_embeddings") else 2)
    return int(words + layers * layer + hidden)


def folder_elements(folder: Path) -> int:
    """How many numbers are in the safetensors of a folder; files that cannot be read count nothing."""
    return sum(map(_file_elements, folder.glob("*.safetensors")))


def _file_elements(file: Path) -> int:
    try:
        with file.open("rb") as opened:
            size = int.from_bytes(opened.read(8), "little")
            listed = json.loads(opened.read(size)) if size < LARGEST_HEAD else {}
        return sum(prod(entry["shape"]) for name, entry in listed.items() if name != "__metadata__")
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return 0  # whoever loads it says what is wrong


def check_memory(title: str, elements: int, item: int) -> None:
    """Raise UserError if so many numbers of ``item`` bytes do not fit into what is free now."""
    free = available_memory()
    need = int(elements * item * ROOM)
    if free is None or need <= free:
        return
    half = elements * 2 * ROOM
    smaller = f"--dtype bfloat16 needs {gigabytes(half)}; " if item > 2 and half <= free else ""
    raise UserError(
        f"{title} needs {gigabytes(need)} of memory and {gigabytes(free)} are free; {smaller}"
        "close other programs or use a smaller model"
    )
