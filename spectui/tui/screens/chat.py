"""The chat: ask, watch, switch, stop, measure."""

from collections.abc import Sequence
from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical

from ...config.choice import AUTO, ModelChoice, ServerChoice
from ...config.settings import VIEWS, Settings
from ...engine.drafters.registry import MODES
from ...engine.values.events import End
from ...models.registry import known_models
from ...models.resolve import REAL, TOYS, meant
from ...present.served_sentence import served_sentence, unfinished_sentence
from ...record.events import (
    ChangedText,
    EndText,
    Failed,
    Finished,
    Kind,
    Loading,
    Note,
    PrefillText,
    Ready,
    Record,
    ServedText,
    StepText,
    SwitchText,
    Told,
    TurnText,
)
from ...record.replay import Replay
from ...session.archive.archive import Archive
from ...session.served import SERVED, UNMEASURED, with_names
from ...session.session import CHAT, Session
from ...system.errors import UserError
from ...system.sanitise import sanitise
from ..actions import bindings
from ..attaching import with_attachments
from ..bridge import TICK, Bridge
from ..changing import Changes, declared
from ..compositor import RowScreen
from ..exporting import export_page
from ..keeping import Keeping
from ..lecture import LECTURE
from ..ledger import Ledger
from ..slash import is_command
from ..widgets.attached import Attached
from ..widgets.big_numbers import Big, BigNumbers, rate_of, ratio_of
from ..widgets.completion import Completion
from ..widgets.examples import Examples
from ..widgets.keys import Keys
from ..widgets.learn_question import LearnQuestion
from ..widgets.legend import Legend
from ..widgets.metric_bar import MetricBar
from ..widgets.mode_bar import ModeBar
from ..widgets.offer import Offer
from ..widgets.prompt import Prompt
from ..widgets.step_pane import StepPane
from ..widgets.tape import Tape
from ..widgets.timeline import Timeline
from ..widgets.title import TitleBar
from ..widgets.transcript import Transcript
from ..widgets.why_bar import WhyBar
from .inspect import UNSEEN, InspectScreen
from .picker import picker
from .replay import PACES, ReplayScreen
from .settings import SettingsScreen

USUAL_LENGTH, MOST_LENGTH = 5, 16
"""Of a draft, where somebody asks for a longer or shorter one than the automatic one, and at most."""
NO_STEPS = "A server sends no steps. What it tells of its drafts stands here when the answer is over."
UNANSWERED = "the last question got no whole answer; up brings it back, enter asks it again"
ALONE = "one server alone is no race; `spectui compare` races several, and modes beside them"
READ_OUT_TICKS = 6
"""Half ticks between changes of tape, step pane and numbers while an answer streams: nobody reads faster.

Text and read-outs change in different ones, because a paint redraws everything that lies between its changes.
"""


class ChatScreen(RowScreen):
    """One conversation on one screen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (14, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = bindings("chat", "mode")

    def __init__(self, settings: Settings, session: Session, bridge: Bridge, archive: Archive) -> None:
        super().__init__()
        self.settings, self.session, self.bridge = settings, session, bridge
        self.header = TitleBar(id="header")
        self.mode_bar = ModeBar(session.modes)
        self.examples = Examples(id="examples")
        self.offer = Offer("alt+m", id="offer")
        self.learn_question = LearnQuestion(id="learn")
        self.legend = Legend(id="legend")
        self.transcript = Transcript(id="transcript")
        self.step_pane = StepPane(id="side", markup=False)
        self.tape = Tape(id="tape")
        self.timeline = Timeline(id="timeline")
        self.why_bar = WhyBar(id="why")
        self.metric_bar = MetricBar(id="metrics")
        self.big = BigNumbers()
        self.completion = Completion(id="completion")
        self.prompt = Prompt(id="prompt")
        self.attached = Attached(id="attached")
        self.ledger = Ledger()
        self.changes = Changes(settings, session, self.transcript, lambda: self.app)
        self.keeping = Keeping(self, archive)
        self.choice = settings.model
        """What was asked for."""
        self.model = meant(settings.model.model)
        """What the chat is with, or will be."""
        self.ready: Ready | None = None
        self.failed = False
        self._answers_as: tuple[str, str | None] | None = None
        """The model and the draft model of the answers so far."""
        self.empty = True
        """Whether nothing was asked yet, so that examples are shown."""
        self._stage = "starting"
        self.answering = False
        """Whether an answer streams."""
        self._ticks = 0
        self._news: StepText | None = None
        self._served = False
        """Whether a server has sent something that the numbers do not show yet."""
        self._shown: tuple[StepText | None, bool, bool] = (None, False, False)
        """What the step pane shows, or would."""
        self._chosen = False
        self._pinned: tuple[int, int] | None = None
        """The (answer, step) that a person has chosen."""
        self._unasked: str | None = None
        """A question that is being painted; asked when it stands, so that decoding does not share its moment."""
        self.command: int | None = None
        """The command of this screen that runs or waits to run; its records are the only ones of lanes that come."""

    def compose(self) -> ComposeResult:
        """Header, modes, transcript and steps, tape, numbers, prompt, keys."""
        yield self.header
        yield self.mode_bar
        with Horizontal(id="body"):
            with Vertical(id="main"):
                yield self.examples
                yield self.transcript
                yield self.offer
                yield self.learn_question
                yield self.legend
            yield self.step_pane
        yield self.tape
        yield self.timeline
        yield self.why_bar
        yield self.metric_bar
        yield self.big
        yield self.completion
        yield self.attached
        yield self.prompt
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is known before anything is loaded; begin loading after the first frame."""
        self.transcript.view = self.settings.ui.view
        self.watch(self.transcript, "view", self._view_changed, init=False)
        self.prompt.completion = self.completion
        self.prompt.example = lambda number: self.examples.prompt(number) if self.empty else None
        self.set_class(not self.settings.ui.side_pane, "-no-side")
        self.examples.show(self.model)
        if self.settings.model.model == AUTO and self.model == TOYS and SERVED not in self.session.modes:
            self.offer.offer(REAL)
        self._show_mode(self.session.mode)
        self._show_header()
        self._begin_empty()
        self.set_interval(TICK / 2, self._tick)
        self.keeping.begin_learning()
        self.call_after_refresh(self.session.load)

    def on_resize(self) -> None:
        """The step pane comes back with the step that is on show, which it was not told while it had no room."""
        self.call_after_refresh(lambda: self.step_pane.show(*self._shown))

    def _begin_empty(self) -> None:
        """Show a conversation in which nothing was asked."""
        self.command = self._unasked = self._news = None
        self.answering = self._chosen = False
        self.ledger = Ledger()
        self.keeping.reset()
        self.transcript.clear()
        self.metric_bar.rates.clear()
        self.timeline.clear()
        self.mode_bar.show_idle(None)
        self._set_empty(True)
        self._show_step(None)
        self._show_numbers()
        self.prompt.cursor_blink = True
        self.prompt.focus()

    def show_past(self) -> None:
        """Show a conversation to which turns that were kept are added."""
        self._begin_empty()
        self._set_empty(False)

    def show_steps(self, steps: Sequence[StepText]) -> None:
        """Show the last steps of an answer that was kept, and its numbers."""
        for record in steps:
            self.timeline.add(record.step)
        self.timeline.show()
        self._show_step(steps[-1] if steps else None)
        self._show_numbers()

    def _set_empty(self, empty: bool) -> None:
        """Show the examples or the conversation; a class on the screen would style every widget anew."""
        self.empty = empty
        if not empty and self.examples.has_focus:
            self.prompt.focus()
        self.examples.display, self.transcript.display = empty, not empty
        self.legend.display = empty
        self.legend.served = self.with_server
        self.tape.set_class(empty, "-empty")
        self.why_bar.set_class(empty, "-empty")
        self.timeline.hush(empty)
        self.offer.hush(not empty)

    # -- what comes from the decode thread

    def _tick(self) -> None:
        self._ticks += 1
        if self._ticks % 2:
            self.bridge.drain()
        elif self._news is not None and (self._ticks % READ_OUT_TICKS == 0 or not self.answering):
            if not self._chosen:
                self._show_step(self._news)
                self.mode_bar.show_idle(self._news.step.why_no_draft)
            self._news = None
            self.timeline.show()
            self._show_numbers()
        elif self._served and self._ticks % READ_OUT_TICKS == 0:
            self._served = False
            self._show_numbers()

    def apply(self, records: list[Record]) -> None:
        """Take in a batch of records of this screen's own commands, or of none, in order."""
        for record in records:
            if getattr(record, "lane", CHAT) == CHAT:
                self._chat(record)
            else:
                self._measured(record)

    def _chat(self, record: Record) -> None:
        self.ledger.feed(record)
        match record:
            case StepText():
                self.transcript.document.add_step(record)
                self.metric_bar.note(len(record.step.emitted))
                self.timeline.add(record.step)
                self._news = record
            case PrefillText():
                self.transcript.document.add_first(record)
            case ServedText():
                self.transcript.document.add_served(record)
                self._served = True
            case Told(kinds=kinds):
                self.transcript.document.recolour(kinds)
                self._tell_no_step(served_sentence(record))
            case TurnText(turn=turn):
                self.answering, self._chosen, self._pinned = True, False, None
                self.metric_bar.rates.clear()
                title = self.session.modes[turn.mode].title
                self.transcript.document.begin_answer(title, self.ledger.place_note)
                self._tell_no_step(NO_STEPS if turn.mode == SERVED else "")
            case SwitchText(switch=switch):
                self._show_mode(switch.mode)
                if self.answering:
                    self.transcript.document.seam(self.session.modes[switch.mode].title)
            case ChangedText():
                self._show_header()
            case EndText():
                self._end(record)
            case Loading(stage, fraction):
                self._stage = f"{stage}{f' {fraction:.0%}' if fraction is not None else ''}"
                self._show_header()
            case Ready():
                self._become_ready(record)
            case Failed(message):
                self._fail(message)
            case Note(message):
                self._say(message)
            case Finished(kind=kind):
                self._finish(record, kind)

    def _say(self, message: str) -> None:
        """A line for the person: where an answer should be, if one was asked for, else beside it."""
        if self.command is not None and not self.ledger.measurement.running:
            self.transcript.document.error(message)
        else:
            self.notify(message, markup=False)

    def _finish(self, record: Record, kind: Kind) -> None:
        """The command is over, however it went: nothing stays open."""
        self.command = None
        if kind == "measurement":
            self._measured(record)
        if self.answering:
            self._end(EndText(CHAT, End("error")))

    def _end(self, record: EndText) -> None:
        if self.answering:
            self.transcript.document.end_answer(record, self.ledger.summary(record.end.reason))
        else:
            self.transcript.document.error(record.end.message or "the answer could not begin")
        self.answering = False
        self.prompt.cursor_blink = True
        self._show_numbers()
        if self.ledger.is_served and not self.ledger.is_told:
            numbers = self.ledger.numbers
            counts = (None, None) if "drafted" in numbers.unknown else (numbers.drafted, numbers.accepted)
            self._tell_no_step(unfinished_sentence(*counts))
        if self.ledger.answered:
            self.keeping.ask_to_learn()

    def _become_ready(self, ready: Ready) -> None:
        self.ready = ready
        self.model = ready.model if ready.model in known_models() else self.model
        self.mode_bar.take(self.session.modes)
        self.mode_bar.unavailable = ready.unavailable
        self._show_mode(self.session.mode)
        self.examples.show(self.model)
        for note in ready.notes:
            self.notify(note, markup=False)
        if not self.empty and self._answers_as not in (None, (ready.model, ready.draft)):
            draft = f" ← {ready.draft}" if ready.draft else ""
            place = f" ({ready.device})" if self.with_server else ""
            self.transcript.document.note(f"from here on: {ready.model}{place or draft}")
        self._answers_as = ready.model, ready.draft
        self._show_header()
        self._show_numbers()
        if self.empty:
            self._tell_no_step(NO_STEPS if self.with_server else "")

    @property
    def with_server(self) -> bool:
        """Whether a server answers."""
        return SERVED in self.session.modes

    def _fail(self, message: str) -> None:
        self.failed = True
        self._stage = "failed"
        self._set_empty(False)
        self.transcript.document.error(f"{message}\nctrl+q leaves")
        self._show_header()

    def _measured(self, record: Record) -> None:
        verdict = self.ledger.measurement.feed(record)
        if verdict:
            self.notify(verdict, markup=False)
        if isinstance(record, Finished):
            self._show_numbers()
            speedup = self.ledger.speedup
            if speedup is not None and not speedup.doubt:
                self.keeping.archive.measured(speedup.value)

    # -- read-outs

    def _show_header(self) -> None:
        """Show what holds for the next step."""
        state = "not loaded" if self.failed else f"{self._stage} …"
        options = self.session.options
        advised = options.sampling != self.settings.options.sampling
        self.header.show(self.ready, self.model, options, state, advised)

    def _show_mode(self, name: str, waiting: bool = False) -> None:
        """Mark a mode; what it shows of its own changes when it takes effect."""
        self.mode_bar.show(name, waiting)
        if not waiting:
            self.timeline.follow(name)

    def _show_numbers(self) -> None:
        ledger, follow = self.ledger, self.transcript.viewport.follow
        measuring = ledger.measurement.running
        self.why_bar.show(ledger.why(self.ready))
        key = "" if self.with_server else "f9"
        self.metric_bar.show(ledger.numbers, ledger.speedup, measuring, follow, key=key, looping=ledger.looping)

        rate, speedup = ledger.numbers.tokens_per_second, ledger.speedup
        label = "times plain decoding" if speedup else "speed-up: measuring" if measuring else "speed-up: F9 measures"
        second = Big(ratio_of(speedup.value if speedup else None), label)
        if self.with_server:
            per = ledger.numbers.tokens_per_step
            second = Big(f"{per:.2f}" if per else "-", "tokens per step")
        self.big.show([Big(rate_of(rate), "tokens per second"), second])

    @on(Transcript.FollowChanged)
    def _follow_changed(self) -> None:
        self._show_numbers()

    @on(Transcript.StepSelected)
    def _step_selected(self, event: Transcript.StepSelected) -> None:
        record = self.ledger.steps.get((event.answer, event.step))
        self._chosen = record is not None
        self._pinned = (event.answer, event.step) if self._chosen else None
        if record is not None:
            self._show_step(record, True, (event.answer, event.step + 1) in self.ledger.steps)

    def _view_changed(self, view: str) -> None:
        """The trace shows in the step pane, too, what was lost."""
        self.step_pane.folds = view != VIEWS[-1]
        self.step_pane.show(*self._shown)

    def _tell_no_step(self, words: str) -> None:
        """Say why there is no step; without words there will be one, and the pane stays as it is until then."""
        self.step_pane.instead = words
        if words:
            self._show_step(None)

    def _show_step(self, record: StepText | None, pinned: bool = False, goes_on: bool = False) -> None:
        self.tape.show(record)
        self._shown = record, pinned, goes_on
        if self.step_pane.display or record is None or pinned:
            self.step_pane.show(record, pinned, goes_on)

    # -- what a person does

    @on(Prompt.Sent)
    async def _sent(self, event: Prompt.Sent) -> None:
        if is_command(event.text):
            if await self.app.run_slash(event.text):  # type: ignore[attr-defined]
                self.prompt.take(event.text)
        elif self._send(event.text):
            self.prompt.take(event.text)
            self.prompt.focus()

    @on(Prompt.Edge)
    def _edge(self) -> None:
        if self.empty:
            self.examples.focus()

    def _send(self, text: str) -> bool:
        if self.failed:
            self.notify("no model is loaded; ctrl+q leaves", severity="warning")
        elif not text.strip():
            self.notify("type something first", timeout=2)
        elif self.busy:
            self.notify("still answering; esc stops", timeout=3)
        elif (attached := self.attached.with_mentioned(text)) is not None:
            self._set_empty(False)
            self.keeping.begin_question()
            self.transcript.viewport.follow = True
            names = "".join(f"\n+ {one}" for one in attached)
            self.transcript.document.begin_question(sanitise(f"{text.strip()}{names}"))
            self.attached.clear()
            self.prompt.cursor_blink = False
            self._unasked = with_attachments(text.strip(), attached)
            self.call_after_refresh(self._ask)
            return True
        return False

    def _ask(self) -> None:
        if self._unasked is not None:
            question, self._unasked = self._unasked, None
            if not self._give(self.session.ask(question, before=self.keeping.take_place())):
                self.transcript.document.error("not asked: something else runs; stop it, then ask again")

    def _give(self, command: int | None) -> bool:
        """Take note of a command that was given; whether the session has accepted it."""
        if command is None:
            self.notify("something else runs; esc stops it", timeout=3)
            return False
        self.command = command
        return True

    @property
    def busy(self) -> bool:
        """Whether a command of this screen runs or is about to."""
        return self._unasked is not None or self.command is not None

    def action_stop(self) -> None:
        """Stop what runs; with nothing to stop, go between prompt and transcript."""
        if self.busy:
            self._ask()
            self.session.stop()
        elif self.keeping.leave_edit():
            pass
        elif self.focused is self.prompt:
            (self.examples if self.empty else self.transcript).focus()
        else:
            self.prompt.focus()

    def action_mode(self, name: str) -> None:
        """Switch to a mode, also in mid-answer."""
        if self.ready is None:
            self.notify("still loading", timeout=2)
            return
        if name not in self.session.modes and name not in MODES:
            self.notify(f"there is no mode {name}; choose from {', '.join(MODES)}", severity="warning", markup=False)
            return
        why_not = self.ready.unavailable.get(name)
        if why_not:
            self.notify(f"{MODES[name].title}: {why_not}", severity="warning", markup=False)
            return
        if name != self.session.mode:
            self.session.switch(name)
        self._show_mode(name, waiting=self.answering and name != self.mode_bar.current)

    def action_next_mode(self) -> None:
        """Switch to the next mode that can run."""
        names = list(self.ready.modes if self.ready else MODES)
        if self.ready is not None and names == [self.session.mode]:
            why = next(iter(self.ready.unavailable.values()), "there is no other mode")
            self.notify(why, severity="warning", markup=False)
            return
        self.action_mode(names[(names.index(self.session.mode) + 1) % len(names)])

    def action_view(self, name: str = "") -> None:
        """Clean, colour, trace."""
        if name in VIEWS:
            self.transcript.view = name
        else:
            self.transcript.next_view()
        self.notify(f"view: {self.transcript.view}", timeout=2)

    def action_fold(self) -> None:
        """Fold thoughts, or show them."""
        self.transcript.action_fold()

    def action_baseline(self) -> None:
        """Measure the current mode against autoregressive decoding of the same prompt."""
        if self.with_server:
            self.notify(UNMEASURED, timeout=5)
        elif self.busy or not self.ledger.answered:
            self.notify("ask something first, and let the answer end", timeout=3)
        elif not self.ledger.can_measure:
            self.notify("the last answer has no tokens, so there is nothing to measure", timeout=3)
        elif self._give(self.session.baseline()):
            self.ledger.begin_measurement()
            self._show_numbers()

    def action_race(self) -> None:
        """Let all modes answer the last question side by side."""
        if self.busy or self.ready is None:
            self.notify("still answering; esc stops" if self.ready else "still loading", timeout=3)
        elif self.with_server and len(self.ready.servers) < 2:
            self.notify(ALONE, timeout=5)
        else:
            self.app.open_race(self.ready, self.ledger.answered)  # type: ignore[attr-defined]

    def _last_answer(self) -> Replay | None:
        """The last answer, to be played again; says why there is none."""
        if self.busy:
            self.notify("still answering; esc stops", timeout=3)
        elif not any(isinstance(record, PrefillText | ServedText) for record in self.ledger.told):
            self.notify("ask something first; then its answer can be played again", timeout=3)
        else:
            return Replay([self.ready, *self.ledger.told] if self.ready else self.ledger.told)
        return None

    def action_slow(self) -> None:
        """Play the last answer again in slow motion."""
        if (answer := self._last_answer()) is not None:
            self.app.push_screen(ReplayScreen(answer, PACES[0], view=self.transcript.view))

    def action_page(self) -> None:
        """Write the last answer as a page that plays in a browser."""
        if (answer := self._last_answer()) is not None:
            export_page(self.app, answer, 0)

    def action_inspect(self) -> None:
        """The chosen step in full, or the last one."""
        ledger = self.ledger
        answer, step = self._pinned or (ledger.answer, None)
        if not ledger.records(answer):
            self.notify("ask something first; then its steps can be inspected", timeout=3)
            return
        if ledger.is_served:
            self.notify(UNSEEN, timeout=3)
            return
        plain = self.ready.plain_ms if self.ready else None
        if answer == ledger.answer:
            inspector = InspectScreen(lambda: ledger.told, step, plain, self.session, self._inspect_again)
        else:
            inspector = InspectScreen(lambda: ledger.records(answer), step, plain)
        self.app.push_screen(inspector)

    def _inspect_again(self) -> None:
        """Answer once more, and record what the target wants."""
        if self.busy:
            self.notify("still answering; hold or let it end", timeout=3)
            return
        self.session.change(replace(self.session.options, inspect=True))
        self.action_rerun()

    def action_attach(self, path: str) -> None:
        """Attach a text file to the next question."""
        self.attached.add(path)

    def action_detach(self) -> None:
        """Take back what was attached."""
        self.attached.clear()

    def action_rerun(self) -> None:
        """Answer the last question again in the current mode."""
        if self.busy:
            self.notify("still answering; esc stops", timeout=3)
        elif not self.ledger.answered:
            self.notify(UNANSWERED if self.ledger.asked else "ask something first", timeout=3)
        elif self._give(self.session.rerun()):
            self.transcript.drop_answer()
            self.ledger.drop()

    def action_new(self) -> None:
        """Begin a new conversation, with the model that was fetched if there is one; the old one stays saved."""
        if self.offer.state == "here":
            self.offer.withdraw()
            self.choice = replace(self.settings.model, model=REAL)
            self.session.open(self.choice)
            self.ready, self.model, self._stage = None, REAL, "starting"
            self.examples.show(REAL)
            self._show_header()
        else:
            self.session.clear()
        self._begin_empty()

    def action_models(self, name: str = "") -> None:
        """Choose another model and draft model, among those with ``name``; the conversation goes on with them."""
        if self.busy or (self.ready is None and not self.failed):
            self.notify("still answering; esc stops" if self.ready else "still loading", timeout=3)
        else:
            servers = {**with_names(self.session.servers), **self.settings.servers}
            self.app.push_screen(picker(self.choice, self.ready, name, servers), self._exchange)

    def action_server(self, text: str = "") -> None:
        """Go on with a server, by its name or address; without one, choose among those that have a name."""
        if not text or self.busy or (self.ready is None and not self.failed):
            self.action_models(SERVED)
            return
        try:
            self._exchange(self.settings.server(text))
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)

    def _exchange(self, choice: ModelChoice | ServerChoice | None) -> None:
        if choice is None:
            return
        if isinstance(choice, ModelChoice):
            self.choice, self.model = choice, choice.model
        else:
            self.model = choice.name or choice.url
            self.offer.withdraw()
        self.ready = None
        self.failed, self._stage = False, "starting"
        self.ledger.can_measure = False
        self.session.exchange(choice)
        self._show_header()

    def action_fetch(self) -> None:
        """Fetch a real model for those who have only the demo pair, or stop that."""
        if self.offer.state in ("nothing", "here"):
            self.notify(f"the model is {self.model}; `spectui --help` says how to take another", markup=False)
        else:
            self.offer.toggle()

    def action_conversations(self) -> None:
        """List what was said, to go on with it."""
        self.keeping.open_list()

    def action_edit(self) -> None:
        """Write the question of the chosen answer, or the last one, anew."""
        self.keeping.edit()

    def action_other_answer(self, by: int) -> None:
        """Show another answer to the same question."""
        if not self.empty:
            self.keeping.other(by)

    def action_reseed(self) -> None:
        """Answer the last question again with the next seed."""
        self.keeping.reseed()

    def action_learn(self, learns: bool) -> None:
        """Say whether answers may be learnt."""
        self.keeping.decide_to_learn(learns)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Whether answers may be learnt is asked once, but no class; only what was attached can be taken back."""
        asked = self.learn_question.open and not self.app.has_class(LECTURE)
        return {"learn": asked, "detach": bool(self.attached.files)}.get(action, True)

    @on(Offer.Here)
    def _model_is_here(self) -> None:
        """Go over to it, but not in the middle of a conversation."""
        if self.empty and not self.busy and self.is_current and not self.failed:
            self.action_new()

    def action_side(self) -> None:
        """Show or hide the step pane: beside the text, or over it where there is no room beside it."""
        self.toggle_class("-no-side" if self.has_class("-wide") else "-side-over")
        self.step_pane.show(*self._shown)

    def action_longer(self, by: int) -> None:
        """Draft by a fixed length, one longer or shorter; beyond both ends it is automatic again."""
        old = self.session.options.speculation.draft_tokens
        length = (old if isinstance(old, int) else USUAL_LENGTH) + by
        self.action_set("draft_tokens", str(length) if 1 <= length <= MOST_LENGTH else "auto")

    def action_set(self, name: str, value: str) -> None:
        """Set an option from the next step on."""
        if self.ready is None:
            self.notify("still loading", timeout=2)
            return
        try:
            self.changes.set(name, value)
        except UserError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            self.notify(f"{declared(name).label_of(name)}: {self.changes.value(name)}", timeout=2, markup=False)

    def action_settings(self) -> None:
        """Show what can be changed now."""
        if self.ready is None:
            self.notify("still loading", timeout=2)
        else:
            self.app.push_screen(SettingsScreen(self.changes))

    def action_copy_code(self) -> None:
        """Copy the last block of code on show."""
        self.transcript.action_copy_code()

    def action_export(self) -> None:
        """Write the conversation as Markdown, and its last answer as a page to hand out."""
        self.app.export("", "md", self.transcript.document.markdown)  # type: ignore[attr-defined]
        if self.ledger.told and not self.busy:
            self.action_page()
