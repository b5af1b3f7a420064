"""A training that can go on: its tensors and counts in one file, written whole or not at all."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ..system.errors import UserError, reason_of
from ..system.files import private_folder, write_whole
from ..system.json_lines import DAMAGED
from ..system.typed_json import read_as

FORMAT = "spectui.training/1"
REMEDY = "begin anew without --resume"


@dataclass(slots=True)
class Progress:
    """How far a training is."""

    minutes: float
    """For how long it was meant."""
    seconds: float = 0.0
    """How long it has run."""
    steps: int = 0
    conversations: int = 0
    """Given out by the stream, and all used up."""
    tokens: int = 0
    """Of answers, learnt from, those seen twice counted twice."""
    best: float = 0.0
    """The most tokens per step on held-out answers."""


def write_checkpoint(file: Path, progress: Progress, tensors: Mapping[str, Tensor]) -> None:
    """Raises UserError if it cannot be written; the last one is then still there."""
    stored = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    notes = {"format": FORMAT, "progress": json.dumps(asdict(progress))}
    try:
        private_folder(file.parent)
        write_whole(file, save(stored, notes))
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write {file}: {reason_of(error)}; make room, then go on with --resume") from error


def read_checkpoint(file: Path, vocabulary: int) -> tuple[Progress, dict[str, Tensor]]:
    """Of a target with so many tokens; raises UserError if there is none, or none that can be used."""
    try:
        with safe_open(file, "pt") as opened:
            notes = opened.metadata() or {}
            if notes.get("format") != FORMAT:
                raise UserError(f"{file} is no training of this version; {REMEDY}")
            tensors = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118
        ids = tensors["ids"]
        if ids.dtype != torch.long or ids.dim() != 1 or not bool(((ids >= 0) & (ids < vocabulary)).all()):
            raise ValueError("its tokens are not those of the model")
        return read_as(Progress, json.loads(notes["progress"])), tensors
    except (OSError, SafetensorError, *DAMAGED) as error:
        raise UserError(f"cannot go on from {file}: {reason_of(error)}; {REMEDY}") from error
