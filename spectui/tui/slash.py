"""Slash commands: what may be typed next, and which action a line means."""

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import NamedTuple

from ..system.errors import UserError
from .actions import ACTIONS, Action
from .attaching import paths

SLASHES = {word: one for one in ACTIONS for word in one.words}
"""Word -> the action of that slash command."""
MOST = 40
"""Suggestions at once."""
_COMMAND = re.compile(r"/([a-z-]*)( .*)?")


class Suggestion(NamedTuple):
    """A way to go on with what was typed."""

    text: str
    """All that would stand in the prompt."""
    takes: str
    """What is still to be typed behind it."""
    help: str
    whole: bool
    """Whether nothing is missing, so that it may be sent."""
    is_command: bool


def is_command(text: str) -> bool:
    """Whether a text is a slash command, and not a question or a path."""
    return _COMMAND.fullmatch(text.strip()) is not None


def suggestions(text: str) -> list[Suggestion]:
    """How a slash command, or a file's name behind ``@``, may go on."""
    if "\n" in text:
        return []
    found = _COMMAND.fullmatch(text)
    made = _commands(found[1], found[2]) if found else _files(text)
    return [one for one, _ in zip(made, range(MOST), strict=False)]


def _commands(word: str, argument: str | None) -> Iterator[Suggestion]:
    if argument is not None:
        one = SLASHES.get(word)
        for value in one.complete(argument[1:]) if one and one.complete else ():
            yield Suggestion(f"/{word} {value}", "", "", not value.endswith("/"), True)
        return
    for one in ACTIONS:
        name = next((name for name in one.words if name.startswith(word)), None)
        if name is not None:
            needs = bool(one.takes) and not one.takes.startswith("[")
            yield Suggestion(f"/{name}{' ' if needs else ''}", one.takes, one.help, not needs, True)


def _files(text: str) -> Iterator[Suggestion]:
    before, sign, begun = text.rpartition("@")
    if sign and " " not in begun and (not before or before.endswith(" ")):
        for path in paths(begun):
            yield Suggestion(f"{before}@{path}", "", "", True, False)


def slash_action(line: str) -> tuple[Action, str]:
    """The action and the argument of a line that begins with a slash; raises UserError with the nearest command."""
    word, _, argument = line.strip().removeprefix("/").partition(" ")
    if word not in SLASHES:
        near = get_close_matches(word, SLASHES, 1)
        raise UserError(f"there is no command /{word}; {f'did you mean /{near[0]}?' if near else '/help lists all'}")
    return SLASHES[word], argument.strip()
