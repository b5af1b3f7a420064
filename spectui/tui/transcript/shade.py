"""The parts of a line of code: keywords, strings, comments, numbers, names.

How a line looks depends on the lines before it alone, so that no line that stands changes its look.
"""

from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING

from .blocks import Fence
from .inline import Part

if TYPE_CHECKING:
    from pygments.lexer import Lexer
    from pygments.token import _TokenType

FEW, MOST = 20, 200
"""Lines after which parts are told from a later line on if one begins at the margin, and in any case."""
LONGEST = 1000
"""Characters of a line from which on nothing is told apart in it."""


@cache
def _lexer(language: str) -> "Lexer | None":
    from pygments.lexers import get_lexer_by_name
    from pygments.util import ClassNotFound

    try:
        return get_lexer_by_name(language, stripnl=False, ensurenl=False) if language else None
    except ClassNotFound:
        return None


@cache
def _looks() -> "list[tuple[_TokenType, str]]":
    """The first one that a token is a kind of says how it looks."""
    from pygments import token

    return [
        (token.Comment, "comment"),
        (token.String, "string"),
        (token.Number, "number"),
        (token.Keyword, "keyword"),
        (token.Operator.Word, "keyword"),
        (token.Name.Function, "name"),
        (token.Name.Class, "name"),
        (token.Name.Decorator, "name"),
        (token.Name.Tag, "keyword"),
        (token.Name.Attribute, "name"),
        (token.Name.Builtin, "builtin"),
        (token.Generic.Deleted, "comment"),
        (token.Generic.Inserted, "string"),
    ]


@cache
def _look(kind: "_TokenType") -> str:
    return next((f"block {look}" for parent, look in _looks() if kind in parent), "block")


def shade(fence: Fence, lines: Sequence[str], index: int, whole: bool) -> list[Part]:
    """The parts of the line that is paragraph ``index``; ``lines`` are those from ``fence.restart`` up to it."""
    if index in fence.shades:
        return fence.shades[index]
    lexer = _lexer(fence.language)
    if lexer is None or max(map(len, lines)) > LONGEST:
        return [(lines[-1], "block")]
    made: list[list[Part]] = [[]]
    fresh = [0]
    """Lines that begin outside of strings and comments."""
    for kind, text in lexer.get_tokens("\n".join(lines)):
        look = _look(kind)
        for number, part in enumerate(text.split("\n")):
            if number:
                made.append([])
                if look == "block":
                    fresh.append(len(made) - 1)
            if part:
                made[-1].append((part, look))
    made = (made + [[] for _ in lines])[: len(lines)]
    first = fence.restart
    for number, parts in enumerate(made[: len(lines) if whole else -1]):
        fence.shades.setdefault(first + number, parts)
    later = [number for number in fresh if FEW < number < len(lines) and lines[number][:1].strip()]
    if later or len(lines) > MOST:
        fence.restart = first + (later[-1] if later else len(lines) - 1)
    return made[-1]
