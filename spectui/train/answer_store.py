"""Token ids of conversations on disk, so that a training that goes on, or another drafter, need not make them again."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..system.errors import UserError, reason_of
from ..system.files import open_private, private_folder
from .generator import Conversation

MOST = 200_000_000
"""Bytes; what is made beyond is used once and not kept."""
NUMBER = np.dtype("<i4")


class AnswerStore:
    """A file of records: how many tokens stand before the answer, how many there are in all, and the tokens."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, conversation: Conversation) -> None:
        """Append one; raises UserError if it cannot be written."""
        record = [conversation.prompt, len(conversation.tokens), *conversation.tokens.tolist()]
        try:
            private_folder(self.path.parent)
            if self.path.exists() and self.path.stat().st_size > MOST:
                return
            with open_private(self.path, "ab") as file:
                file.write(np.array(record, NUMBER).tobytes())
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {reason_of(error)}; make room or choose --output") from error

    def __iter__(self) -> Iterator[tuple[Tensor, int]]:
        """Tokens, int64, and how many of them stand before the answer; a record cut short by a crash is left out."""
        if not self.path.exists():
            return
        numbers = np.fromfile(self.path, NUMBER)
        at = 0
        while at + 2 <= len(numbers):
            prompt, length = (int(one) for one in numbers[at : at + 2])
            if not 0 < prompt < length <= len(numbers) - at - 2:
                return
            yield torch.from_numpy(numbers[at + 2 : at + 2 + length].astype(np.int64)), prompt
            at += 2 + length
