"""Stop strings, as the engine wants them: a function from tokens to a cut."""

from collections.abc import Callable, Sequence
from typing import Any

from ..engine.values.answer import STOP_REACH, no_stop
from .template import PLAIN_STOPS, has_template


class StopStrings:
    """Cuts an answer behind the token that completes one of the strings."""

    def __init__(self, tokenizer: Any, strings: Sequence[str]) -> None:
        self._tokenizer, self._strings = tokenizer, tuple(strings)
        self._reach = min(STOP_REACH, 2 * max(map(len, self._strings)) + 8)

    def __call__(self, tail: Sequence[int], new: int) -> int | None:
        """How many of the last ids to keep, or None; only strings that end in ids from ``new`` on count."""
        start = max(0, new - self._reach)
        before = self._text(tail[start:new])
        for end in range(new + 1, len(tail) + 1):
            text = self._text(tail[start:end])
            if any(text.rfind(stop) + len(stop) > len(before) for stop in self._strings if stop in text):
                return end
        return None

    def _text(self, ids: Sequence[int]) -> str:
        return str(self._tokenizer.decode(list(ids), skip_special_tokens=True))


def stop_cut(tokenizer: Any) -> Callable[[Sequence[int], int], int | None]:
    """Where an answer of this tokenizer's model has to stop besides its end token."""
    return no_stop if has_template(tokenizer) else StopStrings(tokenizer, PLAIN_STOPS)
