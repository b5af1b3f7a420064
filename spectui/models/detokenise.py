"""From token ids to text as it grows: complete characters, whole graphemes, nothing lost."""

import copy
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from tokenizers.decoders import DecodeStream

from ..system.sanitise import ZWJ, extends_cluster, sanitise

HOLD_MOST = 32


class Detokeniser:
    """Turns the ids of one answer into sanitised pieces; needs a fast tokenizer.

    The concatenation of all ``push`` results and of ``flush`` is the sanitised text of the ids. A piece that could
    still grow (an emoji before a joiner, half a flag) is held back until the next token, so that one token owns it.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self._backend = tokenizer.backend_tokenizer
        self._stream = DecodeStream(skip_special_tokens=True)
        self._unfinished: list[int] = []
        self._held = ""

    def push(self, token: int) -> str:
        """The text that became final with this token; often empty in the middle of a character."""
        piece = self._stream.step(self._backend, token)
        self._unfinished.append(token)
        if piece is None:
            return ""
        self._unfinished.clear()
        text = self._held + piece
        cut = len(text) - _open_end(text)
        self._held = text[cut:]
        return sanitise(text[:cut])

    def flush(self) -> str:
        """Whatever is still held back, an incomplete character as U+FFFD."""
        rest = self._held
        if self._unfinished:
            decoded = self._backend.decode(self._unfinished, skip_special_tokens=True)
            rest += decoded
        self._held = ""
        self._unfinished.clear()
        return sanitise(rest)

    def copy(self) -> "Detokeniser":
        """An independent continuation from here."""
        other = object.__new__(Detokeniser)
        other._tokenizer, other._backend = self._tokenizer, self._backend
        other._stream = copy.copy(self._stream)
        other._unfinished, other._held = list(self._unfinished), self._held
        return other

    def preview(self, token: int) -> str:
        """How a token reads after what came before; takes it in. Special tokens show their name."""
        name = special_name(self._tokenizer, token)
        if name is not None:
            return name
        held = self._held
        text = self.push(token) + sanitise(self._held)
        return text.removeprefix(sanitise(held)) or token_text(self._tokenizer, token)


def _open_end(text: str) -> int:
    """How many characters at the end could belong to a grapheme that is not complete yet."""
    if not text or (ord(text[-1]) < 0x2190 and text[-1] != ZWJ):
        return 0
    end = len(text)
    start = end - 1
    while start > 0 and end - start < HOLD_MOST and (extends_cluster(text[start]) or text[start - 1] == ZWJ):
        start -= 1
    if _regional(text[-1]):
        run = 0
        while run < end and _regional(text[end - 1 - run]):
            run += 1
        return run % 2
    return end - start if text[-1] == ZWJ or _pictograph(text[start]) else 0


def _regional(character: str) -> bool:
    return 0x1F1E6 <= ord(character) <= 0x1F1FF


def _pictograph(character: str) -> bool:
    code = ord(character)
    return 0x1F300 <= code <= 0x1FAFF or 0x2600 <= code <= 0x27BF


@lru_cache(maxsize=16)
def _specials(tokenizer: Any) -> dict[int, str]:
    added = tokenizer.added_tokens_decoder
    return {index: sanitise(token.content) for index, token in added.items() if token.special}


def special_name(tokenizer: Any, token: int) -> str | None:
    """The name of a special token; None for ordinary ones."""
    return _specials(tokenizer).get(token)


def token_text(tokenizer: Any, token: int) -> str:
    """The text of one token by itself, sanitised; the name of a special one."""
    return sanitise(tokenizer.decode([token])) if token < len(tokenizer) else f"<{token}>"


def token_texts(tokenizer: Any, ids: Sequence[int]) -> tuple[str, ...]:
    """A text for each of a prompt's ids, special tokens by name; together they read as the prompt."""
    reader = Detokeniser(tokenizer)
    texts = [special_name(tokenizer, token) or reader.push(token) for token in ids]
    tail = reader.flush()
    if tail and texts:
        texts[-1] += tail
    return tuple(texts)
