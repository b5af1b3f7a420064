"""The files of trained heads: safetensors, named by a fingerprint of the pair that they were trained for."""

from hashlib import blake2b
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from ..engine.drafters.hrad import Head, last_layers
from ..engine.model.quantised import BareModel
from ..system.errors import UserError, reason_of
from ..system.files import close_to_others, private_folder
from .registry import demo_folder

FORMAT = "spectui.head/1"
SAMPLED = 64
"""Values that are looked at, at the beginning and at the end of each parameter."""


def pair_fingerprint(target: Any, draft: Any) -> str:
    """16 hexadecimal digits of two models: shapes, and some values of every parameter that has any."""
    digest = blake2b(digest_size=8)
    for model in (target, draft):
        if isinstance(model, BareModel):
            digest.update(f"{model.config.num_hidden_layers} x {model.config.intermediate_size}".encode())
        for name, parameter in sorted(model.named_parameters()):
            digest.update(f"{name} {tuple(parameter.shape)}".encode())
            if not parameter.is_meta:
                values = parameter.detach().reshape(-1)
                digest.update(torch.cat([values[:SAMPLED], values[-SAMPLED:]]).float().cpu().numpy().tobytes())
    return digest.hexdigest()


def save_head(file: Path, head: Head, fingerprint: str, note: str) -> None:
    """Write a head as float16; raises UserError if the file cannot be written."""
    tensors = {"mean": head.mean, "scale": head.scale}
    for index, (matrix, bias) in enumerate(head.weights):
        tensors |= {f"{index}.weight": matrix, f"{index}.bias": bias}
    halves = {name: tensor.half().contiguous().cpu() for name, tensor in tensors.items()}
    metadata = {"format": FORMAT, "fingerprint": fingerprint, "note": note}
    try:
        private_folder(file.parent)
        save_file(halves, file, metadata)
        close_to_others(file)
    except (OSError, SafetensorError) as error:
        raise UserError(f"cannot write {file}: {reason_of(error)}") from error


def read_head(file: Path, fingerprint: str, target: Any, layers: int) -> Head:
    """A head for a target of ``layers`` layers; raises UserError if the file is damaged or for another pair."""
    try:
        with safe_open(file, "pt") as opened:
            metadata = opened.metadata() or {}
            tensors = {name: opened.get_tensor(name).float() for name in opened.keys()}  # noqa: SIM118
    except (OSError, SafetensorError, ValueError) as error:
        raise UserError(f"cannot read the head {file}: {reason_of(error)}; run spectui calibrate again") from error
    if metadata.get("format") != FORMAT or metadata.get("fingerprint") != fingerprint:
        raise UserError(f"the head {file} was trained for another pair; run spectui calibrate again")
    return _built(file, tensors, target, layers)


def _built(file: Path, tensors: dict[str, Tensor], target: Any, layers: int) -> Head:
    embedding = target.get_input_embeddings().weight.detach()
    wanted = last_layers(layers)
    moved = {name: tensor.to(embedding.device) for name, tensor in tensors.items()}
    try:
        weights = [(moved[f"{index}.weight"], moved[f"{index}.bias"]) for index in range(3)]
        head = Head(weights, moved["mean"], moved["scale"], embedding, wanted)
        head.scores(torch.zeros((len(wanted) + 1) * embedding.shape[1], device=embedding.device))
    except (KeyError, RuntimeError) as error:
        raise UserError(f"the head {file} is damaged; run spectui calibrate again") from error
    return head


def find_head(target: Any, draft: Any, layers: int, folder: Path) -> tuple[Head | None, tuple[str, ...]]:
    """The head that was trained for a pair on this machine, or that came with it; and why one cannot be used."""
    fingerprint = pair_fingerprint(target, draft)
    for place in (folder, shipped_heads()):
        file = place / f"{fingerprint}.safetensors"
        if file.is_file():
            try:
                return read_head(file, fingerprint, target, layers), ()
            except UserError as error:
                return None, (str(error),)
    return None, ()


def shipped_heads() -> Path:
    """The heads that come with the program."""
    return demo_folder() / "heads"
