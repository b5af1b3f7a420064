"""A line of an answer as the clean view shows it: Markdown, line by line.

What a line looks like depends on itself and on the lines before it, so that a growing text changes at its end only.
The one exception are the columns of a table, which become wider with what comes.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import NamedTuple

from rich.cells import cell_len

from ...system.sanitise import sanitise_line
from .blocks import FENCE, THINK, THOUGHT, Grid, Thought, closes, is_row
from .flow import Lead, Piece
from .inline import Part, inline
from .paragraph import Paragraph
from .shade import shade

BULLET, TICKED, UNTICKED = "• ", "☑ ", "☐ "
FOLD_KEY = "alt+t"
"""What folds and unfolds thoughts, wherever the cursor is."""
DEEPEST = 12
"""Cells by which a line is at most put in."""
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*?)[ \t#]*$")
_ITEM = re.compile(r"(\s*)([-*+]|\d{1,9}[.)])[ \t]+(?:\[([ xX])\][ \t]+)?(.*)$")
_QUOTE = re.compile(r" {0,3}>[ \t]?(.*)$")
_RULE = re.compile(r" {0,3}([-*_])[ \t]*(\1[ \t]*){2,}$")
_BEGUN = re.compile(r"\s*([-+*#>`~|]{1,6}|\d{1,9}[.)]?)\s*$")
"""What may become a mark of Markdown, but does not say yet which."""
_CELLS = re.compile(r"(?<!\\)\|")
_HEAD_RULE = re.compile(r"[\s|:-]*-[\s|:-]*$")


class Reading(NamedTuple):
    """What is shown of a line."""

    parts: Sequence[Part]
    lead: Lead = Lead()
    hidden: bool = False
    """Whether it takes no row."""


HIDDEN = Reading((), hidden=True)


def key(paragraph: Paragraph, growing: bool, folded: bool, width: int) -> tuple[object, ...]:
    """Changes when a line is to be shown anew."""
    opened, (_, thought, grid) = paragraph.opens, paragraph.context
    thought = opened if isinstance(opened, Thought) else thought
    grid = opened if isinstance(opened, Grid) else grid
    told = (folded, thought.words, thought.ended) if thought is not None else None
    return len(paragraph.pieces), growing, width, told, grid.widths if grid is not None else None


def read(paragraphs: Sequence[Paragraph], index: int, growing: bool, folded: bool, width: int) -> Reading:
    """How the paragraph ``index`` of an answer reads in ``width`` cells."""
    paragraph = paragraphs[index]
    text, context = paragraph.source, paragraph.context
    if context.thought is not None and context.fence is not None and folded:
        return HIDDEN
    if context.fence is not None:
        return _code(paragraphs, index, growing)
    if context.thought is not None or THINK in text:
        begun = paragraph.opens if isinstance(paragraph.opens, Thought) else None
        begun = begun or (Thought(index) if context.thought is None else None)
        if begun is None and THOUGHT not in text:
            return HIDDEN if folded else _prose(text, growing, width, "thought")
        return _thinking(text, begun, growing, folded)
    if is_row(text):
        grid = context.grid or (paragraph.opens if isinstance(paragraph.opens, Grid) else Grid(index))
        return _row(text, grid, grid.first == index, growing, width)
    return _prose(text, growing, width)


def step_pieces(parts: Iterable[Part], paragraph: Paragraph) -> Iterator[Piece]:
    """The parts of a line as pieces, each of one step: parts stand in the line's text in their order."""
    plain = [piece for piece in paragraph.pieces if not piece.level]
    text, at, end, number = paragraph.source, 0, 0, -1
    for part, look in parts:
        found = text.find(part, at)
        if found < 0:
            yield Piece(part, part, look, -1, 0)
            continue
        at = found
        while part:
            while number < len(plain) - 1 and end <= at:
                number += 1
                end += len(plain[number].source)
            size = max(1, min(len(part), end - at))
            yield Piece(part[:size], part[:size], look, plain[number].step if plain else -1, 0)
            part, at = part[size:], at + size


def cells(text: str) -> list[str]:
    """The cells of a table's row."""
    inner = text.strip().removeprefix("|")
    inner = inner[:-1] if inner.endswith("|") and not inner.endswith("\\|") else inner
    return [cell.strip().replace("\\|", "|") for cell in _CELLS.split(inner)]


def widen(grid: Grid, text: str) -> None:
    """Let the columns of a table hold one more whole row."""
    sizes = [] if _HEAD_RULE.match(text) else [_size(inline(cell, "prose")) for cell in cells(text)]
    grid.widths = tuple(map(max, zip_longest(grid.widths, sizes, fillvalue=0)))


def _prose(text: str, growing: bool, width: int, look: str = "prose") -> Reading:
    text = text.expandtabs(4)
    if growing and (_BEGUN.match(text) or (text and THINK.startswith(text.strip()))):
        return Reading(())
    if found := FENCE.match(text):
        return Reading([(found[3] or "code", "block note")], Lead("│ ", "│ ", "block note", "block"))
    if _RULE.match(text):
        return Reading([("─" * width, "note")])
    if found := _HEADING.match(text):
        return Reading(inline(found[2], f"{look} {'title' if len(found[1]) < 3 else 'subtitle'}", growing))
    if found := _QUOTE.match(text):
        return Reading(inline(found[1], f"{look} quote", growing), Lead("▌ ", "▌ ", "note"))
    if found := _ITEM.match(text):
        deep, mark, tick, words = found.groups()
        sign = f"{mark} " if mark[0].isdigit() else BULLET if tick is None else UNTICKED if tick == " " else TICKED
        first = deep[:DEEPEST] + sign
        return Reading(inline(words, look, growing), Lead(first, " " * cell_len(first), f"{look} sign"))
    return Reading(inline(text, look, growing))


def _code(paragraphs: Sequence[Paragraph], index: int, growing: bool) -> Reading:
    fence = paragraphs[index].context.fence
    assert fence is not None
    text = paragraphs[index].source
    if closes(text, fence) or (growing and text.strip() and set(text.strip()) == {fence.mark[0]}):
        return HIDDEN
    first = min(fence.restart, index)
    lines = [one.source.expandtabs(4) for one in paragraphs[first : index + 1]]
    return Reading(shade(fence, lines, index, not growing), Lead("│ ", "│ ", "block note", "block"))


def _row(text: str, grid: Grid, head: bool, growing: bool, width: int) -> Reading:
    look = "prose strong" if head else "prose"
    rows = [inline(cell, look, growing) for cell in cells(text)]
    widths = [max(size, _size(row)) for size, row in zip((*grid.widths, *[0] * len(rows)), rows, strict=False)]
    fits = sum(grid.widths) + 3 * len(grid.widths) <= width
    if _HEAD_RULE.match(text):
        drawn = "─┼─".join("─" * size for size in grid.widths) if fits else "─" * width
        return HIDDEN if growing and len(text) < 3 else Reading([(drawn, "note")])
    parts: list[Part] = []
    for number, (row, size) in enumerate(zip(rows, widths, strict=True)):
        parts += [(" │ ", "note")] if number else []
        parts += row
        parts += [(" " * (size - _size(row)), look)] if fits and number < len(rows) - 1 else []
    return Reading(parts, Lead("", "" if fits else "  "))


def _size(parts: Sequence[Part]) -> int:
    return sum(cell_len(text) for text, _ in parts)


def _thinking(text: str, begun: Thought | None, growing: bool, folded: bool) -> Reading:
    """The line in which thoughts begin says how many words they have; others show while they are not folded."""
    before, _, inside = text.partition(THINK) if THINK in text and begun is not None else ("", "", text)
    inside, ends, behind = inside.partition(THOUGHT)
    parts: list[Part] = []
    if begun is not None:
        parts += inline(before, "prose") if before.strip() else []
        if begun.words or not begun.ended:
            sign, state = "▸" if folded else "▾", "thought for" if begun.ended else "thinking,"
            words = f"{begun.words} word{'s' if begun.words != 1 else ''}"
            parts.append((f"{sign} {state} {words} ({FOLD_KEY} {'unfolds' if folded else 'folds'})", "thought"))
    if inside.strip() and not folded:
        parts += [(" ", "thought")] if parts else []
        parts += inline(sanitise_line(inside), "thought", growing and not ends)
    if behind.strip():
        parts += [(" ", "prose")] if parts else []
        parts += inline(behind.lstrip(), "prose", growing)
    return Reading(parts) if parts else HIDDEN
