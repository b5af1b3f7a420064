"""The chat: ask, watch, switch, stop, measure."""

from dataclasses import replace
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical

from ...config.choice import AUTO
from ...config.settings import Settings
from ...engine.drafters.registry import MODES
from ...engine.values.events import End
from ...models.registry import known_models
from ...models.resolve import REAL, TOYS, meant
from ...present.served_sentence import served_sentence
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
from ...session.session import CHAT, Session
from ...system.sanitise import sanitise
from ..bridge import TICK, Bridge
from ..compositor import RowScreen
from ..ledger import Ledger
from ..mode_keys import MODE_BINDINGS
from ..widgets.examples import Examples
from ..widgets.keys import Keys
from ..widgets.metric_bar import MetricBar
from ..widgets.mode_bar import ModeBar
from ..widgets.offer import Offer
from ..widgets.prompt import Prompt
from ..widgets.step_pane import StepPane
from ..widgets.tape import Tape
from ..widgets.timeline import Timeline
from ..widgets.title import TitleBar
from ..widgets.transcript import Transcript

READ_OUT_TICKS = 6
"""Half ticks between changes of tape, step pane and numbers while an answer streams: nobody reads faster.

Text and read-outs change in different ones, because a paint redraws everything that lies between its changes.
"""


class ChatScreen(RowScreen):
    """One conversation on one screen."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (60, "-normal"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (14, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = [
        *MODE_BINDINGS,
        Binding("escape", "stop", "Stop", id="chat.stop"),
        Binding("ctrl+t", "next_mode", "Mode", id="chat.next_mode", priority=True),
        Binding("f7", "view", "View", id="chat.view", priority=True),
        Binding("f9", "baseline", "Measure AR", id="chat.baseline"),
        Binding("ctrl+g", "race", "Race", id="chat.race"),
        Binding("ctrl+r", "rerun", "Rerun", id="chat.rerun"),
        Binding("ctrl+n", "new", "New", id="chat.new"),
        Binding("ctrl+o", "fetch", "Get a real model", id="chat.fetch", show=False),
        Binding("ctrl+b", "side", "Steps", id="chat.side", show=False),
        Binding("ctrl+s", "export", "Export", id="chat.export", show=False),
        Binding("plus", "longer(1)", "Longer drafts", id="chat.longer", show=False),
        Binding("minus", "longer(-1)", "Shorter drafts", id="chat.shorter", show=False),
        Binding("v", "view", "View", id="chat.view_letter", show=False),
        Binding("f8", "app.screenshot", "Screenshot", id="chat.screenshot", show=False),
    ]

    def __init__(self, settings: Settings, session: Session, bridge: Bridge) -> None:
        super().__init__()
        self.settings, self.session, self.bridge = settings, session, bridge
        self.header = TitleBar(id="header")
        self.mode_bar = ModeBar(session.modes)
        self.examples = Examples(id="examples")
        self.offer = Offer("ctrl+o", id="offer")
        self.transcript = Transcript(id="transcript")
        self.step_pane = StepPane(id="side", markup=False)
        self.tape = Tape(id="tape")
        self.timeline = Timeline(id="timeline")
        self.metric_bar = MetricBar(id="metrics")
        self.prompt = Prompt(id="prompt")
        self.ledger = Ledger()
        self.model = meant(settings.model.model)
        """What the chat is with, or will be."""
        self.ready: Ready | None = None
        self.failed = False
        self.empty = True
        """Whether nothing was asked yet, so that examples are shown."""
        self._stage = "starting"
        self.answering = False
        """Whether an answer streams."""
        self._ticks = 0
        self._news: StepText | None = None
        self._served = False
        """Whether a server has sent something that the numbers do not show yet."""
        self._chosen = False
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
            yield self.step_pane
        yield self.tape
        yield self.timeline
        yield self.metric_bar
        yield self.prompt
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show what is known before anything is loaded; begin loading after the first frame."""
        self.transcript.view = self.settings.ui.view
        self.set_class(not self.settings.ui.side_pane, "-no-side")
        self.examples.show(self.model)
        if self.settings.model.model == AUTO and self.model == TOYS:
            self.offer.offer(REAL)
        self._show_mode(self.session.mode)
        self._show_header()
        self._begin_empty()
        self.set_interval(TICK / 2, self._tick)
        self.call_after_refresh(self.session.load)

    def _begin_empty(self) -> None:
        """Show a conversation in which nothing was asked."""
        self.command = self._unasked = self._news = None
        self.answering = self._chosen = False
        self.ledger = Ledger()
        self.transcript.clear()
        self.metric_bar.rates.clear()
        self.timeline.clear()
        self.mode_bar.show_idle(None)
        self._set_empty(True)
        self._show_step(None)
        self._show_numbers()
        self.prompt.cursor_blink = True
        self.prompt.focus()

    def _set_empty(self, empty: bool) -> None:
        """Show the examples or the conversation; a class on the screen would style every widget anew."""
        self.empty = empty
        if not empty and self.examples.has_focus:
            self.prompt.focus()
        self.examples.display, self.transcript.display = empty, not empty
        self.tape.set_class(empty, "-empty")
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
                self.step_pane.tell(served_sentence(record))
            case TurnText(turn=turn):
                self.answering, self._chosen = True, False
                self.metric_bar.rates.clear()
                self.transcript.document.begin_answer(self.session.modes[turn.mode].title)
            case SwitchText(switch=switch):
                self._show_mode(switch.mode)
                if self.answering:
                    self.transcript.document.seam(MODES[switch.mode].title)
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
            roomy = not self.has_class("-short")
            words = self.ledger.summary(record.end.reason) if roomy else ""
            self.transcript.document.end_answer(record, words, legend=roomy)
        else:
            self.transcript.document.error(record.end.message or "the answer could not begin")
        self.answering = False
        self.prompt.cursor_blink = True
        self._show_numbers()

    def _become_ready(self, ready: Ready) -> None:
        self.ready = ready
        self.model = ready.model if ready.model in known_models() else self.model
        self.mode_bar.unavailable = ready.unavailable
        self._show_mode(self.session.mode)
        self.examples.show(self.model)
        for note in ready.notes:
            self.notify(note, markup=False)
        self._show_header()

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

    # -- read-outs

    def _show_header(self) -> None:
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
        self.metric_bar.show(ledger.numbers, ledger.speedup, measuring, follow, key="f9", looping=ledger.looping)

    @on(Transcript.FollowChanged)
    def _follow_changed(self) -> None:
        self._show_numbers()

    @on(Transcript.StepSelected)
    def _step_selected(self, event: Transcript.StepSelected) -> None:
        record = self.ledger.steps.get((event.answer, event.step))
        self._chosen = record is not None
        if record is not None:
            self._show_step(record, pinned=True)

    def _show_step(self, record: StepText | None, pinned: bool = False) -> None:
        self.tape.show(record)
        if self.step_pane.display or record is None or pinned:
            self.step_pane.show(record, pinned)

    # -- what a person does

    @on(Prompt.Sent)
    def _sent(self, event: Prompt.Sent) -> None:
        if self._send(event.text):
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
        else:
            self._set_empty(False)
            self.transcript.viewport.follow = True
            self.transcript.document.begin_question(sanitise(text.strip()))
            self.prompt.cursor_blink = False
            self._unasked = text.strip()
            self.call_after_refresh(self._ask)
            return True
        return False

    def _ask(self) -> None:
        if self._unasked is not None:
            question, self._unasked = self._unasked, None
            if not self._give(self.session.ask(question)):
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
        elif self.focused is self.prompt:
            (self.examples if self.empty else self.transcript).focus()
        else:
            self.prompt.focus()

    def action_mode(self, name: str) -> None:
        """Switch to a mode, also in mid-answer."""
        if self.ready is None:
            self.notify("still loading", timeout=2)
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
        self.action_mode(names[(names.index(self.session.mode) + 1) % len(names)])

    def action_view(self) -> None:
        """Clean, colour, trace."""
        self.transcript.next_view()
        self.notify(f"view: {self.transcript.view}", timeout=2)

    def action_baseline(self) -> None:
        """Measure the current mode against autoregressive decoding of the same prompt."""
        if self.busy or not self.ledger.answered:
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
        else:
            self.app.open_race(self.ready, self.ledger.answered)  # type: ignore[attr-defined]

    def action_rerun(self) -> None:
        """Answer the last question again in the current mode."""
        if self.busy:
            self.notify("still answering; esc stops", timeout=3)
        elif not self.ledger.answered:
            self.notify("ask something first", timeout=3)
        elif self._give(self.session.rerun()):
            self.transcript.drop_answer()
            self.ledger.drop()

    def action_new(self) -> None:
        """Begin a new conversation, with the model that was fetched if there is one; the old one stays saved."""
        if self.offer.state == "here":
            self.offer.withdraw()
            self.session.open(replace(self.settings.model, model=REAL))
            self.ready, self.model, self._stage = None, REAL, "starting"
            self.examples.show(REAL)
            self._show_header()
        else:
            self.session.clear()
        self._begin_empty()

    def action_fetch(self) -> None:
        """Fetch a real model for those who have only the demo pair, or stop that."""
        if self.offer.state in ("nothing", "here"):
            self.notify(f"the model is {self.model}; `spectui --help` says how to take another", markup=False)
        else:
            self.offer.toggle()

    @on(Offer.Here)
    def _model_is_here(self) -> None:
        """Go over to it, but not in the middle of a conversation."""
        if self.empty and not self.busy and self.is_current and not self.failed:
            self.action_new()

    def action_side(self) -> None:
        """Show or hide the step pane."""
        self.toggle_class("-no-side")

    def action_longer(self, by: int) -> None:
        """Draft by a fixed length, one longer or shorter."""
        if self.ready is None:
            self.notify("still loading", timeout=2)
            return
        options = self.session.options
        old = options.speculation.draft_tokens
        length = min(16, max(1, (old if isinstance(old, int) else 5) + by))
        speculation = replace(options.speculation, draft_tokens=length)
        self.session.change(replace(options, speculation=speculation))
        self._show_header()

    def action_export(self) -> None:
        """Write the conversation as Markdown."""
        self.app.export("", "md", self.transcript.document.markdown)  # type: ignore[attr-defined]
