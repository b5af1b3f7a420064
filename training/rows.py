"""The corpus as numbers: conversations packed into rows, each token with its weight and its conversation."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
from transformers import PreTrainedTokenizerFast

from .conversation import Message
from .tokenizer import END, START

LENGTHS = (512, 1024)
NOTHING, ASKED, ANSWERED = 0, 1, 2
_OPEN = 24


@dataclass(frozen=True)
class Rows:
    """Packed conversations of one row length: token ids, what each token is, and which conversation it belongs to.

    All three are [rows, length]; ``kind`` is NOTHING, ASKED or ANSWERED; ``document`` is 255 on padding.
    """

    ids: np.ndarray
    kind: np.ndarray
    document: np.ndarray

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, places: np.ndarray) -> "Rows":
        """A copy of some rows."""
        return Rows(self.ids[places], self.kind[places], self.document[places])

    def joined(self, other: "Rows") -> "Rows":
        """These rows and others of the same length."""
        pairs = ((self.ids, other.ids), (self.kind, other.kind), (self.document, other.document))
        return Rows(*map(np.concatenate, pairs))

    def save(self, path: Path) -> None:
        """Write the rows to a file."""
        np.savez(path, ids=self.ids, kind=self.kind, document=self.document)

    @classmethod
    def load(cls, path: Path) -> "Rows":
        """Read rows that were saved."""
        with np.load(path) as found:
            return cls(found["ids"], found["kind"], found["document"])


Encoded = tuple[np.ndarray, np.ndarray]


def _spelled(chat: list[Message]) -> tuple[str, list[tuple[int, int]]]:
    """The text of a conversation as the template writes it, and the stretches that the assistant says."""
    text, answers = "", []
    for message in chat:
        text += f"{START}{message['role']}\n"
        start = len(text)
        text += f"{message['content']}{END}"
        if message["role"] == "assistant":
            answers.append((start, len(text)))
        text += "\n"
    return text, answers


def encode(tokenizer: PreTrainedTokenizerFast, chats: Iterable[list[Message]]) -> Iterator[Encoded]:
    """Each conversation's token ids and their kinds."""
    spelled = map(_spelled, chats)
    while some := list(islice(spelled, 2000)):
        texts = [text for text, _ in some]
        found = tokenizer.backend_tokenizer.encode_batch(texts, add_special_tokens=False)
        for encoding, (_, answers) in zip(found, some, strict=True):
            starts = np.array([start for start, _ in encoding.offsets])
            kind = np.full(len(starts), ASKED, np.uint8)
            for first, last in answers:
                kind[(starts >= first) & (starts < last)] = ANSWERED
            yield np.array(encoding.ids, np.uint16), kind


def _pack(parts: list[Encoded], length: int) -> Rows:
    """First fit into the rows that are still open; the fullest is closed when there are too many."""
    closed: list[list[Encoded]] = []
    opened: list[tuple[int, list[Encoded]]] = []
    for part in parts:
        size = len(part[0])
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
    document = np.full((len(rows), length), 255, np.uint8)
    for at, row in enumerate(rows):
        place = 0
        for number, (tokens, kinds) in enumerate(row):
            until = place + len(tokens)
            ids[at, place:until], kind[at, place:until], document[at, place:until] = tokens, kinds, number
            place = until
    return Rows(ids, kind, document)


def pack(parts: Iterable[Encoded], seed: int) -> dict[int, Rows]:
    """Rows by their length, shuffled; a conversation goes into the shortest row that holds it, the longest are left out."""
    by_length: dict[int, list[Encoded]] = {length: [] for length in LENGTHS}
    for part in parts:
        length = next((length for length in LENGTHS if len(part[0]) <= length), None)
        if length is not None:
            by_length[length].append(part)
    packed = {length: _pack(found, length) for length, found in by_length.items()}
    rng = np.random.default_rng(seed)
    return {length: rows.take(rng.permutation(len(rows))) for length, rows in packed.items()}
