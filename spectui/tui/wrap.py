"""Incremental word wrapping of styled pieces; appending costs the same however long the text is."""

import re
from dataclasses import dataclass, field

from rich.cells import cell_len

_UNITS = re.compile(r"\n|[^\S\n]+|\S+")
TAB = "    "


@dataclass(slots=True)
class Span:
    """A run of text in one line with one look; ``step`` is the decoding step it came from, -1 for none."""

    text: str
    kind: str
    step: int = -1


@dataclass(slots=True)
class Line:
    """One row of text; ``hard`` tells that the text itself ends the line here."""

    spans: list[Span] = field(default_factory=list)
    cells: int = 0
    hard: bool = False

    @property
    def text(self) -> str:
        """What the row says."""
        return "".join(span.text for span in self.spans)

    def add(self, text: str, kind: str, step: int, cells: int) -> None:
        """Append to the row, joining with the last run if it looks the same."""
        if self.spans and self.spans[-1].kind == kind and self.spans[-1].step == step:
            self.spans[-1].text += text
        else:
            self.spans.append(Span(text, kind, step))
        self.cells += cells


class Wrapper:
    """Breaks pieces into lines of at most ``width`` cells; spaces at a break stay at the end of their line."""

    def __init__(self, width: int) -> None:
        self.width = max(1, width)
        self.lines: list[Line] = [Line()]

    def add(self, text: str, kind: str, step: int = -1) -> None:
        """Append a piece."""
        text = text.replace("\t", TAB)
        line = self.lines[-1]
        cells = cell_len(text)
        if "\n" not in text and line.cells + cells <= self.width:
            line.add(text, kind, step, cells)
            return
        for unit in _UNITS.findall(text):
            self._unit(unit, kind, step)

    def _unit(self, unit: str, kind: str, step: int) -> None:
        line = self.lines[-1]
        if unit == "\n":
            line.hard = True
            self.lines.append(Line())
            return
        cells = cell_len(unit)
        if unit.isspace() or line.cells + cells <= self.width:
            line.add(unit, kind, step, cells)
            return
        self._carry_word()
        if self.lines[-1].cells + cells <= self.width:
            self.lines[-1].add(unit, kind, step, cells)
            return
        for character in unit:
            size = cell_len(character)
            if self.lines[-1].cells + size > self.width and self.lines[-1].cells:
                self.lines.append(Line())
            self.lines[-1].add(character, kind, step, size)

    def _carry_word(self) -> None:
        """Begin a new line, with the unfinished word at the end of this one if a space stands before it."""
        line, new = self.lines[-1], Line()
        carried: list[Span] = []
        while line.spans and not line.spans[-1].text[-1].isspace():
            span = line.spans.pop()
            cut = max((i + 1 for i, c in enumerate(span.text) if c.isspace()), default=0)
            carried.append(Span(span.text[cut:], span.kind, span.step))
            if cut:
                line.spans.append(Span(span.text[:cut], span.kind, span.step))
                break
        if not line.spans:
            line.spans = carried[::-1]
            if line.cells < self.width:
                return
        else:
            for span in reversed(carried):
                new.add(span.text, span.kind, span.step, cell_len(span.text))
            line.cells -= new.cells
        self.lines.append(new)
