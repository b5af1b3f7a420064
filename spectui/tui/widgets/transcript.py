"""The transcript: every token with its look, in a viewport of its own that costs the same at any length."""

from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.selection import Selection
from textual.strip import Strip
from textual.widget import Widget

from ...config.settings import VIEWS
from ..actions import bindings
from ..lecture import LECTURE
from ..steady import Steady
from ..transcript.blocks import Fence
from ..transcript.document import Document
from ..transcript.viewport import Line, Viewport
from .painter import TRANSCRIPT_CLASSES, TRANSCRIPT_CSS, Painter, palette

WHEEL_ROWS = 3
ANY_SIZE = Size(0, 0)


class Transcript(Steady, Widget, can_focus=True):
    """Shows a document of questions and answers, and which step each token came from.

    What is added to ``document`` shows by itself. It scrolls by itself, too, and never sets ``virtual_size``, so that
    growing costs no layout. All text given to it must have been sanitised.
    """

    DEFAULT_CSS = TRANSCRIPT_CSS
    COMPONENT_CLASSES: ClassVar[set[str]] = TRANSCRIPT_CLASSES
    BINDINGS: ClassVar[list[BindingType]] = bindings("transcript")

    view: reactive[str] = reactive("colour", init=False, repaint=False)
    """One of ``VIEWS``."""

    class StepSelected(Message):
        """A person has chosen a step; answers are numbered from 0, a dropped one gives its number back."""

        def __init__(self, answer: int, step: int) -> None:
            super().__init__()
            self.answer, self.step = answer, step

    class FollowChanged(Message):
        """The view began or ceased to follow the end, or to hold still."""

    def __init__(self, room_for_asides: Size = ANY_SIZE, **kwargs: Any) -> None:
        """``room_for_asides`` is the size from which on numbers of an answer and the legend are shown."""
        super().__init__(**kwargs)
        self._room_for_asides = room_for_asides
        self.document = Document(self._grown)
        self.viewport = Viewport(self.document)
        self._painter: Painter | None = None
        self._shown: list[Line] = []
        self._growing = False
        self._told = (True, False)
        self._copied: Fence | None = None
        """The block of code that was copied last."""

    # -- the document changes

    def clear(self) -> None:
        """Forget everything and follow the end again."""
        self.document = Document(self._grown)
        self.viewport = Viewport(self.document, self.viewport.folded)
        self._show()

    def drop_answer(self) -> None:
        """Take the last answer back."""
        self.viewport.drop_answer()
        self._show()

    def rewind(self, answers: int) -> None:
        """Keep the first answers, and take back what came after them."""
        self.viewport.rewind(answers)
        self._show()

    def _grown(self) -> None:
        """Show what was added, once for all that is added before the next turn of the loop."""
        if not self._growing and self.is_running:
            self._growing = True
            self.call_later(self._settle)

    def _settle(self) -> None:
        self._growing = False
        self.viewport.settle()
        self._show()

    # -- a person moves

    def action_scroll_by(self, rows: int) -> None:
        """Move down, or up if negative."""
        self.viewport.scroll(rows)
        self._show()

    def action_page(self, pages: int) -> None:
        """Move by pages that overlap by one row."""
        self.action_scroll_by(pages * max(1, self.size.height - 1))

    def action_home(self) -> None:
        """Go to the beginning."""
        self.viewport.home()
        self._show()

    def action_end(self) -> None:
        """Go to the end and follow it."""
        self.viewport.end()
        self._show()

    def action_pause(self) -> None:
        """Hold the display still, or let it go on."""
        self.viewport.hold(not self.viewport.held)
        self._show()

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        """Wheel."""
        event.stop()
        self.action_scroll_by(-WHEEL_ROWS)

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        """Wheel."""
        event.stop()
        self.action_scroll_by(WHEEL_ROWS)

    def on_mouse_move(self, event: events.MouseMove) -> None:
        """Scroll when a selection is dragged to the edge."""
        if event.button == 1 and self.text_selection is not None:
            if event.y <= 0:
                self.action_scroll_by(-1)
            elif event.y >= self.size.height - 1:
                self.action_scroll_by(1)

    def next_view(self) -> None:
        """Show more of the same text, or least; what stood at the top stays there."""
        self.view = VIEWS[(VIEWS.index(self.view) + 1) % len(VIEWS)]

    def watch_view(self) -> None:
        """Show the same text in another view."""
        self._painter = None
        if self.is_attached:
            self.screen.clear_selection()
        self.refresh()

    # -- a person chooses and copies

    def action_step(self, by: int) -> None:
        """Choose the step after or before the chosen one; at first the last step there is."""
        if self.viewport.choose(by):
            self._step_chosen()

    def choose(self, answer: int, step: int) -> None:
        """Choose a step and show it."""
        self.viewport.chosen = answer, step
        if self.viewport.choose(0):
            self._show()
            self._step_chosen()

    def on_click(self, event: events.Click) -> None:
        """Choose the step of the token under the pointer; the line that says how long thoughts are folds them."""
        if self.text_selection is not None:
            return
        step = self.viewport.step_at(event.x, event.y)
        if self.viewport.is_fold(event.y):
            self.action_fold()
        elif step is not None:
            self.viewport.chosen = step
            self._step_chosen()

    def _step_chosen(self) -> None:
        assert self.viewport.chosen is not None
        self.post_message(self.StepSelected(*self.viewport.chosen))
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str]:
        """The plain text that the mouse has selected."""
        return self.viewport.source(selection.start, selection.end), "\n"

    def action_copy(self) -> None:
        """Copy what is selected, or the last answer."""
        selection = self.text_selection
        text = (self.get_selection(selection)[0] if selection else "") or self.document.answer_text()
        if text:
            self.app.copy_to_clipboard(text)
            self.notify("copied", timeout=2)

    def action_copy_code(self) -> None:
        """Copy the last block of code on show, else the last one there is; again: the one before it."""
        fences = self.document.fences
        if not fences:
            self.notify("there is no block of code", timeout=2)
            return
        shown = self.viewport.fences_on_show() or fences
        number = fences.index(self._copied) if self._copied in shown else fences.index(shown[-1]) + 1
        self._copied = fence = fences[(number - 1) % len(fences)]
        code, place = self.document.code(fence), fences.index(fence) + 1
        self.app.copy_to_clipboard(code + "\n")
        lines = code.count("\n") + 1
        which = f" ({place} of {len(fences)}; again copies the one before)" if len(fences) > 1 else ""
        self.notify(f"copied {lines} {'line' if lines == 1 else 'lines'} of {fence.language or 'code'}{which}",
                    timeout=3, markup=False)  # fmt: skip

    def action_fold(self) -> None:
        """Fold thoughts, or show them."""
        self.viewport.fold(not self.viewport.folded)
        self._show()

    # -- painting

    def render_line(self, y: int) -> Strip:
        """One row of the viewport, with the offsets by which Textual finds what the mouse selects."""
        return self._paint(slice(y, y + 1), offsets=True)[0]

    def render_lines(self, crop: Region) -> list[Strip]:
        """The rows as they go to the terminal; kept rows skip Textual's own cache, which would copy them."""
        console, (_, background) = self.app.console, self.background_colors
        strips = self._paint(slice(*crop.line_span))
        for line_filter in self.get_line_filters():
            strips = [strip.apply_filter(line_filter, background) for strip in strips]
        for strip in strips:
            strip.render(console)  # remembered by the strip
        if crop.column_span != (0, self.size.width):
            return [strip.crop(*crop.column_span) for strip in strips]
        return strips

    def _paint(self, rows: slice, offsets: bool = False) -> list[Strip]:
        self._lay_out()
        viewport, width, selection = self.viewport, self.size.width, self.text_selection
        if self._painter is None or self._painter.width != width:
            self._painter = Painter(palette(self, clean=self.view == "clean"), width, viewport.indent)
        answer, step = viewport.chosen or (None, None)
        strips = []
        for line in viewport.lines[rows]:
            index = line.place.paragraph
            selected = selection.get_span(index) if selection is not None else None
            chosen = step if line.paragraph.answer == answer else None
            place = (line.start, index) if index >= 0 else viewport.last_place
            strips.append(self._painter.paint(line, selected, chosen, place if offsets else None))
        return strips

    def notify_style_update(self) -> None:
        """Colours have changed."""
        super().notify_style_update()
        self._painter = None

    def _lay_out(self) -> None:
        """Lay out anew if size or view have changed."""
        self.viewport.reshape(*self.size, VIEWS.index(self.view), bare=self._bare)

    @property
    def _bare(self) -> bool:
        """Whether there is room for what is said, and for nothing that is said about it."""
        least = self._room_for_asides
        small = self.size.width < least.width or self.size.height < least.height
        if small or not self.is_attached:
            return small
        return self.screen.has_class("-short") or self.app.has_class(LECTURE)

    def _show(self) -> None:
        """Repaint the rows that have changed, and tell if following the end has."""
        self._lay_out()
        before, self._shown = self._shown, self.viewport.lines
        for y, line in enumerate(self._shown):
            if y >= len(before) or line != before[y]:
                self.refresh(Region(0, y, self.size.width, 1))
        told, self._told = self._told, (self.viewport.follow, self.viewport.held)
        if told != self._told:
            self.post_message(self.FollowChanged())
