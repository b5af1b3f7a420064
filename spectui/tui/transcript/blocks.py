"""Which block of Markdown a line of an answer stands in, known from the lines before it alone."""

import re
from dataclasses import dataclass, field
from typing import NamedTuple

FENCE = re.compile(r"(\s*)(`{3,}|~{3,})[ \t]*([^`\n]*)$")
"""A line that opens a block of code, or closes one."""
THINK, THOUGHT = "<think>", "</think>"
"""Where a model that thinks aloud begins and ends to."""


@dataclass(slots=True, eq=False)
class Fence:
    """A block of code."""

    mark: str
    """What it opened with; as much of the same closes it."""
    language: str
    first: int
    """The paragraph with its first line of code."""
    end: int | None = None
    """The paragraph that closes it; None while it is open."""
    shades: dict[int, list[tuple[str, str]]] = field(default_factory=dict)
    """Paragraph -> text and look of the parts of its line, once that is whole."""
    restart: int = 0
    """The paragraph from which the parts of further lines can be told."""


@dataclass(slots=True, eq=False)
class Thought:
    """A stretch in which a model thinks aloud."""

    first: int
    """The paragraph in which it begins."""
    words: int = 0
    ended: bool = False


@dataclass(slots=True, eq=False)
class Grid:
    """A table."""

    first: int
    """The paragraph with its head."""
    widths: tuple[int, ...] = ()
    """Cells that each column takes."""


class Context(NamedTuple):
    """The blocks that are open where a line begins."""

    fence: Fence | None = None
    thought: Thought | None = None
    grid: Grid | None = None


PLAIN = Context()
Opened = Fence | Thought | Grid | None


def following(text: str, context: Context, index: int) -> tuple[Context, Opened]:
    """The blocks that are open behind a whole line, the paragraph ``index``, and what begins in it."""
    if context.fence is not None:
        if not closes(text, context.fence):
            return context, None
        context.fence.end = index
        return context._replace(fence=None), None
    begun = Thought(index) if context.thought is None and THINK in text else None
    thought = begun or context.thought
    if thought is not None:
        thought.words += words_of_thought(text)
        if THOUGHT in text:
            thought.ended, thought = True, None
    if opened := FENCE.match(text):
        words = opened[3].split()
        fence = Fence(opened[2], words[0] if words else "", index + 1, restart=index + 1)
        return Context(fence, thought), begun or fence
    if not is_row(text):
        return Context(None, thought), begun
    grid = context.grid or Grid(index)
    return Context(None, thought, grid), begun or (None if context.grid else grid)


def words_of_thought(text: str) -> int:
    """How many words of a line are thought."""
    return 0 if FENCE.match(text) else len(text.replace(THINK, " ").partition(THOUGHT)[0].split())


def closes(text: str, fence: Fence) -> bool:
    """Whether a line ends a block of code."""
    found = FENCE.match(text)
    return found is not None and not found[3] and found[2].startswith(fence.mark)


def is_row(text: str) -> bool:
    """Whether a line is a row of a table."""
    return text.lstrip(" ").startswith("|")
