"""Token ids of conversations on disk, so that a training that goes on, or another drafter, need not make them again."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from ..system.errors import UserError, reason_of
from ..system.files import open_private, private_folder
from .generator import Conversation

MOST = 200_000_000
"""Bytes; what is made beyond is used once and not kept."""
NUMBER = np.dtype("<i4")


class AnswerStore:
    """A file of records: how many tokens stand before the answer, how many there are in all, and the tokens.

    What follows a record that was cut short, or that holds an id outside the vocabulary, is not read, and is dropped
    before the first one is added.
    """

    def __init__(self, path: Path, vocabulary: int) -> None:
        self.path, self._vocabulary = path, vocabulary
        self._whole = False

    def add(self, conversation: Conversation) -> None:
        """Append one; raises UserError if it cannot be written."""
        record = [conversation.prompt, len(conversation.tokens), *conversation.tokens.tolist()]
        try:
            private_folder(self.path.parent)
            self._drop_what_is_cut()
            if self.path.exists() and self.path.stat().st_size > MOST:
                return
            with open_private(self.path, "ab") as file:
                file.write(np.array(record, NUMBER).tobytes())
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {reason_of(error)}; make room or choose --output") from error

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        """Tokens, int64, and how many of them stand before the answer."""
        for tokens, prompt in self._records():
            yield torch.from_numpy(tokens.astype(np.int64)), prompt

    def _records(self) -> Iterator[tuple[npt.NDArray[np.int32], int]]:
        numbers = np.fromfile(self.path, NUMBER) if self.path.exists() else np.empty(0, NUMBER)
        at = 0
        while at + 2 <= len(numbers):
            prompt, length = (int(one) for one in numbers[at : at + 2])
            tokens = numbers[at + 2 : at + 2 + length]
            whole = 0 < prompt < length == len(tokens)
            if not whole or tokens.min() < 0 or tokens.max() >= self._vocabulary:
                return
            yield tokens, prompt
            at += 2 + length

    def _drop_what_is_cut(self) -> None:
        if not self._whole and self.path.exists():
            os.truncate(self.path, sum(NUMBER.itemsize * (2 + len(tokens)) for tokens, _ in self._records()))
        self._whole = True
