"""One lane of a race: its text, its numbers, the time of its steps."""

from collections.abc import Sequence

from textual.app import ComposeResult
from textual.containers import Vertical
from textual.content import Content
from textual.geometry import Size
from textual.widgets import Static

from ...engine.drafters.registry import MODES
from ...present.answer_line import percent
from ...present.race_book import LaneBook
from ...record.events import EndText, PrefillText, Record, ServedText, StepText, Told, TurnText
from ...record.metrics import LOOPS
from .metric_bar import BLOCKS
from .parts import Part, PartsLine
from .transcript import Transcript

ORDINALS = {1: "1st", 2: "2nd", 3: "3rd", 4: "4th", 5: "5th", 6: "6th"}
ROOM_FOR_LEGEND = Size(50, 8)
"""From which size on a lane has room to say what the colours mean."""


class StepBars(Static):
    """The wall times of the last steps, as many as there is room for."""

    step_ms: Sequence[float] = ()
    longest_ms = 0.0

    def on_resize(self) -> None:
        """There is room for more, or fewer."""
        self.show(self.step_ms, self.longest_ms)

    def show(self, step_ms: Sequence[float], longest_ms: float) -> None:
        """Draw times to the scale of ``longest_ms``."""
        self.step_ms, self.longest_ms = step_ms, longest_ms
        bars = step_bars(step_ms, max(1, self.size.width), longest_ms)
        self.update(Content.styled(bars, "$token-muted"), layout=False)


class LanePane(Vertical):
    """A lane; fed with its own records, in order."""

    def __init__(self, mode: str) -> None:
        super().__init__(classes="lane")
        self.mode = mode
        self.transcript = Transcript(room_for_asides=ROOM_FOR_LEGEND)
        self._title, self._numbers = PartsLine(classes="title"), PartsLine(classes="line")
        self._bars = StepBars(markup=False, classes="bars")

    def compose(self) -> ComposeResult:
        """Title, text, numbers, bars."""
        yield self._title
        yield self.transcript
        yield self._numbers
        yield self._bars

    def feed(self, record: Record) -> None:
        """Show what a record adds to the text."""
        match record:
            case TurnText():
                self.transcript.clear()
                self.transcript.document.begin_answer(MODES[self.mode].title if self.mode in MODES else self.mode)
            case PrefillText():
                self.transcript.document.add_first(record)
            case StepText():
                self.transcript.document.add_step(record)
            case ServedText():
                self.transcript.document.add_served(record)
            case Told(kinds=kinds):
                self.transcript.document.recolour(kinds)
            case EndText():
                self.transcript.document.end_answer(record)

    def read_out(self, book: LaneBook | None, place: int | None, longest_ms: float) -> None:
        """Show the lane's numbers; bars of step times are drawn to the scale of ``longest_ms``."""
        title = MODES[self.mode].title if self.mode in MODES else self.mode
        state = ORDINALS.get(place or 0, "") if book is None or book.end is None or place else book.end
        if 0 < self._title.size.width < len(f" {title}  1st"):
            title = self.mode
        parts = [Part(0, f" {title}", style="bold")]
        if state:
            parts.append(Part(1, state, style="$token-accepted bold" if place else "$token-muted"))
        if book is not None:
            parts.append(Part(2, f"{book.clock:.0f} ms", style="$token-muted"))
        self._title.draw(parts)
        self._numbers.draw(numbers_line(book))
        self._bars.show(book.step_ms if book is not None else (), longest_ms)


def numbers_line(book: LaneBook | None) -> list[Part]:
    """tok/s, tokens per step, accepted; unknown is –."""
    if book is None:
        return [Part(0, "– tok/s")]
    n = book.numbers
    rate, per, share = n.tokens_per_second, n.tokens_per_step, n.acceptance_rate
    accepted = f"{n.accepted}/{n.drafted} {percent(share)}" if share is not None else "–"
    parts = [Part(1, f"loops {LOOPS}")] if book.meter.looping else []
    parts.append(Part(0, f"{f'{rate:.0f}' if rate else '–'} tok/s"))
    parts.append(Part(2, f"{f'{per:.2f}' if per else '–'} per step"))
    parts.append(Part(3, f"accepted {accepted}"))
    return [*parts, Part(4, f"remembers {book.remembers:,} tokens")] if book.remembers else parts


def step_bars(step_ms: Sequence[float], width: int, longest_ms: float) -> str:
    """The wall times of the last ``width`` steps, as blocks."""
    if longest_ms <= 0.0:
        return ""
    return "".join(BLOCKS[max(1, min(8, round(8 * ms / longest_ms)))] for ms in step_ms[-width:])
