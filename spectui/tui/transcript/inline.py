"""Text, emphasis, code and links inside a line of Markdown. Nothing can be clicked, and no markup gets through."""

import re
from collections.abc import Iterator
from functools import cache
from typing import TYPE_CHECKING

from ...system.sanitise import sanitise_line

if TYPE_CHECKING:
    from markdown_it import MarkdownIt
    from markdown_it.token import Token

LONGEST = 4000
"""Characters of a line from which on it is shown as it is written."""
Part = tuple[str, str]
"""A text and its look, several names of looks with spaces between them."""
_LOOKS = {"strong": "strong", "em": "emphasis", "s": "deleted", "link": "link"}
_OPENED = (
    ("**", re.compile(r"\*\*(?=\S)")),
    ("~~", re.compile(r"~~(?=\S)")),
    ("*", re.compile(r"(?<![\w*])\*(?=[^\s*])|(?<=[^\s*])\*(?!\*)")),
)
"""What ends with the same as it begins with, and how that is found."""
_LINK = re.compile(r"!?\[[^\]]*\]\([^)\s]*$")


@cache
def _parser() -> "MarkdownIt":
    """Entities stay as they are written: they could name characters that no terminal shall get."""
    from markdown_it import MarkdownIt

    return MarkdownIt("commonmark", {"html": False}).enable("strikethrough").disable("entity")


def inline(text: str, look: str, growing: bool = False) -> list[Part]:
    """The parts of a line that looks like ``look`` where nothing else is said.

    In a line that still grows what was opened counts as closed at its end, so that it does not change its look then.
    """
    if len(text) > LONGEST:
        return [(text, look)]
    (block,) = _parser().parseInline(_closed(text) if growing else text)
    return list(_parts(block.children or [], look))


def _parts(tokens: "list[Token]", look: str) -> Iterator[Part]:
    looks, addresses, label = [look], [], ""
    for token in tokens:
        name = token.type.removesuffix("_open").removesuffix("_close")
        if name in _LOOKS and token.nesting > 0:
            looks.append(f"{looks[-1]} {_LOOKS[name]}")
            if name == "link":
                addresses.append(str(token.attrGet("href") or ""))
                label = ""
        elif name in _LOOKS and token.nesting < 0:
            looks.pop()
            if name == "link" and (address := addresses.pop()) not in (label, f"mailto:{label}"):
                yield f" ({sanitise_line(address)})", f"{looks[-1]} address"
        elif token.type == "image":
            yield (
                f"{token.content or 'picture'} ({sanitise_line(str(token.attrGet('src') or ''))})",
                f"{looks[-1]} address",
            )
        elif token.content:
            label += token.content
            yield token.content, f"{looks[-1]} code" if token.type == "code_inline" else looks[-1]


def _closed(text: str) -> str:
    """The text with all that is open in it closed."""
    text = text.rstrip("*~`")
    if text.count("`") % 2:
        text += "`"
    else:
        for mark, found in _OPENED:
            bare = re.sub(r"`[^`]*`", "", text)
            bare = bare if mark != "*" else bare.replace("**", "")
            if len(found.findall(bare)) % 2:
                text = text.rstrip(" ") + mark
    return text + ")" if _LINK.search(text) else text
