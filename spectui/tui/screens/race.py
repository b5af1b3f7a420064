"""The race: several modes answer the same prompt side by side, on one fair clock."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container
from textual.content import Content
from textual.widgets import Static

from ...bench.compare import field_of
from ...present.grid import Grid, rich_table
from ...present.race_book import RaceBook
from ...present.race_table import RATIO, race_grid
from ...record.events import Finished, Note, Ready, Record, Started, TurnText
from ...record.replay import Replay
from ...system.errors import UserError
from ...system.sanitise import sanitise, sanitise_line
from ..actions import bindings
from ..compositor import RowScreen
from ..exporting import export_page
from ..lecture import LECTURE, two_lanes
from ..slash import is_command
from ..widgets.big_numbers import BigNumbers, lane_numbers
from ..widgets.keys import Keys
from ..widgets.lane import LanePane
from ..widgets.prompt import Prompt
from .replay import ReplayScreen

if TYPE_CHECKING:
    from ...session.session import Session

NARROW = ("lane", "place", "tok/s", "tokens per step", RATIO, "text")
NARROWEST = tuple(name for name in NARROW if name != "place")
"""Rows stand in the order of their places."""
LONGEST_SHOWN = 0.95
"""Bars are drawn to this quantile of all step times, so that one slow step does not flatten the others."""


class RaceScreen(RowScreen):
    """Lanes side by side, live or replayed; below them the table."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (20, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = bindings("race", "mode")

    head = getters.query_one("#race-head", Static)
    table = getters.query_one("#race-table", Static)
    prompt = getters.query_one(Prompt)

    def __init__(
        self,
        session: "Session",
        modes: Sequence[str],
        text: str | None = None,
        ready: Ready | None = None,
        has_question: bool = False,
    ) -> None:
        super().__init__()
        self.session = session
        self.book = RaceBook()
        """All rounds, for the table."""
        self.shown = RaceBook()
        """What the lanes show: the running round."""
        self._modes, self._text, self._ready = list(modes), text, ready
        self._has_question = has_question
        """Whether the chat has a last question, to be raced if there is no text."""
        self.command: int | None = None
        """The race that runs or waits to run; only its records come."""
        self._unraced = False
        """Whether a race waits until the screen is painted, so that the two do not share a moment."""
        self.panes: dict[str, LanePane] = {}
        """Lane -> what shows it."""
        self.records: list[Record] = []
        """What is replayed: one round of the last race."""
        self._repeating = False
        """Whether the lanes have shown this race and only the table follows what is repeated of it."""
        self._left_out: dict[str, str] = {}
        self.big = BigNumbers()

    def compose(self) -> ComposeResult:
        """Head, lanes, table, prompt, keys."""
        yield Static(id="race-head", markup=False)
        yield Container(id="lanes")
        yield Static(id="race-table")
        yield self.big
        yield Prompt(self.app.chat.prompt.past, id="prompt")  # type: ignore[attr-defined]
        yield Keys(compact=True, show_command_palette=False)

    async def on_mount(self) -> None:
        """Wait for the models, or begin at once."""
        self.table.display = False
        self.prompt.focus()
        self._show_head()
        if self._ready is not None:
            await self.begin(self._ready)

    async def begin(self, ready: Ready) -> None:
        """The models are there: line up the lanes and, if there is a question, race."""
        try:
            field = field_of(self._modes, ready)
        except UserError as error:
            self.notify(str(error), severity="error", markup=False, timeout=10)
            return
        self._left_out, self._ready = field.left_out, ready
        for why in dict.fromkeys(field.left_out.values()):
            names = ", ".join(name for name, its in field.left_out.items() if its == why)
            self.notify(f"{names} left out: {why}", markup=False)
        self.panes = {lane: LanePane(lane) for lane in field.lanes}
        await self.query_one("#lanes").mount(*self.panes.values())
        self._read_out()
        if self._text is not None or self._has_question:
            self._start()

    # -- racing

    @property
    def racing(self) -> bool:
        """Whether a race runs or is about to."""
        return self._unraced or self.command is not None

    def _start(self) -> None:
        if self.racing or not self.panes:
            self.notify("still racing; esc stops" if self.panes else "no model is loaded yet", timeout=3)
            return
        self.records, self._unraced, self._repeating = [], True, False
        self.shown = RaceBook()
        self.table.display = False
        self.call_after_refresh(self._race)
        self._show_head()

    def _race(self) -> None:
        if self._unraced:
            self._unraced = False
            self.command = self.session.race(tuple(self.panes), self._text, repeat=True)
            if self.command is None:
                self.notify("something else runs; stop it, then race", timeout=3)
                self._finish()

    def apply(self, records: Sequence[Record]) -> None:
        """Take in records of the race, in order."""
        for record in records:
            match record:
                case Finished():
                    self.command = None
                    self._finish()
                case Note(message=message):
                    self.notify(message, markup=False)
                case Started():
                    pass
                case _:
                    self.book.feed(record)
                    self._repeating = self._repeating or (isinstance(record, TurnText) and self.shown.finished)
                    if not self._repeating:
                        self.records.append(record)
                        self._show(record)
        self._read_out()

    def _show(self, record: Record) -> None:
        self.shown.feed(record)
        pane = self.panes.get(getattr(record, "lane", ""))
        if pane is not None:
            pane.feed(record)

    def _finish(self) -> None:
        if self._repeating:
            self.book.drop_unfinished()
        self.table.display = self.book.measured
        self._show_head()

    # -- replay

    def action_replay(self) -> None:
        """Play the last race once more, on one clock for all lanes."""
        if self._may_replay():
            self.app.push_screen(ReplayScreen(self._last_race(), view=self._view))

    def action_step(self) -> None:
        """Replay by single steps, in the order in which they happened."""
        if self._may_replay():
            replay = self._last_race()
            replay.step()
            self.app.push_screen(ReplayScreen(replay, speed=None, view=self._view))

    def _last_race(self) -> Replay:
        return Replay([self._ready, *self.records] if self._ready else self.records)

    @property
    def _view(self) -> str:
        return next(iter(self.panes.values())).transcript.view

    def _may_replay(self) -> bool:
        if self.racing or not self.records:
            self.notify("race first; then it can be replayed", timeout=3)
            return False
        return True

    # -- read-outs

    def _read_out(self) -> None:
        places = (self.shown if self.racing else self.book).places()
        times = sorted(ms for lane in self.shown.lanes.values() for ms in lane.step_ms)
        longest = times[int(LONGEST_SHOWN * (len(times) - 1))] if times else 0.0
        for name, pane in self.panes.items():
            pane.read_out(self.shown.lanes.get(name), places.get(name), longest)
        self._show_two()
        if self.table.display:
            grid = race_grid(self.book)
            width = self.size.width
            shown = grid if width >= 132 else only(grid, NARROW if width >= 90 else NARROWEST)
            self.table.update(rich_table(shown))
        self._show_head()

    def lecture_changed(self) -> None:
        """Two lanes in lecture mode, all of them else."""
        self._show_two()

    def _show_two(self) -> None:
        """The numbers of lecture mode, and the lanes that they are of."""
        lecture = self.app.has_class(LECTURE)
        shown = two_lanes(list(self.panes), self.session.mode) if lecture else list(self.panes)
        for name, pane in self.panes.items():
            pane.display = name in shown
        if lecture:
            books = self.shown.lanes
            rates = {lane: books[lane].numbers.tokens_per_second if lane in books else None for lane in shown}
            self.big.show(lane_numbers(rates))

    def _show_head(self) -> None:
        state = "racing, repeated for the table" if self._repeating else "racing"
        state = state if self.racing else "ctrl+l replays, ctrl+r races again" if self.records else "ask something"
        question = next((r.question for r in self.records if isinstance(r, TurnText)), self._text or "")
        count = f", {len(self.book.rounds)} rounds" if len(self.book.rounds) > 1 else ""
        parts: list[Any] = [
            (" race ", "bold $primary"),
            (f" {state}{count}   ", "$token-muted"),
            sanitise_line(question),
        ]
        self.head.update(Content.assemble(*parts), layout=False)

    def on_resize(self) -> None:
        """The table has other columns where there is little room."""
        if self.is_mounted:
            self._read_out()

    # -- what a person does

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        if is_command(event.text):
            if await self.app.run_slash(event.text):  # type: ignore[attr-defined]
                self.prompt.take(event.text)
        elif not event.text.strip():
            self.notify("type something first", timeout=2)
        elif not self.racing and self.panes:
            self.prompt.take(event.text)
            self._text = sanitise(event.text.strip())
            self.book = RaceBook()
            self._start()
        else:
            self.notify("still racing; esc stops" if self.panes else "still loading", timeout=3)

    def action_stop(self) -> None:
        """Stop the race, or go back to the chat."""
        if self.racing:
            self._race()
            self.session.stop()
        elif self.is_current:
            self.dismiss()

    def action_again(self) -> None:
        """Race once more; the table shows the medians of all rounds."""
        if self._text is None and not self._has_question:
            self.notify("ask something first", timeout=2)
        else:
            self._start()

    def action_mode(self, name: str) -> None:
        """The mode with which the chat goes on."""
        self.app.chat.action_mode(name)  # type: ignore[attr-defined]
        self.notify(f"the chat goes on with {self.session.modes[self.session.mode].title}", timeout=3, markup=False)

    def action_view(self) -> None:
        """Clean, colour, trace, in all lanes."""
        for pane in self.panes.values():
            pane.transcript.next_view()

    def action_fold(self) -> None:
        """Fold thoughts in all lanes, or show them."""
        for pane in self.panes.values():
            pane.transcript.action_fold()

    def action_export(self) -> None:
        """Write the races as a report, in the JSON of ``spectui bench``, and the last one as a page."""
        from ...present.report import Report, json_text
        from ...present.runs import race_runs

        if not self.book.measured:
            self.notify("race first", timeout=2)
            return
        where = self.session.environment | {"datastore_tokens": self.book.remembers}
        report = Report.of(where, race_runs(self.book), self._left_out)
        self.app.export("race_", "json", json_text(report))  # type: ignore[attr-defined]
        export_page(self.app, self._last_race(), 0)


def only(grid: Grid, columns: Sequence[str]) -> Grid:
    """Some columns of a grid."""
    kept = [index for index, name in enumerate(grid.columns) if name in columns]
    return Grid(grid.title, [grid.columns[i] for i in kept], [[row[i] for i in kept] for row in grid.rows])
