"""What the middle layers are taught beside the next token: things about the text at hand that an answer needs later."""

import re
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

import numpy as np
from transformers import PreTrainedTokenizerFast

START, PLACE, OLD = range(3)
PLACES = 10
_STOPS = (".", "!", "?", ":")


class Exchange(NamedTuple):
    """A word in the place of another, in the stretch of a text from ``begin`` to ``end``."""

    old: str
    new: str
    begin: int
    end: int


class Hints:
    """Tells for each token of a conversation the first token of its sentence and the sentence's number in the paragraph.

    Where an answer has put a word in the place of another, the other one's last token stands beside the new word's end:
    what comes next is known from the text behind the old word.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerFast) -> None:
        texts = [tokenizer.decode([token]) for token in range(len(tokenizer))]
        self._stops = np.array([text.rstrip(' "').endswith(_STOPS) for text in texts])
        self._lines = np.array(["\n" in text for text in texts])
        self._last = cache(lambda word: tokenizer.encode(f" {word}", add_special_tokens=False)[-1])

    def of(self, ids: np.ndarray, ends: np.ndarray, text: str, exchanges: Iterable[Exchange]) -> np.ndarray:
        """[tokens, 3]: START, PLACE (below ``PLACES``) and OLD (0: none); ``ends`` are where the tokens end in ``text``."""
        found = np.zeros((len(ids), 3), np.uint16)
        found[:, START], found[:, PLACE] = self._sentences(ids)
        for each in exchanges:
            for new in re.finditer(rf"(?<!\w){re.escape(each.new)}(?!\w)", text[each.begin : each.end]):
                at = int(np.searchsorted(ends, each.begin + new.end()))
                found[at, OLD] = self._last(each.old)
        return found

    def _sentences(self, ids: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        stop, line = self._stops[ids], self._lines[ids]
        behind_stop, behind_line = np.concatenate(([False], stop[:-1])), np.concatenate(([True], line[:-1]))
        begins = (behind_stop | behind_line) & ~stop & ~line
        begins[0] = True
        start = ids[np.maximum.accumulate(np.where(begins, np.arange(len(ids)), 0))]
        number = begins.cumsum()
        before = np.maximum.accumulate(np.where(begins & behind_line, number, 0))
        return start, np.minimum(number - before, PLACES - 1)
