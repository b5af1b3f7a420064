"""The transcript: every token with its look, in a viewport of its own that costs the same at any length."""

from typing import Any, ClassVar, Literal

from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive, var
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from ...record.events import EndText, PrefillText, StepText
from ..steady import Steady
from ..transcript.document import CLEAN, Document
from ..transcript.flow import Flow
from ..transcript.painter import Overlay, Painter, Palette, index_at
from ..transcript.position_mark import PositionMark, position_mark
from ..transcript.selection import selected_source
from ..transcript.viewport import Position, Viewport
from .transcript_style import TRANSCRIPT_CLASSES, TRANSCRIPT_CSS, palette

View = Literal["clean", "colour", "trace"]
VIEWS: tuple[View, ...] = ("clean", "colour", "trace")
WHEEL_ROWS = 3
NOTHING = Overlay()


class Transcript(Steady, Widget, can_focus=True):
    """Shows questions and answers, and which step each token came from.

    It scrolls by itself and never sets ``virtual_size``, so that growing costs no layout. All text given to it must
    have been sanitised.
    """

    DEFAULT_CSS = TRANSCRIPT_CSS
    COMPONENT_CLASSES: ClassVar[set[str]] = TRANSCRIPT_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up,k", "scroll_by(-1)", "Up", id="transcript.up", show=False),
        Binding("down,j", "scroll_by(1)", "Down", id="transcript.down", show=False),
        Binding("pageup", "page(-1)", "Page up", id="transcript.page_up", show=False),
        Binding("pagedown", "page(1)", "Page down", id="transcript.page_down", show=False),
        Binding("home,g", "home", "Top", id="transcript.top", show=False),
        Binding("end,G", "end", "End, follow", id="transcript.end", show=False),
        Binding("space", "pause", "Hold still", id="transcript.pause", show=False),
        Binding("full_stop", "step(1)", "Next step", id="transcript.next_step"),
        Binding("comma", "step(-1)", "Previous step", id="transcript.previous_step"),
        Binding("y", "copy", "Copy answer", id="transcript.copy"),
    ]

    view: reactive[View] = reactive("colour", init=False, repaint=False)
    paused: var[bool] = var(False, init=False)
    """Whether the display holds still while text goes on arriving."""

    class StepSelected(Message):
        """A person has chosen a step; answers are numbered from 0, a dropped one gives its number back."""

        def __init__(self, answer: int, step: int) -> None:
            super().__init__()
            self.answer, self.step = answer, step

    class FollowChanged(Message):
        """The view began or ceased to follow the end, or to hold still."""

        def __init__(self, follow: bool, paused: bool) -> None:
            super().__init__()
            self.follow, self.paused = follow, paused

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.document = Document()
        self.selected: tuple[int, int] | None = None
        """The chosen (answer, step)."""
        self._viewport = Viewport(self.document)
        self._rows: list[Position] = []
        self._shape = (0, 0, CLEAN)
        self._painter: Painter | None = None
        self._palette: Palette | None = None
        self._position = PositionMark()
        self._edge = Position(0, 0)
        self._pending = False
        self._told = (True, False)

    # -- what it shows

    def begin_question(self, text: str) -> None:
        """What the person asked."""
        self.document.begin_question(text)
        self._grown()

    def begin_answer(self, title: str, note: str = "") -> None:
        """An answer begins in the mode with this title."""
        self.document.begin_answer(title, note)
        self._grown()

    def add_first(self, record: PrefillText) -> None:
        """The token that prefill yields."""
        self.document.add_first(record)
        self._grown()

    def add_step(self, record: StepText) -> None:
        """What a step added."""
        self.document.add_step(record)
        self._grown()

    def seam(self, title: str) -> None:
        """Another mode takes over inside the answer."""
        self.document.seam(title)
        self._grown()

    def end_answer(self, record: EndText, summary: str, legend: bool = True) -> None:
        """The answer is over; an error that ended it is shown before the summary."""
        self.document.end_answer(record, summary, legend)
        self._grown()

    def error(self, text: str) -> None:
        """A failure, in place."""
        self.document.error(text)
        self._grown()

    def drop_answer(self) -> None:
        """Take the last answer back."""
        self.document.drop_answer()
        self.selected = None
        self._reset()

    def clear(self) -> None:
        """Forget everything and follow the end again."""
        self.document = Document()
        self._viewport = Viewport(self.document)
        self._shape = (0, 0, CLEAN)
        self.selected, self.paused = None, False
        self._reset()

    # -- which part is on show

    @property
    def follow(self) -> bool:
        """Whether the end stays in view; scrolling up releases it, coming back near the end takes it up."""
        return self._viewport.follow

    @follow.setter
    def follow(self, follow: bool) -> None:
        self._viewport.follow = follow
        self._moved()

    def action_scroll_by(self, rows: int) -> None:
        """Move down, or up if negative."""
        self._viewport.scroll(rows)
        self._moved()

    def action_page(self, pages: int) -> None:
        """Move by pages that overlap by one row."""
        self.action_scroll_by(pages * max(1, self.size.height - 1))

    def action_home(self) -> None:
        """Go to the beginning."""
        self._viewport.home()
        self._moved()

    def action_end(self) -> None:
        """Go to the end and follow it."""
        self.paused = False
        self._viewport.end()
        self._moved()

    def action_pause(self) -> None:
        """Hold the display still, or let it go on; nothing that arrives is lost."""
        self.paused = not self.paused

    def watch_paused(self) -> None:
        """Catch up after a pause."""
        self._viewport.settle()
        self._moved()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel."""
        event.stop()
        self.action_scroll_by(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel."""
        event.stop()
        self.action_scroll_by(WHEEL_ROWS)

    def watch_view(self) -> None:
        """Show more or less of the same text; what stood at the top stays there."""
        self._palette = None
        if self.is_attached:
            self.screen.clear_selection()
        self._reset()

    # -- steps

    def select_step(self, answer: int, step: int) -> None:
        """Mark the tokens of a step, and tell about it."""
        self.selected = (answer, step)
        self.refresh(self._all)
        self.post_message(self.StepSelected(answer, step))

    def action_step(self, by: int) -> None:
        """Choose the step after or before the chosen one; at first the last step there is."""
        answer, step = self.selected or (self.document.answers - 1, None)
        if not 0 <= answer < self.document.answers or not (count := self.document.steps(answer)):
            return
        number = count - 1 if step is None else min(count - 1, max(0, step + by))
        self.select_step(answer, number)
        place = self._viewport.place_of(answer, number)
        if place is not None:
            self._viewport.show(place)
            self._moved()

    def on_click(self, event: events.Click) -> None:
        """Choose the step of the token under the pointer."""
        if self.text_selection is not None or not 0 <= event.y < len(self._rows):
            return
        at = self._rows[event.y]
        paragraph, flow = self.document.paragraphs[at.paragraph], self._viewport.flow(at.paragraph)
        index = index_at(flow, at.row, event.x - self._viewport.indent)
        step = next((piece.step for piece, _, _ in flow.pieces(index, index + 1)), -1)
        if paragraph.answer >= 0 and step >= 0 and event.x >= self._viewport.indent:
            self.select_step(paragraph.answer, step)

    # -- copying

    def answer_text(self, answer: int = -1) -> str:
        """The plain text of an answer, by default the last; empty if there is none."""
        return self.document.answer_text(answer)

    def selected_text(self) -> str:
        """The plain text that the mouse has selected; empty if nothing is."""
        selection = self.text_selection
        return selected_source(self._viewport, selection) if selection is not None else ""

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        """The same for Textual's own copying."""
        return selected_source(self._viewport, selection), "\n"

    def selection_updated(self, selection: Selection | None) -> None:
        """Show what is selected."""
        self.refresh(self._all)

    def action_copy(self) -> None:
        """Copy what is selected, or the last answer."""
        text = self.selected_text() or self.answer_text()
        if text:
            self.app.copy_to_clipboard(text)
            self.notify("copied", timeout=2)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Scroll when a selection is dragged to the edge."""
        if event.button == 1 and self.text_selection is not None:
            if event.y <= 0:
                self.action_scroll_by(-1)
            elif event.y >= self.size.height - 1:
                self.action_scroll_by(1)

    # -- painting

    def render_line(self, y: int) -> Strip:
        """One row of the viewport, with the offsets by which Textual finds what the mouse selects."""
        return self._paint(range(y, y + 1), offsets=True)[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they go to the terminal; kept rows skip Textual's own cache, which would copy them."""
        if self.styles.gutter or self.opacity < 1:
            return super().render_lines(crop)
        console, (_, background) = self.app.console, self.background_colors
        strips = self._paint(range(*crop.line_span))
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        for strip in strips:
            strip.render(console)  # remembered by the strip
        if crop.column_span != (0, self.size.width):
            return [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _paint(self, rows: range, offsets: bool = False) -> list[Strip]:
        self._shape_up()
        painter, selection = self._brush(), self.text_selection
        return [self._paint_row(painter, y, selection, offsets) for y in rows]

    def _paint_row(self, painter: Painter, y: int, selection: Selection | None, offsets: bool) -> Strip:
        mark = self._position.sign(y) if self._has_mark else ""
        if y >= len(self._rows):
            return painter.blank(mark, self._end if offsets else None)
        at = self._rows[y]
        paragraph, flow = self.document.paragraphs[at.paragraph], self._flow(at.paragraph)
        selected = selection.get_span(at.paragraph) if selection is not None else None
        chosen = self.selected[1] if self.selected and self.selected[0] == paragraph.answer else None
        overlay = Overlay(selected, chosen) if selected or chosen is not None else NOTHING
        return painter.row(paragraph, flow, at, mark, overlay, offsets)

    @property
    def _end(self) -> tuple[int, int]:
        """The offset of the document's end."""
        last = len(self.document.paragraphs) - 1
        return (len(self._flow(last).text), last) if last >= 0 else (0, 0)

    def _flow(self, index: int) -> Flow:
        """A paragraph's layout; while the display is held still, the one that it had before."""
        kept = self.document.paragraphs[index].flow if self.paused else None
        return kept or self._viewport.flow(index)

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._palette = None

    @property
    def _all(self) -> Region:
        return Region(0, 0, self.size.width, self.size.height)

    @property
    def _has_mark(self) -> bool:
        return self._shape[0] > 3

    def _brush(self) -> Painter:
        """The painter for the theme, view and size as they are."""
        if self._palette is None:
            self._palette = palette(self, clean=self.view == "clean")
            self._painter = None
            self._viewport.forget_strips()
        if self._painter is None:
            self._painter = Painter(self._palette, self.size.width, self._viewport.indent)
        return self._painter

    # -- keeping what is shown and what there is together

    def _shape_up(self) -> bool:
        """Lay out anew if size or view have changed; whether they had."""
        shape = (self.size.width, self.size.height, VIEWS.index(self.view))
        if shape == self._shape:
            return False
        self._shape = shape
        self._painter = None
        self._viewport.reshape(self.size.width - self._has_mark, self.size.height, shape[2])
        self._take_rows()
        return True

    def _grown(self) -> None:
        """Show what was added, once for all that is added before the next turn of the loop."""
        if not self._pending and self.is_running:
            self._pending = True
            self.call_later(self._settle)

    def _settle(self) -> None:
        """Repaint what growth has changed: the last rows, or everything if the view had to move."""
        self._pending = False
        top, position, edge, rows = self._viewport.top, self._position, self._edge, len(self._rows)
        if self._shape_up():
            self.refresh(self._all)
        elif not self.paused:
            self._viewport.settle()
            self._take_rows()
            if self._viewport.top != top:
                self.refresh(self._all)
            else:
                first = next((y for y, at in enumerate(self._rows) if at >= edge), self.size.height)
                self._refresh_rows(first, max(rows, len(self._rows)))
                if self._position != position:
                    self.refresh(Region(self.size.width - 1, 0, 1, self.size.height))
        self._tell()

    def _refresh_rows(self, first: int, end: int) -> None:
        if first < end:
            self.refresh(Region(0, first, self.size.width, end - first))

    def _moved(self) -> None:
        """Show another part."""
        self._take_rows()
        self.refresh(self._all)
        self._tell()

    def _reset(self) -> None:
        """Lay out and paint anew."""
        self._shape = (0, 0, -1)
        self.refresh(self._all)
        self._tell()

    def _take_rows(self) -> None:
        """Fix which rows are on show, and from which row on growth can change them."""
        self._rows = self._viewport.rows()
        self._position = position_mark(self._viewport, self._rows, self.paused)
        self._edge = self._viewport.edge()

    def _tell(self) -> None:
        state = (self.follow, self.paused)
        if state != self._told:
            self._told = state
            self.post_message(self.FollowChanged(*state))
