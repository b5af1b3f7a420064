"""Rows as batches: masks, what the loss counts, and rows of repeated random tokens."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from .recipe import Schedule
from .rows import ANSWERED, ASKED, Rows

LOOKED = 0.25
"""The share of the users' tokens at which the hints about sentences are asked for."""


@dataclass(frozen=True)
class Batch:
    """One step's rows: ids [rows, tokens], mask [rows, 1, tokens, tokens], and where the loss looks [rows, tokens - 1].

    ``hints`` are [rows, tokens, 3]; ``looked`` [rows, tokens] is where those about sentences are asked for.
    """

    ids: Tensor
    mask: Tensor
    counted: Tensor
    hints: Tensor
    looked: Tensor

    @property
    def wanted(self) -> Tensor:
        """The next tokens at the places that are counted."""
        return self.ids[:, 1:][self.counted]

    def to(self, device: str) -> "Batch":
        """The batch on a device."""
        return Batch(*(each.to(device) for each in vars(self).values()))


def repeat_tokens(rows: Rows, count: int, rng: np.random.Generator, vocabulary: int) -> None:
    """Turn the first ``count`` rows into random sequences said two to four times, on which copying is learnt."""
    for at in range(count):
        pool, length, place, number = rows.ids[at].copy(), rows.ids.shape[1], 0, 0
        while place < length:
            size = min(int(rng.integers(6, 70)), length - place)
            said = rng.choice(pool, size) if rng.random() < 0.5 else rng.integers(3, vocabulary, size)
            until = min(place + size * int(rng.integers(2, 5)), length)
            rows.ids[at, place:until] = np.resize(said, until - place)
            rows.document[at, place:until] = number
            rows.kind[at, place:until] = ANSWERED
            rows.kind[at, place : place + size] = 0
            place, number = until, number + 1
        rows.hints[at] = 0


def batch_of(rows: Rows, rng: np.random.Generator | None = None, asked: float = 0) -> Batch:
    """The batch of some rows; with ``rng``, the loss also looks at the share ``asked`` of what users say."""
    ids, document = torch.from_numpy(rows.ids.astype(np.int64)), torch.from_numpy(rows.document.astype(np.int64))
    causal = torch.ones(ids.shape[1], ids.shape[1], dtype=torch.bool).tril()
    mask = (document[:, :, None] == document[:, None, :]) & causal
    counted, looked = rows.kind[:, 1:] == ANSWERED, np.zeros(rows.kind.shape, bool)
    if rng is not None:
        counted = counted | ((rows.kind[:, 1:] == ASKED) & (rng.random(counted.shape) < asked))
        looked = (rows.kind == ASKED) & (rng.random(looked.shape) < LOOKED)
    counted &= rows.document[:, 1:] == rows.document[:, :-1]
    hints = torch.from_numpy(rows.hints.astype(np.int64))
    return Batch(ids, mask[:, None], torch.from_numpy(counted), hints, torch.from_numpy(looked))


def order(packed: dict[int, Rows], batch: int, seed: int) -> Iterator[tuple[int, np.ndarray]]:
    """Without end: a row length and the places of a batch's rows, every row once an epoch, lengths mixed by their tokens."""
    epoch = 0
    while True:
        rng = np.random.default_rng([seed, epoch])
        steps = []
        for length, rows in packed.items():
            size = max(1, batch // length)
            places = rng.permutation(len(rows))
            steps += [(length, places[at : at + size]) for at in range(0, len(places) - size + 1, size)]
        for at in rng.permutation(len(steps)):
            yield steps[at]
        epoch += 1


def batches(packed: dict[int, Rows], schedule: Schedule, seed: int, vocabulary: int, start: int = 0) -> Iterator[Batch]:
    """The batches from step ``start`` on; in the first part of the schedule some rows are repeated tokens."""
    until = schedule.tokens * schedule.copies_until / schedule.batch
    for step, (length, places) in enumerate(order(packed, schedule.batch, seed)):
        if step < start:
            continue
        rng = np.random.default_rng([seed, step, 1])
        rows = packed[length].take(places)
        repeat_tokens(rows, int(schedule.copies * len(places) + rng.random()) if step < until else 0, rng, vocabulary)
        yield batch_of(rows, rng, schedule.asked)
