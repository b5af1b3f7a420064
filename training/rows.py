"""The corpus as numbers: conversations packed into rows, each token with its weight and its conversation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerFast

from .conversation import Message
from .families.copying import exchanged
from .hints import Exchange, Hints
from .tokenizer import END, START

LENGTHS = (512, 1024)
NOTHING, ASKED, ANSWERED = 0, 1, 2
_OPEN = 24


@dataclass(frozen=True)
class Rows:
    """Packed conversations of one row length: token ids, what each token is, which conversation it belongs to, its hints.

    The first three are [rows, length], hints [rows, length, 3]; ``kind`` is NOTHING, ASKED or ANSWERED; ``document`` is
    255 on padding.
    """

    ids: np.ndarray
    kind: np.ndarray
    document: np.ndarray
    hints: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: np.ndarray) -> "Rows":
        """A copy of some rows."""
        return Rows(*(each[places] for each in vars(self).values()))

    def joined(self, other: "Rows") -> "Rows":
        """These rows and others of the same length."""
        return Rows(*map(np.concatenate, zip(vars(self).values(), vars(other).values(), strict=True)))

    def save(self, path: Path) -> None:
        """Write the rows to a file."""
        np.savez(path, **vars(self))

    @classmethod
    def load(cls, path: Path) -> "Rows":
        """Read rows that were saved."""
        with np.load(path) as found:
            return cls(**found)


class Encoded(NamedTuple):
    """A conversation's token ids, their kinds and their hints."""

    ids: np.ndarray
    kind: np.ndarray
    hints: np.ndarray


class _Spelled(NamedTuple):
    """The text of a conversation as the template writes it, what the assistant says of it, and what is exchanged there."""

    text: str
    answers: list[tuple[int, int]]
    exchanges: list[Exchange]


def _spelled(chat: list[Message]) -> _Spelled:
    text, asked = "", ""
    answers, exchanges = [], []
    for message in chat:
        text += f"{START}{message['role']}\n"
        start = len(text)
        text += f"{message['content']}{END}"
        if message["role"] == "assistant":
            answers.append((start, len(text)))
            if words := exchanged(asked):
                exchanges.append(Exchange(*words, *answers[-1]))
        asked = message["content"]
        text += "\n"
    return _Spelled(text, answers, exchanges)


def encode(tokenizer: PreTrainedTokenizerFast, chats: Iterable[list[Message]]) -> Iterator[Encoded]:
    """The conversations as numbers."""
    spelled, hints = map(_spelled, chats), Hints(tokenizer)
    while some := list(islice(spelled, 2000)):
        texts = [each.text for each in some]
        found = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        for encoding, (text, answers, exchanges) in zip(found, some, strict=True):
            starts, ends = np.array(encoding.offsets).T
            kind = np.full(len(starts), ASKED, np.uint8)
            for first, last in answers:
                kind[(starts >= first) & (starts < last)] = ANSWERED
            ids = np.array(encoding.ids, np.uint16)
            yield Encoded(ids, kind, hints.of(ids, ends, text, exchanges))


def _pack(parts: list[Encoded], length: int) -> Rows:
    """First fit into the rows that are still open; the fullest is closed when there are too many."""
    closed: list[list[Encoded]] = []
    opened: list[tuple[int, list[Encoded]]] = []
    for part in parts:
        size = len(part.ids)
        at = next((at for at, (used, _) in enumerate(opened) if used + size <= length), None)
        if at is None:
            opened.append((size, [part]))
        else:
            used, row = opened[at]
            opened[at] = (used + size, [*row, part])
        if len(opened) > _OPEN:
            closed.append(opened.pop(max(range(len(opened)), key=lambda each: opened[each][0]))[1])
    return _filled(closed + [row for _, row in opened], length)


def _filled(rows: list[list[Encoded]], length: int) -> Rows:
    ids, kind = np.zeros((len(rows), length), np.uint16), np.zeros((len(rows), length), np.uint8)
    document, hints = np.full((len(rows), length), 255, np.uint8), np.zeros((len(rows), length, 3), np.uint16)
    for at, row in enumerate(rows):
        place = 0
        for number, part in enumerate(row):
            until = place + len(part.ids)
            ids[at, place:until], kind[at, place:until], hints[at, place:until] = part
            document[at, place:until] = number
            place = until
    return Rows(ids, kind, document, hints)


def pack(parts: Iterable[Encoded], seed: int) -> dict[int, Rows]:
    """Rows by their length, shuffled; a conversation goes into the shortest row that holds it, the longest are left out."""
    by_length: dict[int, list[Encoded]] = {length: [] for length in LENGTHS}
    for part in parts:
        length = next((length for length in LENGTHS if len(part.ids) <= length), None)
        if length is not None:
            by_length[length].append(part)
    packed = {length: _pack(found, length) for length, found in by_length.items()}
    rng = np.random.default_rng(seed)
    return {length: rows.take(rng.permutation(len(rows))) for length, rows in packed.items()}
