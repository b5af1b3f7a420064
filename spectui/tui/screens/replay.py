"""A replay: an answer or a race once more, at any speed, forwards and backwards."""

from collections.abc import Iterable, Sequence
from time import perf_counter
from typing import Any, ClassVar

from textual import getters, on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Container, Horizontal, Vertical
from textual.content import Content
from textual.widgets import Static

from ...engine.drafters.registry import MODES
from ...present.answer_line import answer_line
from ...present.frames import mode_title
from ...present.race_book import LaneBook
from ...present.served_sentence import served_sentence
from ...present.why_line import why
from ...record.events import EndText, PrefillText, Record, ServedText, StepText, SwitchText, Told, TurnText
from ...record.replay import LaneState, Player, Replay
from ...system.errors import UserError
from ...system.sanitise import sanitise_line
from ..actions import bindings
from ..bridge import TICK
from ..compositor import RowScreen
from ..exporting import export_page
from ..lecture import LECTURE, two_lanes
from ..widgets.big_numbers import Big, BigNumbers, lane_numbers, rate_of
from ..widgets.keys import Keys
from ..widgets.lane import LanePane
from ..widgets.metric_bar import MetricBar
from ..widgets.progress import Progress
from ..widgets.step_pane import StepPane
from ..widgets.tape import Tape
from ..widgets.timeline import Timeline
from ..widgets.transcript import Transcript
from ..widgets.why_bar import WhyBar

PACES = (0.25, 0.05, None, 1.0)
"""Of slow motion, in turn; None is step by step."""
READ_AT_ONCE = 400
"""Records that are read between two looks at the keyboard, on the way to a far place."""


class ReplayScreen(RowScreen):
    """One answer with its steps, or lanes side by side, at one moment of a recording."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (16, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = bindings("replay")
    CSS = """
    ReplayScreen { layout: vertical; }
    #replay-head { height: 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    #replay-note { height: auto; max-height: 2; color: $text-primary; text-style: bold; }
    Progress { height: 1; padding: 0 1; }
    ReplayScreen #metrics { height: 1; }
    ReplayScreen.-wide #side { display: block; }
    ReplayScreen.-narrow #lanes { layout: vertical; }
    ReplayScreen.-narrow .lane { border-left: none; }
    ReplayScreen.-narrow .bars, ReplayScreen.-short .bars, ReplayScreen.-short .line { display: none; }
    ReplayScreen.-short #tape, ReplayScreen.-short #why, ReplayScreen.-short Footer { display: none; }
    ReplayScreen.-narrow #timeline, ReplayScreen.-short #timeline { height: 0; }
    """

    head = getters.query_one("#replay-head", Static)

    def __init__(
        self, replay: Replay, speed: float | None = 1.0, playing: bool = True, view: str = "colour", note: str = ""
    ) -> None:
        """``note`` is a line that says what to look at."""
        super().__init__()
        self._note = note
        self.player = Player(replay, speed or 1.0)
        self.replay = replay
        self.by_steps = speed is None
        """Whether it waits for a key at each step."""
        self.player.playing = playing and speed is not None
        self._view = view
        self.transcript = Transcript(id="transcript")
        self.step_pane = StepPane(id="side", markup=False)
        self.tape, self.timeline = Tape(id="tape"), Timeline(id="timeline")
        self.why_bar, self.metric_bar = WhyBar(id="why"), MetricBar(id="metrics")
        self.progress = Progress(id="progress")
        self.panes: dict[str, LanePane] = {}
        """Lane -> what shows it, where there are several."""
        self._take = -1
        self._left_out = 0
        """Steps of a very long answer that are not shown."""
        self._walls: dict[str, list[float]] = {}
        self._came: dict[str, float] = {}
        """Lane -> when its server last sent something."""
        self._goal: int | None = None
        """A far place that it is on the way to."""
        self._tick_at = 0.0
        self._pinned: StepText | None = None
        self.big = BigNumbers()
        """The step that a person has pointed to."""

    def compose(self) -> ComposeResult:
        """Head, progress, text and steps or lanes, read-outs, keys."""
        yield Static(id="replay-head", markup=False)
        yield self.progress
        if self._note:
            yield Static(f" {self._note}", id="replay-note", markup=False)
        with Horizontal(id="body"):
            with Vertical(id="main"):
                yield self.transcript
            yield self.step_pane
        yield Container(id="lanes")
        yield self.tape
        yield self.timeline
        yield self.why_bar
        yield self.metric_bar
        yield self.big
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Read nothing before the first frame stands."""
        self.transcript.view = self._view
        self.transcript.focus()
        self.query_one("#lanes").display = False
        self.call_after_refresh(self._begin)

    async def _begin(self) -> None:
        """Show where the replay stands, and play, unless a key has already stopped it."""
        await self._show_anew()
        self._tick_at = perf_counter()
        self.set_interval(TICK / 2, self._tick)

    # -- what happens by itself

    async def _tick(self) -> None:
        now = perf_counter()
        passed, self._tick_at = now - self._tick_at, now
        try:
            if self._goal is not None:
                await self._approach(self._goal)
            elif self.player.playing:
                await self._show(self.player.pass_time(passed))
        except UserError as error:
            self._tell(error)

    async def _go(self, place: int) -> None:
        """To a place; a far one is reached some ticks later, and keys work meanwhile."""
        try:
            await self._approach(place)
        except UserError as error:
            self._tell(error)

    async def _approach(self, place: int) -> None:
        reached = self.replay.approach(place, READ_AT_ONCE)
        self._goal = None if reached else place
        if reached:
            await self._show_anew()
        else:
            self._show_head()

    def _tell(self, error: UserError) -> None:
        self.player.playing, self._goal = False, None
        self.notify(str(error), severity="error", markup=False)

    # -- what is shown

    async def _show(self, records: Sequence[Record]) -> None:
        """Show what has come; a take that begins takes the place of the one before."""
        if self.replay.number != self._take:
            await self._show_anew()
            return
        self._feed(records)
        self._read_out(records)

    async def _show_anew(self) -> None:
        """Show all of the take up to here; what cannot be read is told."""
        try:
            await self._draw_anew()
        except UserError as error:
            self._tell(error)

    async def _draw_anew(self) -> None:
        take = self.replay.take
        if self._take != self.replay.number:
            self._take = self.replay.number
            await self._arrange(take.lanes)
        records = self.replay.shown()
        self._walls, self._came, self._left_out = {}, {}, self.replay.left_out
        self.metric_bar.rates.clear()
        self.timeline.clear()
        self.tape.show(None)
        for transcript in self._transcripts:
            transcript.clear()
        self._feed(records)
        self.step_pane.show(None)
        self._read_out(records)

    async def _arrange(self, lanes: Sequence[str]) -> None:
        """One answer with its steps, or as many panes as there are lanes."""
        several = len(lanes) > 1
        place = self.query_one("#lanes")
        await place.remove_children()
        self.panes = {lane: LanePane(lane) for lane in lanes} if several else {}
        if several:
            await place.mount(*self.panes.values())
            for pane in self.panes.values():
                pane.transcript.view = self.transcript.view
        place.display = several
        for widget in (self.query_one("#body"), self.tape, self.timeline, self.why_bar, self.metric_bar):
            widget.display = not several

    @property
    def _transcripts(self) -> Iterable[Transcript]:
        return [pane.transcript for pane in self.panes.values()] or [self.transcript]

    def _feed(self, records: Sequence[Record]) -> None:
        for record in records:
            lane = getattr(record, "lane", "")
            if isinstance(record, StepText):
                self._walls.setdefault(lane, []).append(record.step.ms.wall)
            elif isinstance(record, ServedText):
                self._walls.setdefault(lane, []).append(max(0.0, record.time_ms - self._came.get(lane, 0.0)))
                self._came[lane] = record.time_ms
            if lane in self.panes:
                self.panes[lane].feed(record)
            elif not self.panes:
                self._feed_one(record)

    def _feed_one(self, record: Record) -> None:
        document = self.transcript.document
        match record:
            case TurnText(turn=turn, question=question):
                document.begin_question(question)
                document.begin_answer(mode_title(turn.mode))
            case PrefillText():
                document.add_first(record)
            case StepText():
                document.add_step(record)
                self.timeline.add(record.step)
                self.metric_bar.note(len(record.step.emitted))
                self.tape.show(record)
            case ServedText():
                document.add_served(record)
            case Told(kinds=kinds):
                document.recolour(kinds)
            case SwitchText(switch=switch):
                document.seam(mode_title(switch.mode))
            case EndText(lane=lane):
                document.end_answer(record, answer_line(self.replay.lanes[lane].meter))

    def _read_out(self, records: Sequence[Record]) -> None:
        self._pinned = None
        self._show_head()
        if self.panes:
            self._read_out_lanes()
            return
        state = next(iter(self.replay.lanes.values()), LaneState())
        if state.told is not None:
            self.step_pane.tell(served_sentence(state.told))
        elif any(isinstance(record, StepText) for record in records) or not state.step:
            self.step_pane.show(state.step)
        if state.mode in MODES:
            self.timeline.follow(state.mode)
        self.timeline.show()
        models, numbers = self.replay.models, state.meter.numbers
        self.why_bar.show(why(numbers, models.plain_ms if models else None))
        follow = self.transcript.viewport.follow
        per = numbers.tokens_per_step
        self.big.show([Big(rate_of(numbers.tokens_per_second), "tokens per second"),
                       Big(f"{per:.2f}" if per else "-", "tokens per step")])  # fmt: skip
        self.metric_bar.show(numbers, None, False, follow, key="", looping=state.meter.looping)

    def _read_out_lanes(self) -> None:
        states = self.replay.lanes
        ended = sorted((state.clock, lane) for lane, state in states.items() if state.end)
        places = {lane: place for place, (_, lane) in enumerate(ended, 1)}
        walls = sorted(ms for lane in self._walls.values() for ms in lane)
        longest = walls[int(0.95 * (len(walls) - 1))] if walls else 0.0
        for name, pane in self.panes.items():
            state = states.get(name)
            book = self._book(name, state) if state else None
            pane.read_out(book, places.get(name), longest)
        self._show_two()

    def lecture_changed(self) -> None:
        """Two lanes in lecture mode, all of them else."""
        self._show_two()

    def _show_two(self) -> None:
        """The numbers of lecture mode, and the lanes that they are of."""
        lecture = self.app.has_class(LECTURE)
        shown = two_lanes(list(self.panes), "") if lecture else list(self.panes)
        for name, pane in self.panes.items():
            pane.display = name in shown
        if lecture and self.panes:
            states = self.replay.lanes
            rates = {lane: states[lane].meter.numbers.tokens_per_second if lane in states else None for lane in shown}
            self.big.show(lane_numbers(rates))

    def _book(self, name: str, state: LaneState) -> LaneBook:
        turn = state.turn.turn if state.turn else None
        return LaneBook(
            state.mode, len(turn.prompt) if turn else 0, turn.remembers if turn else 0, state.meter,
            self._walls.get(name, []), state.clock, state.end.end.reason if state.end else None, state.compared,
        )  # fmt: skip

    def _show_head(self) -> None:
        replay, take = self.replay, self.replay.take
        clock = min(max(0.0, replay.clock - take.start_ms), take.length_ms)
        pace = "step through" if self.by_steps else f"×{self.player.speed:g}"
        state = "▶" if self.player.playing else "‖"
        if self._goal is not None:
            state = f"reading … {max(0, replay.place - take.begin) / max(1, self._goal - take.begin):.0%}"
        of = f" · answer {replay.number + 1} of {len(replay.takes)}" if len(replay.takes) > 1 else ""
        left = f" · without the first {self._left_out:,}" if self._left_out else ""
        where = f"step {replay.steps} of {take.steps}{left} · {clock:.0f} of {take.length_ms:.0f} ms{of}"
        question = replay.question(replay.number) if replay.takes else ""
        parts: list[Any] = [
            (" replay ", "bold $primary"),
            (f" {state} {pace}  ", "bold"),
            (f"{where}   ", "$token-muted"),
            sanitise_line(question),
        ]
        self.head.update(Content.assemble(*parts), layout=False)
        self.progress.show(clock / take.length_ms if take.length_ms else 0.0)

    @on(Transcript.StepSelected)
    def _step_selected(self, event: Transcript.StepSelected) -> None:
        """Somebody has pointed to a token: show its step while the replay stands still."""
        for record in reversed(self.replay.shown()):
            if isinstance(record, StepText) and record.step.index == event.step:
                self.player.playing = False
                self._pinned = record
                self.step_pane.show(record, pinned=True)
                self.tape.show(record)
                self._show_head()
                return

    # -- what a person does

    async def action_play(self) -> None:
        """Go on, or stand still; at the end begin again."""
        if self.replay.done and not self.player.playing:
            self.replay.go_to_take(self.replay.number)
            await self._show_anew()
        self.by_steps = False
        self.player.playing = not self.player.playing
        self._show_head()

    async def action_step(self, by: int) -> None:
        """One step on, or back if negative; it stands still then."""
        self.player.playing, self._goal = False, None
        try:
            if by > 0:
                await self._show(self.replay.step())
            else:
                self.replay.back()
                await self._show_anew()
        except UserError as error:
            self._tell(error)

    async def action_slow(self) -> None:
        """The next pace of slow motion; from the beginning if it is over."""
        pace = None if self.by_steps else self.player.speed
        after = PACES[(PACES.index(pace) + 1) % len(PACES)] if pace in PACES else PACES[0]
        self.by_steps = after is None
        self.player.speed = after or 1.0
        if self.replay.done:
            self.replay.go_to_take(self.replay.number)
            await self._show_anew()
        self.player.playing = after is not None
        self._show_head()

    def action_speed(self, by: int) -> None:
        """Faster, or slower if negative."""
        self.player.change_speed(by)
        self.by_steps = False
        self._show_head()

    async def action_jump(self, by: int) -> None:
        """By a tenth of the take."""
        take = self.replay.take
        clock = self.replay.clock + by * take.length_ms / 10
        if clock <= take.start_ms:
            await self.action_edge(-1)
        else:
            await self._go(min(take.end, self.replay.place_at(clock)))
            if self._goal is None:
                self.replay.clock = min(clock, take.start_ms + take.length_ms)
                self._show_head()

    async def action_edge(self, by: int) -> None:
        """To the end of the take, or to its beginning if negative."""
        if by > 0:
            await self._go(self.replay.take.end)
        else:
            self._goal = None
            self.replay.go_to_take(self.replay.number)
            await self._show_anew()

    async def action_take(self, by: int) -> None:
        """To another answer."""
        self._goal = None
        self.replay.go_to_take(self.replay.number + by)
        await self._show_anew()

    def action_inspect(self) -> None:
        """The step on show, in full; of lanes side by side that of the one which was last."""
        from .inspect import UNSEEN, InspectScreen

        steps = [state.step for state in self.replay.lanes.values() if state.step]
        record = self._pinned or max(steps, key=lambda one: one.step.time_ms, default=None)
        if record is None:
            served = any(state.piece for state in self.replay.lanes.values())
            self.notify(UNSEEN if served else "no step yet; . makes one", timeout=3)
            return
        self.player.playing = False
        shown = [one for one in self.replay.shown() if getattr(one, "lane", record.lane) == record.lane]
        models = self.replay.models
        plain = models.plain_ms if models else None
        self.app.push_screen(InspectScreen(lambda: shown, record.step.index, plain))

    def action_view(self) -> None:
        """Clean, colour, trace, in all lanes."""
        self.transcript.next_view()
        for pane in self.panes.values():
            pane.transcript.view = self.transcript.view

    def action_fold(self) -> None:
        """Fold thoughts, or show them."""
        for transcript in (self.transcript, *(pane.transcript for pane in self.panes.values())):
            transcript.action_fold()

    def action_leave(self) -> None:
        """Back to where one came from; out of the program if there is nothing below."""
        if len(self.app.screen_stack) > 2:
            self.dismiss()
        else:
            self.app.exit(0)

    def action_export(self) -> None:
        """Write the take as a page."""
        export_page(self.app, self.replay, self.replay.number)
