"""Choose a model and the draft model beside it: what each needs, whether it is here, and how far its download is.

Or a server that answers instead.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from ...config.choice import ModelChoice, ServerChoice
from ...models.catalogue import Entry, catalogue, needed
from ...models.resolve import resolve
from ...record.events import Ready
from ...session.served import SERVED
from ...system.errors import UserError
from ...system.memory import available_memory, gigabytes
from ...system.sanitise import sanitise_line
from ..fetching import Fetching
from ..steady import SteadyScreen
from ..widgets.offer import bar

LOOK_SECONDS = 0.2
"""From one look at a download to the next."""
COLUMNS = (("name", 15), ("size", 8), ("memory", 8), ("fits", 12), ("here", 8))
"""Titles of the list, and the cells that each takes."""
HINT = "type to filter, or give a folder, a .gguf file, a hub id or a server's address"
OWN, NONE = "", "none"
"""Drafts: the one that the model brings, and none."""


Chosen = ModelChoice | ServerChoice | None


class ModelPicker(SteadyScreen[Chosen], ModalScreen[Chosen]):
    """A list to filter by typing; ends with what was chosen, or with None."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "leave", "Close", id="picker.close"),
        Binding("down", "move(1)", "Down", id="picker.down", show=False),
        Binding("up", "move(-1)", "Up", id="picker.up", show=False),
        Binding("enter", "choose", "Choose", id="picker.choose", show=False),
    ]

    def __init__(
        self,
        current: ModelChoice,
        loaded: str,
        free: int | None,
        item: int = 4,
        beginning: str = "",
        servers: Mapping[str, ServerChoice] | None = None,
    ) -> None:
        """``free`` are the bytes of memory for a model, that of the ``loaded`` one included."""
        super().__init__()
        self._current, self._loaded, self._free = current, loaded, free
        self._servers = {f"{SERVED}={name}": one for name, one in (servers or {}).items()}
        self._entries = {entry.name: entry for entry in catalogue(item)}
        self._fetching: Fetching | None = None
        self._wanted: ModelChoice | None = None
        self.filter = Input(beginning, placeholder=HINT, id="picker-filter")
        self.models, self.drafts = OptionList(id="picker-models"), OptionList(id="picker-drafts")
        self.models.can_focus = False  # the keys of the filter move it
        self.details, self.status = Static(id="picker-details", markup=False), Static(id="picker-status", markup=False)

    def compose(self) -> ComposeResult:
        """Filter, models beside drafts, what is known of the model under the cursor, what happens."""
        with Vertical(id="picker"):
            yield Static("Model and draft model", id="picker-title", markup=False)
            yield self.filter
            with Horizontal(id="picker-lists"):
                with Vertical(id="picker-left"):
                    titles = "".join(set_cell_size(title, size) for title, size in COLUMNS)
                    yield Static(f" {titles}", classes="picker-head", markup=False)
                    yield self.models
                with Vertical(id="picker-right"):
                    yield Static(" draft model (tab)", classes="picker-head", markup=False)
                    yield self.drafts
            yield self.details
            yield self.status

    def on_mount(self) -> None:
        """List everything, with the cursor on what is loaded."""
        self._list(self.filter.value)
        names = [option.id for option in self.models.options]
        self.models.highlighted = names.index(self._loaded) if self._loaded in names else 0
        self.call_after_refresh(self.models.scroll_to_highlight)
        self.filter.focus()
        self._tell("enter takes it; the conversation goes on")
        self.set_interval(LOOK_SECONDS, self._look)

    # -- what is listed

    @on(Input.Changed)
    def _filtered(self, event: Input.Changed) -> None:
        self._list(event.value.strip())

    def _list(self, text: str) -> None:
        """The models that have a text in their name, source or note; at last the text itself, as it is."""
        self.models.clear_options()
        for entry in self._entries.values():
            if text.lower() in f"{entry.name} {entry.source} {entry.note}".lower():
                self.models.add_option(Option(self._row(entry), id=entry.name))
        for id, one in self._servers.items():
            size = max(COLUMNS[0][1], cell_len(one.name) + 1)
            row = f"{set_cell_size(one.name, size)}{SERVED} at {sanitise_line(one.url)}"
            if text.lower() in row.lower():
                self.models.add_option(Option(Content(f" {row}"), id=id))
        if "://" in text:
            self.models.add_option(Option(Content(f" {SERVED} at {sanitise_line(text)}"), id=f"={text}"))
        elif text and text not in self._entries and text != SERVED:
            self.models.add_option(Option(Content(f" {sanitise_line(text)}, as it is"), id=f"={text}"))
        self.models.highlighted = 0 if self.models.option_count else None

    def _row(self, entry: Entry) -> Content:
        fits = entry.fits(self._free)
        here = "loaded" if entry.name == self._loaded else entry.here
        cells = (entry.name, _millions(entry.elements), gigabytes(entry.need), fits, here)
        styles = ("bold" if here == "loaded" else "", "", "", "$text-error" if fits == "no" else "", "")
        parts = [
            (set_cell_size(cell, size), style) for cell, (_, size), style in zip(cells, COLUMNS, styles, strict=True)
        ]
        return Content.assemble(" ", *parts)

    @on(OptionList.OptionHighlighted, "#picker-models")
    def _show(self) -> None:
        entry = self._entry
        self.drafts.clear_options()
        if (server := self._server) is not None:
            self.drafts.add_option(Option(Content(" the server's own"), id=f"draft={OWN}"))
            self.details.update(Content("\n".join(_details_of(server))))
            return
        own = entry.draft if entry is not None else None
        first = f"its own: {own}" if own else "none of its own"
        self.drafts.add_option(Option(Content(f" {first}"), id=f"draft={OWN}"))
        if own:
            self.drafts.add_option(Option(Content(" no draft model"), id=f"draft={NONE}"))
        for draft in entry.drafts if entry is not None else ():
            if draft != own:
                self.drafts.add_option(Option(Content(f" {draft}"), id=f"draft={draft}"))
        self.drafts.highlighted = 0
        self.details.update(Content("\n").join(map(Content, _details(entry))))

    @property
    def _entry(self) -> Entry | None:
        """The named model under the cursor."""
        return self._entries.get(self._under_cursor)

    @property
    def _server(self) -> ServerChoice | None:
        """The server under the cursor."""
        name = self._under_cursor
        return self._servers.get(name) or (ServerChoice(url=name) if "://" in name else None)

    @property
    def _under_cursor(self) -> str:
        at = self.models.highlighted
        return (self.models.get_option_at_index(at).id or "").removeprefix("=") if at is not None else ""

    # -- what a person does

    def action_move(self, by: int) -> None:
        """Move the cursor while typing goes on."""
        if self.models.option_count:
            self.models.highlighted = ((self.models.highlighted or 0) + by) % self.models.option_count

    @on(Input.Submitted)
    @on(OptionList.OptionSelected)
    def _chosen(self) -> None:
        self.action_choose()

    def action_choose(self) -> None:
        """Take what is under both cursors; what is not on this machine is fetched first."""
        if not self._under_cursor or self._runs:
            return
        if self._server is not None:
            self.dismiss(self._server)
            return
        at = self.drafts.highlighted or 0
        draft = (self.drafts.get_option_at_index(at).id or "").removeprefix("draft=")
        choice = replace(self._current, model=self._under_cursor, draft=draft)
        try:
            places = [place for place in resolve(choice) if place is not None]
        except UserError as error:
            self._tell(sanitise_line(str(error)), "$text-error")
            return
        if all(place.local for place in places):
            self.dismiss(choice)
        else:
            self._wanted, self._fetching = choice, Fetching(*(place for place in places if not place.local))
            self._look()

    def action_leave(self) -> None:
        """Stop a download, which goes on from there the next time; without one, close."""
        if self._runs and self._fetching is not None:
            self._fetching.stop()
        else:
            self.dismiss(None)

    def on_unmount(self) -> None:
        """The screen goes away: so does a download."""
        if self._fetching is not None:
            self._fetching.stop()

    # -- a download

    @property
    def _runs(self) -> bool:
        return self._fetching is not None and self._fetching.runs

    def _look(self) -> None:
        fetching = self._fetching
        if fetching is None:
            return
        if fetching.runs:
            self._tell(f"{far(fetching)}  esc stops")
            return
        self._fetching = None
        if fetching.here and self._wanted is not None:
            self.dismiss(self._wanted)
        elif fetching.failure:
            self._tell(fetching.failure, "$text-error")
        else:
            self._tell("stopped; enter goes on from here")

    def _tell(self, words: str, style: str = "$text-muted") -> None:
        self.status.update(Content.styled(words, style))


def far(fetching: Fetching) -> str:
    """How far a download is."""
    if not fetching.total:
        return f"{fetching.title}: asking the hub …"
    megabytes = f"{fetching.done / 1e6:.0f} of {fetching.total / 1e6:.0f} MB"
    return f"{fetching.title}  {bar(fetching.done / fetching.total)} {megabytes}"


def _details(entry: Entry | None) -> list[str]:
    if entry is None:
        return ["a folder, a .gguf file, a name on the hub (owner/name, owner/name:file.gguf), or http://HOST:PORT", ""]
    download = f"; {gigabytes(entry.download)} to fetch" if entry.download and entry.here == "no" else ""
    heads = ", ".join(entry.heads) or "none"
    return [f"{entry.source}{download}", f"{entry.note} · trained heads: {heads}"]


def _details_of(server: ServerChoice) -> list[str]:
    model = sanitise_line(server.model) or "the first in its list"
    return [f"{sanitise_line(server.url)}; model: {model}", f"its key, if it wants one, is in {server.key_variable}"]


def _millions(elements: int) -> str:
    return f"{elements / 1e9:.1f} B" if elements >= 9.5e8 else f"{elements / 1e6:.0f} M"


def picker(
    current: ModelChoice, ready: Ready | None, beginning: str = "", servers: Mapping[str, ServerChoice] | None = None
) -> ModelPicker:
    """The picker over a chat with a model, which would give its memory back; it begins with a text to filter by."""
    on_gpu = ready is not None and ready.device.startswith("cuda")
    free, item = _free_on_gpu() if on_gpu else available_memory(), 2 if on_gpu else 4
    name = ready.model if ready is not None else ""
    held = needed(replace(current, model=name), item) if name else None
    if ready is not None and SERVED in ready.modes:
        name, held = f"{SERVED}={next(iter(ready.servers), '')}", None
    room = free + (held or 0) if free is not None else None
    return ModelPicker(current, name, room, item, beginning, servers)


def _free_on_gpu() -> int | None:
    """Torch has been imported long since where a model is on a GPU."""
    from torch import device

    from ...session.runtime import free_memory

    return free_memory(device("cuda"))
