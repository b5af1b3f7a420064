"""What the target thinks of conversations that were made before."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .batch_forward import BatchCache, batch_forward
from .generator import STATES, Conversation
from .target import Target

TOGETHER = 8
"""Conversations a pass."""


@torch.inference_mode()
def read_again(
    target: Target, kept: Iterable[tuple[Tensor, int]], aux: Sequence[int], together: int = TOGETHER
) -> Iterator[Conversation]:
    """Conversations with their states, from token ids and the lengths of their prompts."""
    waiting = iter(kept)
    while some := list(islice(waiting, together)):
        tokens = pad_sequence([tokens for tokens, _ in some], batch_first=True)[:, :-1].to(target.device)
        cache = BatchCache.empty(target.weights, *tokens.shape)
        starts = torch.zeros(len(some), dtype=torch.long, device=target.device)
        made = batch_forward(target.weights, cache, tokens, starts, aux)
        states, last = made.states.to(STATES), made.last.to(STATES)
        for row, (ids, prompt) in enumerate(some):
            read = len(ids) - 1
            yield Conversation(ids, prompt, states[row, :read].clone(), last[row, :read].clone())
