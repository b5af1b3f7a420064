"""A conversation in the model's own chat format."""

from collections.abc import Mapping, Sequence
from inspect import signature
from typing import Any

from ..engine.errors import UserError

PLAIN_STOPS = ("\nUser:",)


def has_template(tokenizer: Any) -> bool:
    """Whether the tokenizer brings a chat format of its own."""
    return bool(getattr(tokenizer, "chat_template", None))


def prompt_ids(tokenizer: Any, messages: Sequence[Mapping[str, str]]) -> list[int]:
    """Ids of the conversation up to where the answer begins; control tokens in pasted text stay text.

    A model without a template gets ``User: ... Assistant:``. Raises UserError if the template refuses.
    """
    if not has_template(tokenizer):
        return [int(token) for token in tokenizer(_plain(messages))["input_ids"]]
    try:
        made = tokenizer.apply_chat_template(
            [dict(message) for message in messages],
            tokenize=True,
            add_generation_prompt=True,
            return_dict=True,
            **_guard(tokenizer),
        )
    except Exception as error:
        line = str(error).strip().splitlines()
        reason = line[0] if line else type(error).__name__
        raise UserError(f"the model's chat template refuses this conversation: {reason}") from error
    return [int(token) for token in made["input_ids"]]


def _guard(tokenizer: Any) -> dict[str, bool]:
    known = "sanitize_control_tokens" in signature(tokenizer.apply_chat_template).parameters
    return {"sanitize_control_tokens": True} if known else {}


def _plain(messages: Sequence[Mapping[str, str]]) -> str:
    names = {"user": "User", "assistant": "Assistant", "system": "System"}
    lines = [f"{names.get(message['role'], message['role'])}: {message['content']}" for message in messages]
    return "\n".join([*lines, "Assistant:"])
