"""Text files that go to the model with a question: ``/attach PATH``, or ``@PATH`` in the question."""

import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ..system.errors import UserError, reason_of
from ..system.sanitise import sanitise, sanitise_line

MOST_BYTES = 128 * 1024
"""Of one file; some 40,000 tokens, more than most models read."""
MOST_NAMES = 8
"""File names that are offered at once."""
MENTION = re.compile(r"(?<!\S)@(\S+)")
_KINDS = {b"%PDF": "PDF", b"\x89PNG": "PNG", b"\xff\xd8\xff": "JPEG", b"GIF8": "GIF", b"PK\x03\x04": "ZIP",
          b"\x1f\x8b": "gzip", b"\x7fELF": "a program"}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Attachment:
    """A text file that was read."""

    name: str
    text: str

    def __str__(self) -> str:
        """``notes.md, 2.1 kB``."""
        return f"{self.name}, {kilobytes(len(self.text.encode()))}"


def kilobytes(count: int) -> str:
    """``2.1 kB``."""
    return f"{count / 1000:.1f} kB" if count < 1_000_000 else f"{count / 1e6:.1f} MB"


def read_attachment(name: str) -> Attachment:
    """Read a text file; raises UserError that says why it cannot be attached."""
    path, shown = Path(name).expanduser(), sanitise_line(name)
    try:
        status = path.stat()
        if stat.S_ISDIR(status.st_mode):
            raise UserError(f"{shown} is a folder; attach a file in it")
        if not stat.S_ISREG(status.st_mode):
            raise UserError(f"{shown} is no ordinary file; attach a text file")
        if status.st_size > MOST_BYTES:
            size, most = kilobytes(status.st_size), kilobytes(MOST_BYTES)
            raise UserError(f"{shown} has {size}; at most {most} can be attached, so cut out what matters")
        content = path.read_bytes()[:MOST_BYTES]
    except FileNotFoundError:
        raise UserError(f"there is no file {shown}; give its path") from None
    except (OSError, ValueError, RuntimeError) as error:
        why = reason_of(error) if isinstance(error, OSError) else str(error)
        raise UserError(f"{shown} cannot be read: {sanitise_line(why)}; attach another file") from None
    return Attachment(sanitise_line(path.name), _text(content, shown))


def _text(content: bytes, shown: str) -> str:
    kind = next((kind for magic, kind in _KINDS.items() if content.startswith(magic)), "")
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if kind or "\0" in text:
        raise UserError(f"{shown} is not text{f' but {kind}' if kind else ' in UTF-8'}; attach a text file")
    if not text.strip():
        raise UserError(f"{shown} is empty; there is nothing to attach")
    return sanitise(text.replace("\r\n", "\n"))


def mentioned(question: str) -> list[Attachment]:
    """The files that a question names with ``@``; raises UserError for one that is there and cannot be attached."""
    names = [name.rstrip(".,;:!?)") for name in MENTION.findall(question)]
    return [read_attachment(name) for name in dict.fromkeys(names) if name and _is_there(name)]


def _is_there(name: str) -> bool:
    try:
        return Path(name).expanduser().exists()
    except (OSError, ValueError, RuntimeError):
        return False


def with_attachments(question: str, attachments: Sequence[Attachment]) -> str:
    """What the model is asked: the files in fences that nothing in them ends, then the question."""
    parts = []
    for one in attachments:
        ticks = max((len(run) for run in re.findall(r"`+", one.text)), default=0)
        fence = "`" * max(3, ticks + 1)
        parts.append(f"{one.name}\n{fence}\n{one.text.rstrip()}\n{fence}")
    return "\n\n".join([*parts, question])


def paths(begun: str) -> Iterable[str]:
    """Files and folders whose path begins so; folders end with a slash."""
    folder, _, name = begun.rpartition("/")
    at = Path(f"{folder}/" if folder or begun.startswith("/") else ".").expanduser()
    found = []
    try:
        for path in sorted(at.iterdir()):
            hidden = path.name.startswith(".") and not name.startswith(".")
            if path.name.startswith(name) and not hidden and path.name.isprintable():
                found.append(f"{begun[: len(begun) - len(name)]}{path.name}{'/' if path.is_dir() else ''}")
            if len(found) == MOST_NAMES:
                break
    except (OSError, ValueError, RuntimeError):
        return []
    return found
