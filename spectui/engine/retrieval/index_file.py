"""A sub-index as a file: written whole or not at all, mapped into memory, checked before it is used."""

import json
import mmap
import os
import zlib
from pathlib import Path
from typing import Any

from ...system.errors import UserError
from ...system.files import open_private, write_whole
from .suffix_index import Learnt, SuffixIndex

FORMAT = "spectui.index/1"
MAGIC = b"spectui.index\n"
PAGE = 64
"""Sections begin at multiples of this."""


class DamagedStore(UserError):
    """A file of the datastore is not what it should be."""


def write_index(path: Path, index: SuffixIndex, tokenizer: str) -> int:
    """Write an index and return its size in bytes; the file appears when it is complete and on the disk."""
    raw: memoryview = memoryview(index.raw)
    order: memoryview = memoryview(index.order).cast("B")  # type: ignore[arg-type]
    meta = {
        "format": FORMAT,
        "tokenizer": tokenizer,
        "width": index.width,
        "tokens": len(index),
        "checksum": zlib.crc32(order, zlib.crc32(raw)),
        "answers": [[answer.start, answer.stop, answer.key] for answer in index.answers],
    }
    head = json.dumps(meta).encode()
    parts: list[bytes | memoryview] = []
    for part in (MAGIC + len(head).to_bytes(8, "big") + head, raw, order):
        parts += [part, bytes(-len(part) % PAGE)]
    return write_whole(path, *parts)


def read_index(path: Path, tokenizer: str, check: bool = False) -> SuffixIndex:
    """Map an index; with ``check`` every byte is read and held against the checksum.

    Raises DamagedStore for a file that is damaged, cut off, or made with another tokenizer, and OSError.
    """
    with open_private(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            raise DamagedStore(f"{path.name} is empty")
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
    try:
        meta, start = _head(data)
        width, tokens = int(meta["width"]), int(meta["tokens"])
        answers = [Learnt(int(a), int(b), str(key)) for a, b, key in meta["answers"]]
        checksum, made_with = int(meta["checksum"]), str(meta["tokenizer"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedStore(f"{path.name} is damaged or no index of this program") from error
    if made_with != tokenizer:
        raise DamagedStore(f"{path.name} was made with another tokenizer ({made_with}, this model has {tokenizer})")
    middle = start + tokens * width + (-tokens * width % PAGE)
    end = middle + tokens * 4
    if width not in (2, 4) or tokens < 0 or end + (-tokens * 4 % PAGE) != len(data):
        raise DamagedStore(f"{path.name} is cut off")
    raw, order = data[start : start + tokens * width], data[middle:end]
    if check and zlib.crc32(order, zlib.crc32(raw)) != checksum:
        raise DamagedStore(f"{path.name} is damaged: its checksum differs")
    return SuffixIndex(raw, order.cast("i"), width, answers)


def _head(data: memoryview) -> tuple[dict[str, Any], int]:
    """The description of a file, and where its tokens begin; raises ValueError if there is none."""
    if bytes(data[: len(MAGIC)]) != MAGIC:
        raise ValueError("not an index")
    begin = len(MAGIC) + 8
    size = begin + int.from_bytes(data[len(MAGIC) : begin], "big")
    meta = json.loads(bytes(data[begin:size]))
    if meta["format"] != FORMAT:
        raise ValueError("another format")
    return meta, size + (-size % PAGE)
