"""The tour: a lesson is read, watched and asked about."""

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Protocol

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ...engine.values.options import Options
from ...present.lesson import Lesson, latency_picture, noise_picture
from ...record.events import EndText, Failed, Finished, Loading, Note, Ready, Record, Started
from ...record.recording import TraceFile
from ...record.replay import Replay
from ...system.errors import UserError
from ..actions import bindings
from ..bridge import TICK
from ..compositor import RowScreen
from ..widgets.keys import Keys
from .replay import ReplayScreen


class Teaches(Protocol):
    """The part of a session that lessons need."""

    @property
    def verify_ms(self) -> Mapping[int, float]:
        """T(m), once the models are loaded."""

    def load(self) -> None:
        """Begin to load."""

    def ask(self, text: str) -> int | None:
        """Answer."""

    def switch(self, mode: str) -> None:
        """Another mode."""

    def change(self, options: Options) -> None:
        """Other options."""

    def clear(self) -> None:
        """Begin anew."""

    def stop(self) -> None:
        """Stop what runs."""

    def close(self, timeout: float = 1.0) -> bool:
        """End."""


class TourScreen(RowScreen):
    """Lessons, one at a time."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("tour")
    CSS = """
    TourScreen { layout: vertical; }
    #tour-head { height: 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    #tour-page { height: 1fr; padding: 1 2; }
    #tour-page > Static { height: auto; max-width: 88; margin-bottom: 1; }
    #tour-picture { color: $token-accepted; text-wrap: nowrap; }
    #tour-state { height: 1; padding: 0 2; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(
        self, lessons: Sequence[Lesson], make: Callable[[Callable[[Record], None]], Teaches], number: int = 0
    ) -> None:
        super().__init__()
        self.lessons, self._make = lessons, make
        self.number = number
        """Which lesson it is."""
        self.session: Teaches | None = None
        """Made when the first lesson needs it."""
        self.ready: Ready | None = None
        self.watched: dict[str, list[Record]] = {}
        """Lane -> records, of the lesson's answers."""
        self.chosen: int | None = None
        """The choice that was made, from 1."""
        self._come: deque[Record] = deque()
        self._waiting: list[str] = []
        """Modes that have not answered yet; the first one does."""
        self._state = ""
        self.head, self.state = Static(id="tour-head", markup=False), Static(id="tour-state", markup=False)
        self.text, self.picture = Static(markup=False), Static(id="tour-picture", markup=False)
        self.asked = Static(id="tour-question", markup=False)

    def compose(self) -> ComposeResult:
        """Head, lesson, state, keys."""
        yield self.head
        with VerticalScroll(id="tour-page"):
            yield self.text
            yield self.picture
            yield self.asked
        yield self.state
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Load while the first lesson is read, if any lesson needs a model."""
        self.query_one(VerticalScroll).focus()
        if any(lesson.prompt for lesson in self.lessons):
            self.session = self._make(self._come.append)
            self.call_after_refresh(self.session.load)
        self.set_interval(TICK, self._take_in)
        self._show()

    @property
    def lesson(self) -> Lesson:
        """The one on show."""
        return self.lessons[self.number]

    # -- what comes from the decode thread

    def _take_in(self) -> None:
        while self._come:
            record = self._come.popleft()
            match record:
                case Ready():
                    self.ready, self._state = record, ""
                case Failed(message=message) | Note(message=message):
                    self._waiting, self._state = [], message
                case Loading(stage=stage):
                    self._state = f"{stage} …"
                case Finished() if self._waiting:
                    self._next_mode()
                case EndText(end=end) if end.reason == "error" and self._waiting:
                    self._waiting, self._state = [], end.message or "the answer failed"
                case Started() | Finished():
                    pass
                case _ if self._waiting and hasattr(record, "lane"):
                    self._keep(record)
            self._show()

    def _keep(self, record: Any) -> None:
        several = len(self.lesson.modes) > 1
        lane = self._waiting[0]
        self.watched.setdefault(lane, []).append(replace(record, lane=lane) if several else record)

    def _next_mode(self) -> None:
        self._waiting.pop(0)
        if self._waiting:
            self._ask()
        else:
            self._state = ""
            self._play([record for lane in self.watched.values() for record in lane])

    def _ask(self) -> None:
        assert self.session is not None
        self._state = f"{self._waiting[0]} answers …"
        self.session.clear()
        self.session.switch(self._waiting[0])
        self.session.change(self.lesson.options)
        self.session.ask(self.lesson.prompt)

    def _play(self, records: Sequence[Record]) -> None:
        told = [self.ready, *records] if self.ready else records
        self._watch(Replay(told))

    def _watch(self, replay: Replay) -> None:
        screen = ReplayScreen(replay, self.lesson.speed, view="trace", note=self.lesson.look)
        self.app.push_screen(screen, lambda _: self._show())

    # -- what is shown

    def _show(self) -> None:
        lesson = self.lesson
        title = (f" {self.number + 1} of {len(self.lessons)}  {lesson.title}", "bold")
        self.head.update(Content.assemble((" tour ", "bold $primary"), title), layout=False)
        self.text.update(lesson.text.strip())
        self.picture.update(self._picture())
        self.picture.display = bool(lesson.picture)
        self.asked.update(self._question())
        self.state.update(self._state or ("enter watches it once more" if self._seen else "enter watches it"))

    @property
    def _seen(self) -> bool:
        return bool(self.watched) and not self._waiting

    def _picture(self) -> str:
        if self.lesson.picture == "latency":
            return latency_picture(self.session.verify_ms if self.session else {})
        if self.lesson.picture == "noise":
            return noise_picture(self.watched if self._seen else {})
        return ""

    def _question(self) -> Content:
        one = self.lesson.question
        if one is None:
            return Content("")
        parts: list[Any] = [(f"{one.text}\n", "bold")]
        for number, words in enumerate(one.choices, 1):
            known = self.chosen is not None
            right, mine = known and number == one.answer, number == self.chosen
            sign = "✓" if right else "✗" if mine else " "
            parts.append(
                (f"{sign} {number}  {words}\n", "bold $token-accepted" if right else "$token-rejected" if mine else "")
            )
        if self.chosen is not None:
            parts.append(f"{'Right.' if self.chosen == one.answer else 'Not quite.'} {one.why}")
        return Content.assemble(*parts)

    # -- what a person does

    def action_watch(self) -> None:
        """Let the models answer, or take the trace, and play it in slow motion."""
        lesson = self.lesson
        if self._waiting:
            self.notify("still answering", timeout=2)
        elif lesson.trace:
            try:
                self._watch(Replay(TraceFile(lesson.folder / lesson.trace)))
            except UserError as error:
                self.notify(str(error), severity="error", markup=False)
            else:
                self.watched = {"trace": []}
        elif self._seen:
            self._play([record for lane in self.watched.values() for record in lane])
        elif self.ready is None:
            self.notify(self._state or "still loading", timeout=2, markup=False)
        else:
            self.watched, self._waiting = {}, [mode for mode in lesson.modes if mode in self.ready.modes]
            if self._waiting:
                self._ask()
                self._show()
            else:
                self.notify("these models cannot run the modes of this lesson", markup=False)

    def action_choose(self, number: int) -> None:
        """Answer the question."""
        one = self.lesson.question
        if one is not None and number <= len(one.choices):
            self.chosen = number
            self._show()
            self.asked.scroll_visible(animate=False)

    def action_lesson(self, by: int) -> None:
        """The next lesson, or the one before."""
        number = self.number + by
        if not 0 <= number < len(self.lessons):
            self.notify("that was the last lesson; esc leaves" if by > 0 else "this is the first lesson", timeout=3)
            return
        if self._waiting and self.session is not None:
            self.session.clear()
        self.number, self.watched, self.chosen, self._waiting, self._state = number, {}, None, [], ""
        self.query_one(VerticalScroll).scroll_home(animate=False)
        self._show()

    def action_leave(self) -> None:
        """Leave the tour."""
        self.app.exit(0)

    def close(self) -> None:
        """End the decode thread."""
        if self.session is not None:
            self.session.close(1.0)
