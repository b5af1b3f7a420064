"""Frames: a moment of a replay as text with marks, as Markdown, or as a picture in SVG."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby
from textwrap import wrap

from rich.cells import cell_len, set_cell_size

from ..engine.drafters.registry import MODES
from ..record.events import EndText, PrefillText, Record, ServedText, StepText, SwitchText, Told
from ..record.replay import LaneState, Replay
from .answer_line import answer_line
from .race_book import SERVED
from .reading import told
from .served_sentence import served_sentence
from .step_sentence import sentence
from .token_looks import FATE_HUES, LEGEND, LOOKS, SERVED_LEGEND, TokenKind, legend, shown

Token = tuple[TokenKind, str]
"""A token as a reader meets it."""
COLUMNS = 96
"""Cells of a picture's widest row."""
_ROW, _CELL, _EDGE = 20, 8.4, 24
_INKS = {"plain": "#22262c", "muted": "#5f656c", "seam": "#6b5200"} | FATE_HUES["light"]
_GROUNDS = {"accepted": "#cfe3f0", "rejected": "#f0dccc"}
_SIGNS = re.compile(r"([\\`*_{}\[\]<>()#+\-.!|~&])")


@dataclass(frozen=True, slots=True)
class LaneFrame:
    """A lane at a moment."""

    title: str
    tokens: tuple[Token, ...]
    """What stands, and what was refused on the way."""
    numbers: str
    """The numbers of its answer in one line."""
    step: str
    """What happened in its last step, or what its server said at the end; empty before that."""
    message: str
    """What went wrong; empty for nothing."""
    served: bool = False
    """Whether a server answers."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A moment of a replay."""

    number: int
    """Which take it is, from 1."""
    takes: int
    clock: float
    """Milliseconds since the take began."""
    length: float
    question: str
    models: str
    left_out: int
    """Steps of a very long answer that are not shown."""
    lanes: tuple[LaneFrame, ...]

    @property
    def legend(self) -> tuple[TokenKind, ...]:
        """The kinds whose marks are explained."""
        return SERVED_LEGEND if self.lanes and all(lane.served for lane in self.lanes) else LEGEND

    @property
    def head(self) -> str:
        """Where it stands, in a line."""
        of = f"{self.number} of {self.takes} · " if self.takes > 1 else ""
        return f"{of}{self.clock:.0f} of {self.length:.0f} ms{f' · {self.models}' if self.models else ''}"


def frame_of(replay: Replay) -> Frame:
    """The moment at which a replay stands."""
    take, models = replay.take, replay.models
    words = f"{models.model} ← {models.draft or 'no draft'}, {models.dtype}, {models.device}" if models else ""
    records = replay.shown()
    lanes = tuple(_lane(name, replay.lanes[name], records) for name in take.lanes if name in replay.lanes)
    clock = min(max(0.0, replay.clock - take.start_ms), take.length_ms)
    return Frame(
        replay.number + 1, len(replay.takes), clock, take.length_ms,
        replay.question(replay.number) if replay.takes else "", words, replay.left_out, lanes,
    )  # fmt: skip


def frames(replay: Replay, count: int) -> Iterator[Frame]:
    """So many frames of the take in which a replay stands, evenly spread; the last one is its end."""
    take = replay.take
    for index in range(1, count + 1):
        if index == count:
            replay.go_to(take.end)
        else:
            replay.seek(take.start_ms + take.length_ms * index / count)
        yield frame_of(replay)


def _lane(name: str, state: LaneState, records: Sequence[Record]) -> LaneFrame:
    text = Text()
    text.feed(record for record in records if getattr(record, "lane", None) == name)
    said = sentence(state.step) if state.step else served_sentence(state.told) if state.told else ""
    title = mode_title(state.mode)
    return LaneFrame(
        title if name in (state.mode, "chat") else f"{name}: {title}",
        tuple(text.tokens),
        str(answer_line(state.meter)),
        said,
        (state.end.end.message or "") if state.end else "",
        state.mode == SERVED,
    )


def mode_title(name: str) -> str:
    """What people call a mode; one that this version does not know is its name."""
    return MODES[name].title if name in MODES else name


class Text:
    """The text of an answer as a reader meets it, with what was refused on the way."""

    def __init__(self) -> None:
        self.tokens: list[Token] = []
        self._pieces: dict[int, int] = {}
        """Number of a server's piece -> its place among the tokens."""

    def feed(self, records: Iterable[Record]) -> None:
        """Take in records of one lane, in order."""
        for record in records:
            match record:
                case Told(kinds=kinds):
                    self._recolour(kinds)
                case ServedText(index=index):
                    self._pieces[index] = len(self.tokens)
            self.tokens += _added(record)

    def _recolour(self, kinds: Sequence[TokenKind]) -> None:
        """What a server's pieces were, which it told only at the end."""
        for index, place in self._pieces.items():
            if index < len(kinds):
                self.tokens[place] = kinds[index], self.tokens[place][1]


def _added(record: Record) -> list[Token]:
    match record:
        case PrefillText(text=text):
            return [("target", text)]
        case StepText():
            return told(record)
        case ServedText(text=text, kind=kind):
            return [(kind or "target", text)]
        case SwitchText(switch=switch):
            return [("seam", f" ⇢ {mode_title(switch.mode)} ")]
        case EndText(tail=tail) if tail:
            return [("target", tail)]
    return []


def marked(tokens: Sequence[Token]) -> Iterator[tuple[TokenKind, str]]:
    """Tokens that follow each other and are alike, as one."""
    for kind, group in groupby(tokens, lambda token: token[0]):
        yield kind, "".join(text for _, text in group)


def text_frame(frame: Frame) -> str:
    """Lines of text in which what was drafted stands in brackets with its mark."""
    parts = [f"— {frame.head}", f"❯ {frame.question}"]
    for lane in frame.lanes:
        told_words = "".join(_bracketed(kind, text) for kind, text in marked(lane.tokens))
        left = f"({frame.left_out} earlier steps are not shown) " if frame.left_out else ""
        parts += ["", f"● {lane.title}", left + told_words]
        parts += [line for line in (lane.message, lane.step, lane.numbers) if line]
    return "\n".join([*parts, "", legend(frame.legend), ""])


def _bracketed(kind: TokenKind, text: str) -> str:
    if kind == "target":
        return text
    return f"[{LOOKS[kind].mark}{text if kind in ('accepted', 'correction', 'bonus') else shown(text)}]"


def markdown_frame(frame: Frame) -> str:
    """Markdown: what was accepted is underlined, what was rejected is struck out, each with its mark."""
    parts = [f"> {_escaped(frame.head)}", f"**You:** {_escaped(frame.question)}"]
    for lane in frame.lanes:
        body = "".join(_styled(kind, text) for kind, text in marked(lane.tokens))
        parts += [f"### {_escaped(lane.title)}", body]
        parts += [f"> {_escaped(line)}" for line in (lane.message, lane.step, lane.numbers) if line]
    return "\n\n".join([*parts, f"> {_escaped(legend(frame.legend))}"]) + "\n"


_MARKUP: dict[TokenKind, tuple[str, str]] = {
    "accepted": ("<u>", "</u>"),
    "rejected": ("<del>", "</del>"),
    "correction": ("<strong>", "</strong>"),
    "bonus": ("<strong><u>", "</u></strong>"),
    "unreached": ("<del><sub>", "</sub></del>"),
    "cut": ("<del>", "</del>"),
    "seam": ("<em>", "</em>"),
}


def _styled(kind: TokenKind, text: str) -> str:
    if kind not in _MARKUP:
        return _escaped(text)
    begin, end = _MARKUP[kind]
    words = text if kind in ("accepted", "correction", "bonus") else shown(text)
    return f"{begin}<sup>{_escaped(LOOKS[kind].mark)}</sup>{_escaped(words)}{end}"


def _escaped(text: str) -> str:
    """The same characters for a reader of Markdown; lines stay lines."""
    return _SIGNS.sub(r"\\\1", text).replace("\n", "  \n")


def svg_frame(frame: Frame) -> str:
    """A picture: one cell a character, colours, lines through and under text, and marks in the legend."""
    y = 0
    out: list[str] = []

    def line(words: str, kind: TokenKind = "target", weight: str = "normal") -> None:
        nonlocal y
        for part in wrap(words, COLUMNS) or [""]:
            out.append(_svg_text(0, y, part, kind, weight))
            y += 1

    line(frame.head, "unreached")
    line(f"❯ {frame.question}", weight="bold")
    for lane in frame.lanes:
        y += 1
        line(f"● {lane.title}", weight="bold")
        for row in _svg_rows(lane.tokens):
            column = 0
            for kind, text in row:
                out.append(_svg_text(column, y, text, kind))
                column += cell_len(text)
            y += 1
        for words in (lane.message, lane.step, lane.numbers):
            if words:
                line(words, "unreached")
    y += 1
    column = 0
    for kind in frame.legend:
        words = f"{LOOKS[kind].mark} {LOOKS[kind].word}"
        out.append(_svg_text(column, y, words, kind))
        column += len(words) + 3
    width, height = COLUMNS * _CELL + 2 * _EDGE, (y + 1) * _ROW + 2 * _EDGE
    title = escape(f"spectui: {frame.question}"[:200], quote=False)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" viewBox="0 0 {width:.0f} {height:.0f}" '
        f'width="{width:.0f}" height="{height:.0f}" font-family="monospace" font-size="14"><title>{title}</title>'
        f'<rect width="100%" height="100%" fill="#ffffff"/>{"".join(out)}</svg>\n'
    )


def _svg_rows(tokens: Sequence[Token]) -> Iterator[list[Token]]:
    """Rows of at most ``COLUMNS`` cells, broken between tokens where that is possible."""
    row: list[Token] = []
    used = 0
    for kind, text in tokens:
        stands = kind in ("target", "accepted", "correction", "bonus")
        for number, part in enumerate(text.split("\n") if stands else [shown(text)]):
            if number:
                yield row
                row, used = [], 0
            part = part.replace("\t", "    ")
            if used + cell_len(part) > COLUMNS:
                yield row
                row, used = [], 0
            while cell_len(part) > COLUMNS:
                head = set_cell_size(part, COLUMNS).rstrip() or part[:1]
                yield [(kind, head)]
                part = part[len(head) :]
            if part:
                row.append((kind, part))
                used += cell_len(part)
    if row:
        yield row


def _svg_text(column: float, row: int, text: str, kind: TokenKind, weight: str = "normal") -> str:
    if not text:
        return ""
    look = LOOKS[kind]
    x, y, width = _EDGE + column * _CELL, _EDGE + row * _ROW, cell_len(text) * _CELL
    line = "line-through" if "strike" in look.attributes else "underline" if kind in ("accepted", "bonus") else "none"
    bold = "bold" if "bold" in look.attributes else weight
    ground = _GROUNDS.get(look.ground or "")
    behind = f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{_ROW}" fill="{ground}"/>' if ground else ""
    return (
        f'{behind}<text x="{x:.1f}" y="{y + 15:.1f}" fill="{_INKS[look.hue]}" font-weight="{bold}" '
        f'text-decoration="{line}" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs" xml:space="preserve">'
        f"{escape(text, quote=False)}</text>"
    )


FORMATS: dict[str, tuple[str, Callable[[Frame], str]]] = {
    "text": ("txt", text_frame),
    "markdown": ("md", markdown_frame),
    "svg": ("svg", svg_frame),
}
"""Name of a format -> the ending of its files, and what writes it."""
