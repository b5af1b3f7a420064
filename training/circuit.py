"""A copying circuit, built into a fresh model: a previous-token head and induction heads.

Copying from the context (Olsson et al. 2022, "In-context learning and induction heads") is what most tasks of the
corpus need, and what a short run may not discover. Head 0 of layer 0 attends to the token before, by a constant
embedding channel and the fast pairs of the rotary positions, and writes a code of that token to the least used
directions of the residual stream. Head 0 of layers 1 and 2 (of layer 1 in a model of two) compares the code of the
current token with those, by the slow pairs, and writes the embedding of what followed. All maps are fitted by ridge
regression on real rows; training goes on from there.
"""

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .batches import Batch, batch_of, repeat_tokens
from .llama import THETA, Attention, Llama
from .rows import Rows

SHARPNESS = 60.0
MATCH = 14.0
_CONSTANT = 6.0


@dataclass(frozen=True)
class _Heads:
    """Which rotary pairs and how many code dimensions the circuit has."""

    size: int

    @property
    def half(self) -> int:
        return self.size // 2

    @property
    def fast(self) -> range:
        return range(max(4, self.half // 4))

    @property
    def slow(self) -> list[int]:
        first = list(range(self.half // 2, self.half))
        return first + [self.half + at for at in first]


def _ridge(inputs: Tensor, outputs: Tensor, strength: float = 1e-2) -> Tensor:
    """The linear map [out, in] from inputs [samples, in] to outputs [samples, out]."""
    square = inputs.T @ inputs + strength * len(inputs) * torch.eye(inputs.shape[1])
    return torch.linalg.solve(square, inputs.T @ outputs).T


def _streams(model: Llama, batch: Batch, until: int) -> list[Tensor]:
    """The residual stream that enters each of the first layers."""
    tokens = batch.ids.shape[1]
    streams = [model.embed_tokens(batch.ids)]
    for layer in list(model.layers)[:until]:
        streams.append(layer(streams[-1], model.cos[:tokens], model.sin[:tokens], batch.mask))
    return streams


def _clear_head(attention: Attention, size: int) -> None:
    for part in (attention.q_proj, attention.k_proj, attention.v_proj):
        part.weight[:size] = 0
    attention.o_proj.weight[:, :size] = 0


def _least_used(streams: list[Tensor], count: int, constant: int) -> Tensor:
    """``count`` directions [width, count] that the residual stream hardly uses; never the constant channel."""
    flat = [stream.reshape(-1, stream.shape[-1]) for stream in streams]
    used = sum((each.T @ each / each.pow(2).sum() for each in flat), torch.zeros(flat[0].shape[1], flat[0].shape[1]))
    used[constant, constant] += 10
    return torch.linalg.eigh(used)[1][:, :count]


class _Code:
    """A whitened code [count] of a token, linear in its normed embedding."""

    def __init__(self, normed: Tensor, seen: Tensor, count: int) -> None:
        self.normed, self.mean = normed, normed[seen].mean(0)
        centred = normed[seen] - self.mean
        sizes, directions = torch.linalg.eigh(centred.T @ centred / len(centred))
        top = directions[:, -count:] / sizes[-count:].clamp_min(1e-6).sqrt()
        self.map = (top @ torch.linalg.qr(torch.randn(count, count))[0]).T

    def of(self, ids: Tensor) -> Tensor:
        return (self.normed[ids] - self.mean) @ self.map.T


def _previous_token_head(model: Llama, batch: Batch, heads: _Heads, last: int) -> _Code:
    """Build head 0 of layer 0, and say what code it writes."""
    embedding, width, constant = model.embed_tokens.weight, model.shape.width, model.shape.width - 1
    loudness = embedding.pow(2).mean().sqrt()
    embedding[:, constant] = _CONSTANT * loudness
    model.norm.weight[constant] = 0.0  # the logits do not see the constant
    free = _least_used(_streams(model, batch, last)[1:], len(heads.slow), constant)
    layer, seen = model.layers[0], batch.ids.reshape(-1)
    normed = layer.input_layernorm(embedding)
    code, level, count = _Code(normed, seen, len(heads.slow)), normed[seen, constant].mean(), len(heads.slow)
    attention = layer.self_attn
    _clear_head(attention, heads.size)
    strength = math.sqrt(SHARPNESS * heads.size / 64) / level
    for pair in heads.fast:
        angle = THETA ** (-2 * pair / heads.size)
        attention.q_proj.weight[pair, constant] = strength
        attention.k_proj.weight[pair, constant] = strength * math.cos(angle)
        attention.k_proj.weight[heads.half + pair, constant] = strength * math.sin(angle)
    value = code.map.clone()
    value[:, constant] -= (code.mean @ code.map.T) / level  # takes the mean off through the constant channel
    attention.v_proj.weight[:count] = value
    attention.o_proj.weight[:, :count] = free * (loudness * math.sqrt(width) / math.sqrt(count))
    return code


def _induction_head(model: Llama, batch: Batch, heads: _Heads, code: _Code, at: int, number: int) -> None:
    """Build head 0 of a layer: find where the current token stood before, write what came behind it."""
    layer, stream, count = model.layers[at], _streams(model, batch, at)[at], len(heads.slow)
    normed, width = layer.input_layernorm(stream), model.shape.width
    flat, seen = normed.reshape(-1, width), batch.ids.reshape(-1)
    follows = batch.mask[:, 0].diagonal(offset=-1, dim1=1, dim2=2).reshape(-1)
    keys = _ridge(normed[:, 1:].reshape(-1, width)[follows], code.of(batch.ids[:, :-1].reshape(-1))[follows])
    queries = _ridge(flat, code.of(seen))
    attention = layer.self_attn
    _clear_head(attention, heads.size)
    strength = math.sqrt(MATCH * math.sqrt(heads.size) / count)
    attention.q_proj.weight[heads.slow] = queries * strength
    attention.k_proj.weight[heads.slow] = keys * strength
    meant = model.embed_tokens.weight[seen].clone()
    meant[:, width - 1] = 0
    meant = meant - meant.mean(0)
    directions = torch.linalg.eigh(meant.T @ meant / len(meant))[1]
    shown = directions[:, width - heads.size * (number + 1) : width - heads.size * number]
    attention.v_proj.weight[: heads.size] = _ridge(flat, meant @ shown)
    loudness = stream.pow(2).mean().sqrt() * math.sqrt(width) / (meant @ shown).pow(2).sum(-1).mean().sqrt()
    attention.o_proj.weight[:, : heads.size] = shown * loudness


@torch.no_grad()
def build_circuit(model: Llama, rows: Rows, seed: int, count: int = 12) -> None:
    """Build the circuit into a fresh model, fitted on the first ``count`` rows, two of them repeated tokens.

    It takes two layers; a model of one is left as it is.
    """
    if model.shape.layers < 2:
        return
    torch.manual_seed(seed)
    some = rows.take(np.arange(min(count, len(rows))))
    repeat_tokens(some, 2, np.random.default_rng(seed), model.embed_tokens.num_embeddings)
    batch, heads = batch_of(some), _Heads(model.shape.width // model.shape.heads)
    layers = [at for at in (1, 2) if at < model.shape.layers]
    code = _previous_token_head(model, batch, heads, layers[-1])
    for number, at in enumerate(layers):
        _induction_head(model, batch, heads, code, at, number)


@torch.no_grad()
def copying(model: Llama, seed: int, length: int = 512) -> float:
    """The share of repeated random tokens that the model predicts."""
    shape, rng, vocabulary = (4, length), np.random.default_rng(seed), model.embed_tokens.num_embeddings
    kind, document, hints = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8), np.zeros((*shape, 3), np.uint16)
    rows = Rows(rng.integers(3, vocabulary, shape).astype(np.uint16), kind, document, hints)
    repeat_tokens(rows, 4, rng, vocabulary)
    batch = batch_of(rows)
    logits = model.logits(model(batch.ids, batch.mask)[:, :-1][batch.counted])
    return float((logits.argmax(-1) == batch.wanted).float().mean())
