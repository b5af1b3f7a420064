"""The prompt of a command: an argument, or standard input."""

import sys

import typer

from ..system.errors import UserError
from ..system.streams import reason

MOST_INPUT = 1 << 26
"""Bytes that are read from standard input: ten million tokens, as many as any model's context, have fewer."""


def prompt_of(argument: str) -> str:
    """The text of an argument; ``-`` reads standard input. Raises UserError or BadParameter for what is none."""
    text = _standard_input() if argument == "-" else argument
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("the prompt is not UTF-8; convert it first")
    if not text.strip():
        raise typer.BadParameter("the prompt is empty; type something")
    return text.strip()


def _standard_input() -> str:
    try:
        read = sys.stdin.buffer.read(MOST_INPUT + 1)
        if len(read) > MOST_INPUT:
            raise UserError(f"standard input has more than {MOST_INPUT:,} bytes; no model's context holds that")
        return read.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not UTF-8 (byte {error.start}); convert it first") from error
    except OSError as error:
        raise UserError(f"cannot read standard input: {reason(error)}; give the prompt as an argument") from error
