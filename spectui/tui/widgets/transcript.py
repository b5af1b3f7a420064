"""The transcript: every token with its look, in a viewport of its own that costs the same at any length."""

from typing import Any, ClassVar

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from ...record.events import EndText, PrefillText, StepText
from ...run import told
from ..document import Block, Document, View
from ..tokens import LOOKS
from ..wrap import Line

GUTTER = {"question": "▌ ", "heading": "", "error": "! ", "note": "  ", "answer": "  ", "blank": ""}
INDENT = 2
PLAIN = ("text", "heading", "question", "note", "error", "gutter", "mark", "selected")


class Transcript(Widget, can_focus=True):
    """Shows questions and answers; never uses ``virtual_size``, so that growing costs no layout."""

    DEFAULT_CSS = """
    Transcript { height: 1fr; background: $background; }
    Transcript > .transcript--heading { color: $token-muted; text-style: bold; }
    Transcript > .transcript--question { color: $foreground; text-style: bold; }
    Transcript > .transcript--note { color: $token-muted; }
    Transcript > .transcript--error { color: $text-error; }
    Transcript > .transcript--seam { color: $token-seam; text-style: italic; }
    Transcript > .transcript--gutter { color: $primary; }
    Transcript > .transcript--mark { color: $primary; }
    Transcript > .transcript--selected { background: $panel; }
    Transcript > .transcript--accepted { color: $token-accepted; }
    Transcript > .transcript--rejected { color: $token-rejected; text-style: strike; }
    Transcript > .transcript--correction { text-style: bold; }
    Transcript > .transcript--bonus { text-style: bold; }
    Transcript > .transcript--unreached { color: $token-muted; }
    Transcript > .transcript--cut { color: $token-muted; text-style: strike; }
    Transcript:nocolor > .transcript--accepted { text-style: underline; }
    Transcript:nocolor > .transcript--bonus { text-style: bold underline; }
    Transcript:nocolor > .transcript--selected { text-style: reverse; }
    """
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"transcript--{name}" for name in (*PLAIN, *LOOKS)}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", "Up", id="transcript.up", show=False),
        Binding("down,j", "scroll_by(1)", "Down", id="transcript.down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="transcript.page_up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="transcript.page_down", show=False),
        Binding("home,g", "scroll_by(-1000000)", "Top", id="transcript.top", show=False),
        Binding("end,G", "end", "End, follow", id="transcript.end", show=False),
        Binding("full_stop", "step(1)", "Next step", id="transcript.next_step"),
        Binding("comma", "step(-1)", "Previous step", id="transcript.previous_step"),
        Binding("y", "copy", "Copy answer", id="transcript.copy"),
    ]

    view: reactive[View] = reactive("colour", init=False)

    class StepSelected(Message):
        """A person has chosen a step of an answer."""

        def __init__(self, answer: int, step: int) -> None:
            super().__init__()
            self.answer, self.step = answer, step

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.document = Document()
        self.follow = True
        self.top = 0
        self.selected: tuple[int, int] | None = None
        self._answer = -1
        self._strips: dict[int, Strip] = {}
        self._styles: dict[str, Style] = {}
        self._painted = 0

    # -- content

    def begin_question(self, text: str) -> None:
        """A person has asked."""
        if self.document.blocks:
            self._block("blank")
        self._block("heading", "You", "heading")
        self._block("question", text, "question")
        self._touch()

    def begin_answer(self, title: str) -> None:
        """An answer begins in a mode with this title."""
        self._answer += 1
        self._block("blank")
        self._block("heading", title, "heading")
        self.document.begin("answer", self._answer)
        self._touch()

    def add_first(self, record: PrefillText) -> None:
        """The token that prefill yields."""
        self.document.add(record.text, "target", -1)
        self._touch()

    def add_step(self, record: StepText) -> None:
        """A step's tokens, with those that were refused for the trace view."""
        index = record.step.index
        for kind, text in told(record):
            self.document.add(text, kind, index)
        self._touch()

    def seam(self, title: str) -> None:
        """Another mode takes over here."""
        self.document.add(f" ⇢ {title} ", "seam")
        self._touch()

    def end_answer(self, record: EndText, summary: str) -> None:
        """The answer is over; what was held back, then the numbers."""
        self.document.add(record.tail, "target", -1)
        if record.end.message:
            self._block("error", record.end.message, "error")
        self._block("note", summary, "note")
        self._touch()

    def error(self, text: str) -> None:
        """Something went wrong."""
        self._block("error", text, "error")
        self._touch()

    def drop_answer(self) -> None:
        """Forget the last answer, from its heading on."""
        last = max((i for i, block in enumerate(self.document.blocks) if block.kind == "answer"), default=None)
        if last is not None:
            self.document.drop(len(self.document.blocks) - last + 2)
            self._answer -= 1
            self._reset()

    def clear(self) -> None:
        """Forget everything."""
        self.document.blocks.clear()
        self.document.layout(self._text_width, self.view)
        self._answer, self.selected, self.top, self.follow = -1, None, 0, True
        self._reset()

    def answer_text(self) -> str:
        """The last answer, as the model gave it."""
        return next((b.text for b in reversed(self.document.blocks) if b.kind == "answer"), "")

    def _block(self, kind: Any, text: str = "", look: str = "text") -> Block:
        block = self.document.begin(kind)
        self.document.add(text, look)
        return block

    # -- painting

    @property
    def _text_width(self) -> int:
        return max(1, self.size.width - INDENT - 1)

    @property
    def _last_top(self) -> int:
        return max(0, len(self.document) - self.size.height)

    def _touch(self) -> None:
        """Repaint what a growth at the end has changed; everything only if the view had to move."""
        first = max(0, self._painted - 1)
        self._painted = len(self.document)
        for number in range(first, self._painted):
            self._strips.pop(number, None)
        top = self._last_top if self.follow else self.top
        if top != self.top or self.size.height == 0:
            self.top = top
            self.refresh()
            return
        rows = range(max(0, first - top), min(self.size.height, self._painted - top))
        if len(rows):
            self.refresh(Region(0, rows[0], self.size.width, len(rows)))

    def _reset(self) -> None:
        self._strips.clear()
        self._painted = len(self.document)
        self.top = self._last_top if self.follow else min(self.top, self._last_top)
        self.refresh()

    def render_line(self, y: int) -> Strip:
        """One row of the viewport."""
        number = self.top + y
        width = self.size.width
        strip = self._strips.get(number)
        if strip is None or self.text_selection is not None:
            strip = self._strip(number)
            if self.text_selection is None and number < len(self.document) - 1:
                self._strips[number] = strip
        strip = strip.crop_extend(0, max(0, width - 1), self.rich_style).apply_offsets(0, number)
        return Strip([*strip, self._position(y)], width)

    def _strip(self, number: int) -> Strip:
        if number >= len(self.document):
            return Strip.blank(max(0, self.size.width - 1), self.rich_style)
        block, line = self.document.line(number)
        gutter = GUTTER[block.kind]
        segments = [Segment(gutter, self._style("gutter"))] if gutter else []
        for span in line.spans:
            style = self._style(span.kind)
            if self.selected == (block.answer, span.step) and block.answer >= 0:
                style += self._style("selected")
            segments.append(Segment(span.text, style))
        strip = Strip(segments)
        return self._highlighted(strip, number) if self.text_selection is not None else strip

    def _highlighted(self, strip: Strip, number: int) -> Strip:
        assert self.text_selection is not None
        span = self.text_selection.get_span(number)
        if span is None:
            return strip
        start, end = span[0], len(strip.text) if span[1] == -1 else span[1]
        style = self.screen.get_component_rich_style("screen--selection")
        made: list[Segment] = []
        at = 0
        for segment in strip:
            a, b = max(0, start - at), max(0, min(len(segment.text), end - at))
            parts = ((segment.text[:a], False), (segment.text[a:b], True), (segment.text[max(a, b) :], False))
            own = segment.style or Style.null()
            made += [Segment(text, own + style if lit else own) for text, lit in parts if text]
            at += len(segment.text)
        return Strip(made)

    def _style(self, kind: str) -> Style:
        if kind not in self._styles:
            name = f"transcript--{kind}"
            known = name in self.COMPONENT_CLASSES
            self._styles[kind] = self.get_component_rich_style(name, partial=True) if known else Style.null()
        return self.rich_style + self._styles[kind]

    def _position(self, y: int) -> Segment:
        """The rightmost column: a mark where the viewport stands in the whole."""
        total, height = len(self.document), self.size.height
        if total <= height or not height:
            return Segment(" ", self.rich_style)
        length = max(1, height * height // total)
        start = round(self.top / max(1, total - height) * (height - length))
        return Segment("▐" if start <= y < start + length else " ", self._style("mark"))

    def notify_style_update(self) -> None:
        """Colours have changed."""
        self._styles.clear()
        self._strips.clear()
        super().notify_style_update()

    # -- moving

    def watch_view(self) -> None:
        """Wrap anew for another view."""
        self._relayout()

    def on_resize(self) -> None:
        """Wrap anew; what stood at the top stays there."""
        self._relayout()

    def _relayout(self) -> None:
        place = self.document.place(self.top) if self.document.blocks and not self.follow else None
        self.document.layout(self._text_width, self.view)
        if place is not None:
            self.top = self.document.find(place)
        self._reset()

    def action_scroll_by(self, rows: int) -> None:
        """Move; upwards lets go of the end, within two rows of it follows again."""
        self.top = max(0, min(self._last_top, self.top + rows))
        self.follow = rows > 0 and self.top >= self._last_top - 2
        if self.follow:
            self.top = self._last_top
        self.refresh()

    def action_page(self, pages: int) -> None:
        """Move by pages."""
        self.action_scroll_by(pages * max(1, self.size.height - 1))

    def action_end(self) -> None:
        """Go to the end and follow it."""
        self.follow, self.top = True, self._last_top
        self.refresh()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel."""
        self.action_scroll_by(-3)
        event.stop()

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel."""
        self.action_scroll_by(3)
        event.stop()

    # -- choosing and copying

    def on_click(self, event: events.Click) -> None:
        """Choose the step of the token under the pointer."""
        number = self.top + event.y
        if number >= len(self.document):
            return
        block, line = self.document.line(number)
        step = _step_at(line, event.x - len(GUTTER[block.kind]))
        if block.answer >= 0 and step is not None and step >= 0:
            self.select_step(block.answer, step)

    def select_step(self, answer: int, step: int) -> None:
        """Mark a step's tokens and tell about it."""
        self.selected = (answer, step)
        self._strips.clear()
        self.refresh()
        self.post_message(self.StepSelected(answer, step))

    def action_step(self, by: int) -> None:
        """Choose the next or previous step."""
        answer, step = self.selected or (self._answer, -1)
        steps = [p.step for b in self.document.blocks if b.answer == answer >= 0 for p in b.pieces if p.step >= 0]
        if steps:
            self.select_step(answer, min(max(steps), max(0, step + by)))

    def action_copy(self) -> None:
        """Copy what is selected, or the last answer."""
        chosen = self.screen.get_selected_text()
        self.app.copy_to_clipboard(chosen or self.answer_text())
        self.notify("copied", timeout=2)

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The text under a mouse selection, without gutters and without the breaks that wrapping made."""
        found: list[str] = []
        for number in range(len(self.document)):
            span = selection.get_span(number)
            if span is None:
                continue
            block, line = self.document.line(number)
            indent, text = len(GUTTER[block.kind]), line.text
            end = len(text) if span[1] == -1 else max(0, span[1] - indent)
            last = line is block.wrapper.lines[-1]
            whole = span[1] == -1
            found.append(text[max(0, span[0] - indent) : end] + ("\n" if whole and (line.hard or last) else ""))
        return ("".join(found).rstrip("\n"), "\n") if found else None

    def selection_updated(self, selection: Selection | None) -> None:
        """The selection has changed."""
        self._strips.clear()
        self.refresh()


def _step_at(line: Line, x: int) -> int | None:
    at = 0
    for span in line.spans:
        at += cell_len(span.text)
        if x < at:
            return span.step
    return None
