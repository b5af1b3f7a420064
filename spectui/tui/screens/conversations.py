"""The conversations that are kept: find one, go on with it, rename, export or delete it."""

from asyncio import to_thread
from collections.abc import Callable
from contextlib import suppress
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import on, work
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.content import Content
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...present.pages import FORMATS, date_of, markdown, page, trace
from ...record.archived import MARK, UNMARK, Summary
from ...session.archive.archive import Archive
from ...system.errors import UserError
from ...system.files import file_stem
from ...system.sanitise import sanitise_line
from ..actions import bindings
from ..compositor import RowScreen
from ..widgets.keys import Keys
from .dialogs import ChoiceScreen, LineScreen

NUMBERS = 34
"""Cells for date, tokens and speed-up behind a name."""
HINT = "Search in what was said; enter goes on, down leads to the list"
DELETE, KEEP = "Delete it", "Keep it"


class List(OptionList):
    """The conversations; letters act on the one that is marked."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("list")


class ConversationsScreen(RowScreen):
    """A list and a line to search in; ``chosen`` is what a person goes on with."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    BINDINGS: ClassVar[list[BindingType]] = bindings("lists")

    def __init__(self, archive: Archive, keeps: bool) -> None:
        super().__init__()
        self.archive, self._keeps = archive, keeps
        self.head = Static(id="list-head", markup=False)
        self.titles = Static(id="list-titles", markup=False)
        self.search = Input(placeholder=HINT, id="list-search", compact=True)
        self.rows = List(id="list", compact=True)
        self.found: list[Summary] = []
        self.chosen: int | None = None
        self.new = False
        """Whether a person wants another conversation."""
        self.lost = False
        """Whether the one that goes on in the chat was deleted."""
        self.current: int | None = None
        """The one that goes on in the chat."""
        self._total = 0

    def compose(self) -> ComposeResult:
        """Head, search, list under its titles, keys."""
        yield self.head
        yield self.search
        yield self.titles
        yield self.rows
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the latest."""
        self.search.focus()
        self._look()

    # -- the list

    @work(exclusive=True, group="look")
    async def _look(self) -> None:
        """Search for what is written, beside the screen."""
        text, at = self.search.value, self._marked
        with suppress(UserError):  # nothing can be written
            self.current = await to_thread(lambda: self.archive.place[0])
        try:
            found, total = await to_thread(self.archive.newest)
            if text.strip():
                found = await to_thread(self.archive.search, text)
            trouble = ""
        except UserError as error:
            found, total, trouble = [], 0, str(error)
        if self.rows.is_attached:  # or the screen was left meanwhile
            self._show(found, total, trouble)
            self._mark(at)

    def _show(self, found: list[Summary], total: int, trouble: str = "") -> None:
        self.found, self._total = found, total
        self.titles.update(
            self._columns("  ", "first question or name", "last used", "model", "tokens", "speed-up") if found else ""
        )
        self.rows.clear_options()
        self.rows.add_options([Option(self._row(one)) for one in found])
        self.rows.highlighted = 0 if found else None
        searched = bool(self.search.value.strip())
        count = f"{len(found):,} of {total:,}" if searched or len(found) < total else f"{total:,}"
        where = "" if self._keeps else " · saving is off: these are gone when you leave"
        words = trouble or f"{count} conversation{'' if total == 1 else 's'}{where}"
        self.head.update(Content.assemble((" conversations ", "bold $primary"), (f" {words}", "$token-muted")))

    def _row(self, one: Summary) -> Content:
        """A conversation in one row, and in a second one what was found in it."""
        speedup = f"×{one.speedup:.2f}" if one.speedup is not None else "–"
        mark = "● " if one.id == self.current else "  "
        date = date_of(one.changed, with_time=False)
        row = self._columns(mark, sanitise_line(one.name), date, one.model, f"{one.tokens:,}", speedup)
        return Content.assemble(row, *_excerpt(one.excerpt, self.size.width - 6))

    def _columns(self, mark: str, name: str, date: str, model: str, tokens: str, speedup: str) -> Content:
        """One row; the model only where there is room."""
        room = max(12, self.size.width - NUMBERS - 6 - (22 if self._is_wide else 0))
        shown = set_cell_size(name, room) if cell_len(name) <= room else set_cell_size(name, room - 1) + "…"
        wide = f"{set_cell_size(model, 20)}  " if self._is_wide else ""
        numbers = f"  {date:<10}  {wide}{tokens:>9}  {speedup:>8}"
        return Content.assemble((mark, "$primary"), (shown, ""), (numbers, "$token-muted"))

    @property
    def _is_wide(self) -> bool:
        return self.size.width >= 100

    @property
    def _marked(self) -> Summary | None:
        at = self.rows.highlighted
        return self.found[at] if at is not None and at < len(self.found) else None

    def _mark(self, wanted: Summary | None) -> None:
        """Mark the same conversation again where it is still there."""
        places = [at for at, one in enumerate(self.found) if wanted is not None and one.id == wanted.id]
        if places:
            self.rows.highlighted = places[0]

    @on(Input.Changed)
    def _search_changed(self) -> None:
        self._look()

    @on(Input.Submitted)
    def _search_sent(self) -> None:
        self._open(self._marked)

    @on(OptionList.OptionSelected)
    def _selected(self, event: OptionList.OptionSelected) -> None:
        self._open(self.found[event.option_index])

    def on_resize(self) -> None:
        """Rows are as long as the screen is wide."""
        if self.is_mounted and self.found:
            marked = self._marked
            self._show(self.found, self._total)
            self._mark(marked)

    # -- what a person does

    def _open(self, one: Summary | None) -> None:
        if one is not None:
            self.chosen = one.id
            self.dismiss()

    def action_leave(self) -> None:
        """Back to the chat."""
        self.dismiss()

    def action_new(self) -> None:
        """Back to the chat, with a new conversation."""
        self.new = True
        self.dismiss()

    def action_to_list(self) -> None:
        """From the search to the list."""
        self.rows.focus()

    def action_search(self) -> None:
        """From the list to the search."""
        self.search.focus()

    def action_rename(self) -> None:
        """Give the marked conversation another name."""
        if one := self._marked:

            def decided(title: str | None) -> None:
                if title is not None:
                    self._change(lambda: self.archive.rename(one.id, title))

            self.app.push_screen(
                LineScreen("Name of the conversation; empty for its first question", one.title), decided
            )

    def action_delete(self) -> None:
        """Delete the marked conversation, if a person says so once more."""
        if one := self._marked:

            def decided(answer: str | None) -> None:
                if answer == DELETE:
                    self.lost = self.lost or one.id == self.current
                    self._change(lambda: self.archive.delete(one.id))

            question = f"Delete “{set_cell_size(one.name, min(60, cell_len(one.name)))}” for good?"
            self.app.push_screen(ChoiceScreen(question, [KEEP, DELETE]), decided)

    def action_export(self) -> None:
        """Write the marked conversation to a file of some format."""
        if one := self._marked:

            def decided(answer: str | None) -> None:
                if answer is not None:
                    self._export(one, answer)

            self.app.push_screen(ChoiceScreen("Export as", list(FORMATS)), decided)

    @work(group="change")
    async def _change(self, change: Callable[[], None]) -> None:
        """Change the file beside the screen, and show it as it is then."""
        try:
            await to_thread(change)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
        self._look()

    @work(group="export")
    async def _export(self, one: Summary, form: str) -> None:
        try:
            past = await to_thread(self.archive.archived, one.id)
            if form == "trace":
                text = await to_thread(lambda: trace(self.archive.records(past.answers)))
            else:
                text = page(past) if form == "html" else markdown(past)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False)
            return
        stem = file_stem(one.name.replace(" ", "-"))
        self.app.export(f"{stem}_" if stem else "", FORMATS[form], text)  # type: ignore[attr-defined]


def _excerpt(text: str, room: int) -> list[tuple[str, str]]:
    """A row with what was found, the words that were searched for in bold."""
    if not text:
        return []
    parts: list[tuple[str, str]] = [("\n    ", "")]
    left = room
    for at, part in enumerate(text.replace(UNMARK, MARK).split(MARK)):
        shown = part if cell_len(part) <= left else set_cell_size(part, max(0, left))
        left -= cell_len(shown)
        parts.append((shown, "bold" if at % 2 else "$token-muted"))
    return parts
