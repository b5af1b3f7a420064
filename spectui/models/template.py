"""A conversation in the model's own chat format."""

from collections.abc import Mapping, Sequence
from inspect import signature
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from .apart import Ended, TookTooLong, apart
from .registry import demo_folder

PLAIN_STOPS = ("\nUser:",)
PATIENCE = 5.0
"""Seconds that a template may take."""
PACE = 100_000
"""Characters for which it gets a second more; tokenising them takes a tenth of that."""
REMEDY = "use another copy of the model, or another model"
SPARSE = 16
"""Characters a token above which a text's tokens are counted; prose has 4, code 3, only runs of spaces have more."""
SLICE = 1 << 15
"""Characters that are counted at a time."""
SEAM = 4
"""Tokens that a slice may have for the sole reason that it was cut: one or two at each end."""


def has_template(tokenizer: Any) -> bool:
    """Whether the tokenizer brings a chat format of its own."""
    return bool(getattr(tokenizer, "chat_template", None))


def prompt_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]], context: int | None = None) -> list[int]:
    """Ids of the conversation up to where the answer begins; control tokens in pasted text stay text.

    A model without a template gets ``User: ... Assistant:``. Raises UserError if the template refuses or takes too
    long, and for texts that no ``context`` of so many tokens can hold.
    """
    texts = [message["content"] for message in messages]
    _check_encoding(texts)
    if context is not None:
        _check_length(tokenizer, texts, context)
    if not has_template(tokenizer):
        return [int(token) for token in tokenizer(_plain(messages))["input_ids"]]
    try:
        if _is_ours(tokenizer):
            return _templated(tokenizer, messages)
        limit = PATIENCE + sum(map(len, texts)) / PACE
        return apart(lambda: _templated(tokenizer, messages), limit)
    except TookTooLong as error:
        raise UserError(f"the model's chat template took more than {limit:.0f} s; {REMEDY}") from error
    except Ended as error:
        raise UserError(f"the model's chat template took too much memory; {REMEDY}") from error
    except Exception as error:
        line = str(error).strip().splitlines()
        reason = line[0] if line else type(error).__name__
        raise UserError(f"the model's chat template refuses this conversation: {reason}") from error


def _templated(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    made = tokenizer.apply_chat_template(
        [dict(message) for message in messages],
        tokenize=True,
        add_generation_prompt=True,
        return_dict=True,
        **_guard(tokenizer),
    )
    return [int(token) for token in made["input_ids"]]


def _is_ours(tokenizer: Any) -> bool:
    """Whether the template came with this program; any other is a program by somebody else."""
    return demo_folder() in Path(getattr(tokenizer, "name_or_path", "")).parents


def _check_encoding(texts: Sequence[str]) -> None:
    for text in texts:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(f"character {error.start + 1:,} of the text is none (not UTF-8); remove it") from error


def _check_length(tokenizer: Any, texts: Sequence[str], context: int) -> None:
    """Refuse what cannot fit, having tokenised little more than what fits: 100 MB would take 19 GB."""
    size = sum(map(len, texts))
    if size <= SPARSE * context:
        return
    tokens = 0
    for text in texts:
        for begin in range(0, len(text), SLICE):
            ids = tokenizer(text[begin : begin + SLICE], add_special_tokens=False)["input_ids"]
            tokens += max(0, len(ids) - SEAM)
            if tokens >= context:
                raise UserError(
                    f"the prompt has {size:,} characters; the model's context holds {context:,} tokens; shorten it"
                )


def _guard(tokenizer: Any) -> dict[str, bool]:
    known = "sanitize_control_tokens" in signature(tokenizer.apply_chat_template).parameters
    return {"sanitize_control_tokens": True} if known else {}


def _plain(messages: Sequence[Mapping[str, str]]) -> str:
    names = {"user": "User", "assistant": "Assistant", "system": "System"}
    lines = [f"{names.get(message['role'], message['role'])}: {message['content']}" for message in messages]
    return "\n".join([*lines, "Assistant:"])
