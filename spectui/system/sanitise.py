"""The one place that makes untrusted text harmless to a terminal."""

import unicodedata
from typing import Any

REPLACEMENT = "�"
ZWJ = "\u200d"
_CONTROL_PICTURES = {code: chr(0x2400 + code) for code in range(0x20) if code not in (0x09, 0x0A)}
_SPOOFING = [
    *range(0x80, 0xA0),  # C1 controls; U+009B alone starts an escape sequence
    0x061C,
    0x180E,
    *(0x200B, 0x200E, 0x200F),
    *range(0x2028, 0x202F),  # separators, embeddings and overrides
    *range(0x2060, 0x2070),  # invisible operators and isolates
    0xFEFF,
    *range(0xFFF0, 0xFFFC),
    *range(0x1D173, 0x1D17B),
    *range(0xE0000, 0xE0080),  # tag characters
    *range(0xE0100, 0xE01F0),  # further variation selectors
    *range(0xD800, 0xE000),  # surrogates have no encoding
]
_TABLE = {**_CONTROL_PICTURES, 0x7F: "␡", **dict.fromkeys(_SPOOFING, REPLACEMENT)}
_ONE_LINE = {0x0A: "␊", 0x09: " "}


def sanitise(text: str) -> str:
    """Replace everything that could steer a terminal or hide text; newline and tab stay.

    Controls become their pictures (``\\x1b`` -> ``␛``), bidirectional and invisible format characters U+FFFD. Each
    character is replaced by one character, so offsets hold and pieces may be cleaned one by one. A zero-width joiner
    and the variation selectors stay: emoji need them, and alone they change no order and hide nothing.
    """
    if text.isascii() and text.isprintable():
        return text
    return text.translate(_TABLE)


def sanitise_line(text: str) -> str:
    """The same for places that hold one line: newlines become pictures, tabs spaces."""
    return sanitise(text).translate(_ONE_LINE)


def sanitise_json(value: Any) -> Any:
    """The same for all text in parsed JSON."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, list):
        return list(map(sanitise_json, value))
    return {sanitise(name): sanitise_json(one) for name, one in value.items()} if isinstance(value, dict) else value


def extends_cluster(character: str) -> bool:
    """Whether a character belongs to the grapheme before it."""
    return (
        character == ZWJ
        or unicodedata.category(character) in ("Mn", "Me", "Mc")
        or 0x1F3FB <= ord(character) <= 0x1F3FF
    )
