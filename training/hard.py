"""Tasks that a model still gets wrong: where the rest of its training is best spent."""

from collections.abc import Iterator

import numpy as np
import torch

from .batches import batch_of
from .fit import Forward, half
from .llama import Llama
from .rows import Encoded, Rows

DOUBTED = 0.5
"""A conversation is hard if the model gives some token of its answers less than this."""
_TOKENS = 8192


@torch.no_grad()
def hard(model: Llama, forward: Forward, rows: Rows, device: str) -> Iterator[Encoded]:
    """The conversations in some rows of which the model doubts a right token; ``forward`` is the model's, or compiled.

    Rows are looked at in batches of one size; fewer than that at the end are left out.
    """
    size = min(len(rows), _TOKENS // rows.ids.shape[1])
    for at in range(0, len(rows) - size + 1, size):
        some = rows.take(np.arange(at, at + size))
        batch = batch_of(some)
        places = batch.counted.nonzero()
        batch = batch.to(device)
        with half(device):
            logits = model.logits(forward(batch.ids, batch.mask)[:, :-1][batch.counted])
        right = logits.float().softmax(-1).gather(1, batch.wanted[:, None])[:, 0]
        doubted = places[(right < DOUBTED).cpu()].tolist()
        for row, document in sorted({(row, int(some.document[row, place + 1])) for row, place in doubted}):
            mine = some.document[row] == document
            yield Encoded(some.ids[row][mine], some.kind[row][mine], some.hints[row][mine])
