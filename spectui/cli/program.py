"""Which command is meant where none is named."""

from difflib import get_close_matches
from shlex import quote
from typing import Any

import typer
from typer.core import TyperGroup

LATEST = "latest"
"""What ``--resume`` means without a number."""


class _Meant(typer.BadParameter):
    """Bad usage, in our own words alone."""

    def format_message(self) -> str:
        return self.message


class Program(TyperGroup):
    """The commands; options without a command are those of the chat, and a question is pointed to ``run``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Put in what was left out."""
        own = {word for one in self.get_params(ctx) for word in (*one.opts, *one.secondary_opts)}
        if args and args[0].startswith("-") and args[0].partition("=")[0] not in own:
            args = ["chat", *args]
        if args and args[0] == "chat":
            args = _with_latest(args)
        elif args and not args[0].startswith("-") and self.get_command(ctx, args[0]) is None:
            raise _Meant(self._did_you_mean(args))
        return super().parse_args(ctx, args)

    def _did_you_mean(self, words: list[str]) -> str:
        near = get_close_matches(words[0], self.commands, 1) if len(words[0].split()) == 1 else []
        if near:
            return f"there is no command {words[0]!r}; did you mean `spectui {near[0]}`?"
        return f"a question needs a command; did you mean `spectui run {quote(' '.join(words))}`?"


def _with_latest(args: list[str]) -> list[str]:
    """``--resume`` alone is followed by what it means."""
    made: list[str] = []
    for at, word in enumerate(args):
        made.append(word)
        following = args[at + 1] if at + 1 < len(args) else "-"
        if word == "--resume" and following.startswith("-"):
            made.append(LATEST)
    return made
