"""How a model's chat format surrounds the user's turn, found out from its own template."""

from collections.abc import Sequence
from typing import Any, NamedTuple

from ..models.template import prompt_ids
from ..system.errors import UserError

PROBES = ("Hello there", "7 times 9?")
"""Two turns with nothing in common: what their prompts share is the format."""


class ChatFormat(NamedTuple):
    """Token ids of a conversation of one turn."""

    before: list[int]
    """Up to where the user's words begin."""
    after: list[int]
    """From where they end to where the answer begins."""


def chat_format(tokenizer: Any) -> ChatFormat:
    """The format of a tokenizer; raises UserError where nothing tells that a user's turn has ended."""
    first, second = (prompt_ids(tokenizer, [{"role": "user", "content": probe}]) for probe in PROBES)
    before = _common(first, second)
    after = _common(first[before:][::-1], second[before:][::-1])
    if not before or not after:
        raise UserError("this model's chat format does not mark where a user's turn ends; use a chat model")
    return ChatFormat(first[:before], first[len(first) - after :])


def _common(first: Sequence[int], second: Sequence[int]) -> int:
    """How many ids both begin with."""
    pairs = enumerate(zip(first, second, strict=False))
    return next((index for index, (one, other) in pairs if one != other), min(len(first), len(second)))
