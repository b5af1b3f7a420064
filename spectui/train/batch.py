"""Conversations of different lengths as rectangles of numbers."""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn.utils.rnn import pad_sequence

from .generator import Conversation


class Batch(NamedTuple):
    """Several conversations; ``length`` is that of the longest one's entries, ``answer`` of the most of its answers.

    Entry t of a conversation is what a head reads there: the feature of token t and the embedding of token t + 1.
    """

    tokens: Tensor
    """int64 [sequences, length + depth], 0 behind the end."""
    states: Tensor
    """[sequences, length, layers * hidden]."""
    last: Tensor
    """[sequences, length + depth, hidden], likewise."""
    entries: Tensor
    """int64 [sequences, answer]: those from which drafts are made, from the last token of the prompt on."""
    known: Tensor
    """int64 [sequences]: how many tokens of each have a state."""

    def targets(self, step: int) -> tuple[Tensor, Tensor]:
        """Where the target said what a draft of ``step`` tokens before should say next, [sequences, answer].

        And which of these places exist.
        """
        places = self.entries + 1 + step
        return places, places < self.known[:, None]


def batched(conversations: Sequence[Conversation], depth: int, device: torch.device) -> Batch:
    """A batch in which each entry can be followed by ``depth`` drafts."""
    known = torch.tensor([len(one.states) for one in conversations], device=device)
    prompts = torch.tensor([one.prompt for one in conversations], device=device)
    tokens = pad_sequence([one.tokens for one in conversations], batch_first=True).to(device)
    states = pad_sequence([one.states for one in conversations], batch_first=True).to(device)
    last = pad_sequence([one.last for one in conversations], batch_first=True).to(device)
    answer = int((known - prompts + 1).max())
    entries = prompts[:, None] - 1 + torch.arange(answer, device=device)
    more = max(0, int(entries.max()) + depth + 1 - tokens.shape[1])
    tokens = torch.nn.functional.pad(tokens, (0, more))
    return Batch(tokens, states, last, entries.clamp_max(states.shape[1] - 1), known)
