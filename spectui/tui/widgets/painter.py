"""Rows of the transcript as strips, and the styles that they have in a theme."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from rich.segment import Segment
from rich.style import Style
from textual.cache import LRUCache
from textual.strip import Strip
from textual.widget import Widget

from ...present.token_looks import LOOKS
from ..transcript.document import ROLE_LOOKS
from ..transcript.viewport import Line
from .token_rows import TOKEN_CLASSES, token_css, token_styles

MOST_KEPT = 1000
"""Painted rows that are kept."""
_NO_LINE = Style(underline=False, underline2=False, strike=False)
"""Laid over the spaces before a word, or words of one token each would stand on one long stripe."""
_PARTS = (*ROLE_LOOKS, "question-sign", "heading-sign", "error-sign", "chosen", "mark")
_READING = (
    "prose", "title", "subtitle", "strong", "emphasis", "deleted", "code", "link", "address", "quote", "sign",
    "thought", "block", "keyword", "string", "comment", "number", "name", "builtin",
)  # fmt: skip
"""Parts of Markdown and of code. A look of several names has all their styles, the later ones laid over the others."""
GROUNDS = ("prose", "block", "thought")
"""Those that others are laid over."""

TRANSCRIPT_CLASSES = {*TOKEN_CLASSES, *(f"transcript--{part}" for part in (*_PARTS, *_READING))}
TRANSCRIPT_CSS = """
Transcript { height: 1fr; background: $background; color: $token-plain; }
Transcript .transcript--question { text-style: bold; }
Transcript .transcript--question-sign { color: $primary; text-style: bold; }
Transcript .transcript--heading { color: $token-muted; text-style: bold; }
Transcript .transcript--heading-sign { color: $primary; }
Transcript .transcript--note { color: $token-muted; }
Transcript .transcript--error { color: $error; }
Transcript .transcript--error-sign { color: $error; text-style: bold; }
Transcript .transcript--chosen { background: $primary 25%; }
Transcript .transcript--mark { color: $token-muted; }
Transcript:ansi .transcript--chosen, Transcript:nocolor .transcript--chosen { text-style: reverse; }
Transcript .transcript--prose { color: $token-plain; }
Transcript .transcript--title { color: $text-primary; text-style: bold underline; }
Transcript .transcript--subtitle { color: $text-primary; text-style: bold; }
Transcript .transcript--strong { text-style: bold; }
Transcript .transcript--emphasis { text-style: italic; }
Transcript .transcript--deleted { text-style: strike; }
Transcript .transcript--code { color: $text-accent; background: $surface; }
Transcript .transcript--link { text-style: underline; }
Transcript .transcript--address { color: $token-muted; }
Transcript .transcript--quote { color: $token-muted; text-style: italic; }
Transcript .transcript--sign { color: $text-primary; }
Transcript .transcript--thought { color: $token-muted; text-style: italic; }
Transcript .transcript--block { color: $token-plain; background: $surface; }
Transcript .transcript--keyword { color: $text-primary; text-style: bold; }
Transcript .transcript--string { color: $text-success; }
Transcript .transcript--comment { color: $token-muted; text-style: italic; }
Transcript .transcript--number { color: $text-warning; }
Transcript .transcript--name { color: $text-accent; }
Transcript .transcript--builtin { color: $text-secondary; }
Transcript:ansi .transcript--note, Transcript:nocolor .transcript--note { text-style: dim; }
""" + token_css("Transcript")


@dataclass(frozen=True, slots=True)
class Palette:
    """The styles of one view in one theme."""

    base: Style
    looks: Mapping[str, Style]
    """For every token kind and every kind of paragraph."""
    chosen: Style
    """Laid over the tokens of the chosen step."""
    selection: Style
    """Laid over what the mouse has selected."""
    mark: Style
    """Of the position mark."""


def palette(widget: Widget, clean: bool) -> Palette:
    """The styles of a transcript as its theme has them now; ``clean`` shows all tokens alike."""
    base = widget.rich_style
    styles = {part: widget.get_component_rich_style(f"transcript--{part}") for part in _PARTS}
    tokens = token_styles(widget)
    if clean:
        tokens = dict.fromkeys(LOOKS, tokens["target"])
    bare = {f"{kind}-sign": base for kind in ("answer", "note", "space")}
    selection = widget.screen.get_component_rich_style("screen--selection")
    if widget.app.no_color:
        selection += Style(reverse=True)
    ground = widget.get_component_rich_style("transcript--chosen")
    chosen = Style(bgcolor=ground.bgcolor, reverse=ground.reverse)
    looks = Looks({**bare, **styles, **tokens}, lambda part: _partial(widget, part))
    return Palette(base, looks, chosen, selection, styles["mark"])


class Looks(dict[str, Style]):
    """Styles by look; those of several names, and those of Markdown, are made when they are first met."""

    def __init__(self, known: Mapping[str, Style], partial: Callable[[str], Style]) -> None:
        super().__init__(known)
        self._partial = partial

    def __missing__(self, look: str) -> Style:
        style = Style()
        for part in look.split():
            style += self._partial(part)
        self[look] = style
        return style


def _partial(widget: Widget, part: str) -> Style:
    """What a part of Markdown adds to the style of the text around it."""
    return widget.get_component_rich_style(f"transcript--{part}", partial=part not in GROUNDS)


class Painter:
    """Paints rows of ``width`` cells; those without a chosen step or a selection are painted once and kept."""

    def __init__(self, palette: Palette, width: int, indent: int) -> None:
        self._palette, self.width, self._indent = palette, width, indent
        self._kept: LRUCache[Line, Strip] = LRUCache(MOST_KEPT)

    def paint(
        self,
        line: Line,
        selected: tuple[int, int] | None = None,
        chosen: int | None = None,
        place: tuple[int, int] | None = None,
    ) -> Strip:
        """A row; ``selected`` are indices in the text of its paragraph, an end of -1 being the text's.

        With the ``place`` of its first character its segments say which character stands where, so that the mouse can
        select it; that costs twice as much.
        """
        first, last = selected or (0, 0)
        lit = range(max(first, line.start), line.end if last < 0 else min(last, line.end))
        if chosen is not None and all(piece.step != chosen for piece, _, _ in line.flow.pieces(line.start, line.end)):
            chosen = None
        if lit or chosen is not None or place is not None:
            return self._paint(line, lit, chosen, place)
        strip = self._kept.get(line)
        if strip is None:
            strip = self._kept[line] = self._paint(line, lit, None, None)
        return strip

    def _paint(self, line: Line, lit: range, chosen: int | None, place: tuple[int, int] | None) -> Strip:
        """Put the sign before the text, fill it up, and put the mark behind."""
        looks, lead = self._palette.looks, line.flow.lead
        sign_style = looks["seam" if line.is_seam else f"{line.paragraph.kind}-sign"]
        fill_style = looks[lead.ground] if lead.ground else self._palette.base
        sign = [Segment(line.sign.ljust(self._indent)[: self._indent], sign_style)]
        if lead.size:
            sign.append(Segment(line.lead.ljust(lead.size), looks[lead.look]))
        text = Strip(self._segments(line, lit, chosen))
        if place is not None:
            here = Style.from_meta({"offset": place})
            sign = [Segment(cell, (one.style or sign_style) + here) for one in sign for cell in one.text]
            text = text.apply_offsets(*place)
            # Without an offset the fill counts as the row's end; an empty row has nothing else to carry one.
            fill_style += here if line.start == line.end else Style()
        room = self.width - self._indent - lead.size - len(line.mark)
        text = text.crop(0, room)  # spaces may hang over the edge
        fill = Segment(" " * (room - text.cell_length), fill_style)
        mark = Segment(line.mark, self._palette.mark)
        return Strip([segment for segment in (*sign, *text, fill, mark) if segment.text], self.width)

    def _segments(self, line: Line, lit: range, chosen: int | None) -> list[Segment]:
        """Runs of one style; spaces before a word have neither a line nor another ground than the row."""
        runs: list[tuple[str, Style]] = []
        index = line.start
        lead, looks = line.flow.lead, self._palette.looks
        ground = (looks[lead.ground] if lead.ground else self._palette.base).bgcolor
        for piece, first, last in line.flow.pieces(line.start, line.end):
            style = looks[piece.look]
            mine = chosen is not None and piece.step == chosen
            if mine:
                style += self._palette.chosen
            for text, bright in _split(piece.display[first:last], lit, index):
                full = style + self._palette.selection if bright else style
                grounded = not (mine or bright) and style.bgcolor != ground
                words = text.lstrip(" ") if full.underline or full.underline2 or grounded else text
                spaces = full + Style(bgcolor=ground) if grounded else full
                _add(runs, text[: len(text) - len(words)], spaces + _NO_LINE)
                _add(runs, words, full)
            index += last - first
        return [Segment(text, style) for text, style in runs]


def _add(runs: list[tuple[str, Style]], text: str, style: Style) -> None:
    if runs and runs[-1][1] is style:
        runs[-1] = (runs[-1][0] + text, style)
    elif text:
        runs.append((text, style))


def _split(text: str, lit: range, index: int) -> list[tuple[str, bool]]:
    """A text that begins at ``index``, divided into what lies before, inside and behind a range."""
    if not lit:
        return [(text, False)]
    first = min(max(0, lit.start - index), len(text))
    last = min(max(first, lit.stop - index), len(text))
    return [(text[:first], False), (text[first:last], True), (text[last:], False)]
