"""How much of a training is done at once: on a CPU what its cache holds, on a GPU as much as there is room for."""

from typing import NamedTuple

import torch


class Sizes(NamedTuple):
    """What is done at once on a kind of device."""

    rows: int
    """Conversations that grow together: on a CPU a pass costs from here on as much more as it has more rows."""
    attending: int
    """Sequences that attend to as many positions as the longest of them: neighbours should be of similar length."""
    pool: int
    """Conversations among which those of a batch are drawn."""
    uses: int
    """How often each of them is learnt from: as often as makes learning take a good share of the time."""
    batch: int
    """Conversations that one step of the optimiser learns from."""
    chunk: int
    """Rows of logits that are made together."""


CPU = Sizes(rows=192, attending=32, pool=256, uses=4, batch=6, chunk=256)
"""Early on many small steps teach more than few large ones; a chunk's logits stay in the processor's cache. A token of
text takes some three times as long as to learn from it."""
GPU = Sizes(rows=2048, attending=2048, pool=2048, uses=6, batch=32, chunk=16_384)
"""Below these sizes a GPU waits for the next kernel. For SmolLM2-135M on an H200, 2,048 rows gave 41,000 tokens of
answers a second and 512 rows 18,000; a step of an EAGLE-3 head took 24 ms for 32 conversations and 18 ms for 6."""
SHARE = 1 / 4
"""Of a GPU's free memory, for conversations that grow: they are copied once when they are sorted."""


def sizes(device: torch.device) -> Sizes:
    """Those for a device."""
    return CPU if device.type == "cpu" else GPU


def rows_with_room(device: torch.device, bytes_per_row: int) -> int:
    """How many conversations of so many bytes may grow together; at least one."""
    most = sizes(device).rows
    if device.type != "cuda":
        return most
    free, _ = torch.cuda.mem_get_info(device)
    return max(1, min(most, int(SHARE * free / bytes_per_row)))
