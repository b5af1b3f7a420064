"""A screen as text that people read in a diff: what is written on it, then which cells are coloured how.

The rows of the screen come first. Below them stand backgrounds (``behind COLOUR``) and looks of text (``text COLOUR
ATTRIBUTES``), each with the rows and columns that have it, counted from 1. What most of the screen has is left out.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from difflib import unified_diff
from pathlib import Path

from rich.cells import cell_len
from rich.color import Color
from rich.segment import Segment
from rich.style import Style
from textual.app import App
from textual.strip import Strip

GOLDENS = Path(__file__).parent / "goldens"
RENEW = "pytest tests/tui/test_screens.py --renew-goldens"
MOST_SHOWN = 60
"""Lines of a difference that a failure shows."""
DRAWN = ("underline", "underline2", "strike", "reverse", "overline")
"""Attributes that show on a space too."""
ATTRIBUTES = ("bold", "dim", "italic", "blink", *DRAWN)
Places = dict[int, list[tuple[int, int]]]
"""Row -> first and last column of each stretch, in order."""


def strips_of(app: App[int]) -> list[Strip]:
    """The whole screen as the terminal would get it."""
    return app.screen._compositor.render_strips()


def picture(app: App[int]) -> str:
    """The whole screen as text."""
    strips = strips_of(app)
    rows = ["".join(segment.text for segment in strip).rstrip() for strip in strips]
    ground = app.screen.rich_style
    usual = {_behind(ground), _text(ground)}
    lines = [*rows, f"--- all else: {_behind(ground)}, {_text(ground)}"]
    for look, places in sorted(looks(strips).items()):
        if look not in usual:
            lines += [look, *(f"  {words}" for words in _grouped(places))]
    return "\n".join(lines) + "\n"


def looks(strips: Iterable[Iterable[Segment]]) -> dict[str, Places]:
    """Which cells have each background and each look of text; a space has no look, unless something is drawn there."""
    found: dict[str, Places] = defaultdict(lambda: defaultdict(list))
    for row, strip in enumerate(strips, 1):
        column, last = 1, ("", "")
        for text, style, _ in strip:
            behind = _behind(style)
            last = last if behind == last[0] else (behind, "")
            for part in re.findall(" +|[^ ]+", text):
                end = column + cell_len(part) - 1
                _add(found[behind][row], column, end, joined=False)
                drawn = style is not None and any(getattr(style, name) for name in DRAWN)
                if drawn or not part.isspace():
                    look = _text(style)
                    _add(found[look][row], column, end, joined=look == last[1])
                    last = (behind, "" if drawn else look)
                column = end + 1
    return found


def _add(stretches: list[tuple[int, int]], start: int, end: int, joined: bool) -> None:
    """One stretch more; it is part of the last one where they touch, or are ``joined`` over spaces."""
    if stretches and (joined or stretches[-1][1] == start - 1):
        start = stretches.pop()[0]
    stretches.append((start, end))


def _behind(style: Style | None) -> str:
    return f"behind {_colour(style.bgcolor if style else None)}"


def _text(style: Style | None) -> str:
    style = style or Style()
    names = "".join(f" {name}" for name in ATTRIBUTES if getattr(style, name))
    return f"text {_colour(style.color)}{names}"


def _colour(colour: Color | None) -> str:
    return "default" if colour is None or colour.is_default else colour.name


def _grouped(places: Places) -> Iterator[str]:
    """``3-7: 1-12 20``: rows one below the other whose stretches are the same share a line."""
    groups: list[tuple[int, int, str]] = []
    for row, stretches in sorted(places.items()):
        words = " ".join(_range(start, end) for start, end in stretches)
        if groups and groups[-1][1:] == (row - 1, words):
            groups[-1] = (groups[-1][0], row, words)
        else:
            groups.append((row, row, words))
    return (f"{_range(first, last)}: {words}" for first, last, words in groups)


def _range(first: int, last: int) -> str:
    return f"{first}" if first == last else f"{first}-{last}"


def difference(file: Path, found: str) -> str:
    """What is other than in the golden, for people; empty if nothing is."""
    wanted = file.read_text("utf-8") if file.exists() else ""
    if wanted == found:
        return ""
    lines = list(unified_diff(_told(wanted), _told(found), "golden", "screen", lineterm="", n=1))
    more = [f"… {len(lines) - MOST_SHOWN} more lines"] if len(lines) > MOST_SHOWN else []
    return "\n".join([f"the screen is not as in {file.name}:", *lines[:MOST_SHOWN], *more])


def _told(picture: str) -> list[str]:
    """The lines of a picture, each place with its look beside it, so that a line says all by itself."""
    rows, _, below = picture.partition("\n--- ")
    made, look = rows.split("\n"), ""
    for line in below.splitlines():
        if line.startswith("  "):
            made.append(f"{look} at {line.strip()}")
        else:
            look = line
    return made
