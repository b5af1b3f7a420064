"""Texts for a datastore, read from files: plain text, or JSON Lines of conversations."""

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from ..system.json_lines import read_lines
from ..system.sanitise import sanitise_line

PIECE = 1 << 16
"""Characters of a plain text that are read, and later indexed, together; cut between lines."""
FORMATS = (
    'a line is {"text": ...}, {"messages": [{"content": ...}]}, {"conversations": [{"value": ...}]} or {"turns": [...]}'
)
Skipped = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Piece:
    """A text, and how many bytes of its file were read with it."""

    text: str
    size: int


def files_of(paths: Sequence[Path]) -> list[Path]:
    """The files, and all files in the folders but hidden ones, in order; raises UserError for what is not there."""
    made: list[Path] = []
    for path in paths:
        if path.is_dir():
            inside = (file for file in path.rglob("*") if not _hidden(file.relative_to(path)))
            made += sorted(file for file in inside if file.is_file())
        elif path.is_file():
            made.append(path)
        else:
            raise UserError(f"{sanitise_line(str(path))} does not exist; name files or folders with text")
    if not made:
        raise UserError("there are no files in there; name files or folders with text")
    return made


def read_pieces(file: Path, skipped: Skipped | None) -> Iterator[Piece]:
    """The texts of a file, in order.

    ``skipped`` takes the message about what cannot be used; without it that raises UserError.
    """
    try:
        with open(file, encoding="utf-8", newline="") as lines:
            yield from (_conversations(file, lines, skipped) if file.suffix == ".jsonl" else _plain(lines))
    except (OSError, UnicodeDecodeError) as error:
        reason = "it is not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror or str(error)
        _refuse(f"{sanitise_line(str(file))}: {reason}", skipped)


def _hidden(path: Path) -> bool:
    return any(part.startswith(".") for part in path.parts)


def _plain(lines: Iterator[str]) -> Iterator[Piece]:
    held: list[str] = []
    size = 0
    for line in lines:
        held.append(line)
        size += len(line)
        if size >= PIECE:
            yield _piece("".join(held))
            held, size = [], 0
    if held:
        yield _piece("".join(held))


def _piece(text: str) -> Piece:
    return Piece(text, len(text.encode()))


def _conversations(file: Path, lines: Iterator[str], skipped: Skipped | None) -> Iterator[Piece]:
    def refuse(number: int, _reason: str) -> None:
        _refuse(f"{sanitise_line(str(file))}, line {number}: no conversation; {FORMATS}", skipped)

    for pieces in read_lines(lines, _of_line, refuse):
        yield from pieces


def _of_line(line: str) -> list[Piece]:
    size = len(line.encode())
    return [Piece(text, 0 if index else size) for index, text in enumerate(_texts(json.loads(line)))]


def _texts(value: Any) -> list[str]:
    """The texts of a conversation; raises ValueError, KeyError or TypeError if it is none."""
    if "text" in value:
        texts = [value["text"]]
    elif "turns" in value:
        texts = list(value["turns"])
    else:
        messages = value["messages"] if "messages" in value else value["conversations"]
        texts = [message["content"] if "content" in message else message["value"] for message in messages]
    if not all(isinstance(text, str) for text in texts):
        raise TypeError("not a text")
    return [text for text in texts if text]


def _refuse(message: str, skipped: Skipped | None) -> None:
    if skipped is None:
        raise UserError(f"{message}; mend it, or pass --skip-bad")
    skipped(message)
