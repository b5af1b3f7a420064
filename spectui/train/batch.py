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

    @property
    def rows(self) -> Tensor:
        """int64 [sequences, 1], to index with beside places."""
        return torch.arange(len(self.tokens), device=self.tokens.device)[:, None]

    def places(self, step: int) -> Tensor:
        """Where the target says what the draft of each entry should say after ``step`` tokens, [sequences, answer]."""
        return self.entries + 1 + step

    def exist(self, places: Tensor) -> Tensor:
        """Which of them the target has read."""
        return places < self.known[:, None]

    def following(self, step: int) -> Tensor:
        """The tokens of the text that such drafts should be; 0 behind its end."""
        return self.tokens[self.rows, (self.places(step) + 1).clamp_max(self.tokens.shape[1] - 1)]


def batched(conversations: Sequence[Conversation], depth: int, device: torch.device, numbers: torch.dtype) -> Batch:
    """A batch in which each entry can be followed by ``depth`` drafts; states are in these ``numbers``."""
    known = torch.tensor([len(one.states) for one in conversations], device=device)
    prompts = torch.tensor([one.prompt for one in conversations], device=device)
    tokens = pad_sequence([one.tokens for one in conversations], batch_first=True).to(device)
    states = pad_sequence([one.states for one in conversations], batch_first=True).to(device, numbers)
    last = pad_sequence([one.last for one in conversations], batch_first=True).to(device, numbers)
    answer = int((known - prompts + 1).max())
    entries = prompts[:, None] - 1 + torch.arange(answer, device=device)
    more = max(0, int(entries.max()) + depth + 1 - tokens.shape[1])
    tokens = torch.nn.functional.pad(tokens, (0, more))
    return Batch(tokens, states, last, entries.clamp_max(states.shape[1] - 1), known)
