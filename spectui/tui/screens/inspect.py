"""The inspector: one step in full, live or replayed."""

from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Protocol

from rich.cells import set_cell_size
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from ...engine.values.step import Step
from ...present.frames import mode_title
from ...present.inspection import (
    DATASTORE,
    OWN,
    Choice,
    choices,
    cost_words,
    fate_words,
    passage,
    place_of,
    source_sentence,
    words_of,
    workers,
)
from ...present.step_sentence import quoted, sentence
from ...present.token_looks import LOOKS, TokenKind
from ...record.events import EndText, Record, StepText, TurnText
from ..actions import bindings
from ..bridge import TICK
from ..compositor import RowScreen
from ..widgets.draft_tree import DraftTree
from ..widgets.keys import Keys
from ..widgets.step_pane import look

BARS = 48
"""Cells of the bars that say who worked when."""
GREEDY = "The likeliest is taken, whatever was drafted."
NOISY = "The highest sum is taken. The noise here is the same in every mode, whatever was drafted."
CLASSIC = "Drawn at random by the classic rule: another mode gives another text."
"""How the target chooses, and why the text is the same in every mode, or is not."""
UNSEEN = "a server sends no steps, only their text; there is nothing to inspect"


class Live(Protocol):
    """What the inspector asks of the conversation whose answer it shows."""

    def hold(self, steps: int | None = 0) -> None:
        """Stand still after so many more steps; None goes on."""


class InspectScreen(RowScreen):
    """A step of an answer: its tree, what the target wanted, why it ended, what it cost."""

    HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]  # noqa: RUF012 (Textual types it so)
    VERTICAL_BREAKPOINTS = [(0, "-short"), (18, "-tall")]  # noqa: RUF012
    BINDINGS: ClassVar[list[BindingType]] = bindings("inspect")
    CSS = """
    InspectScreen { layout: vertical; }
    #inspect-head { height: 1; background: $surface; text-wrap: nowrap; text-overflow: ellipsis; }
    #inspect-body { height: 1fr; }
    #draft-tree { width: 1fr; height: 100%; }
    #inspect-side { width: 40; height: 100%; background: $surface; padding: 0 1; }
    InspectScreen.-wide #inspect-side { width: 56; }
    #passage { height: auto; max-height: 4; padding: 0 1; }
    #workers { height: auto; padding: 0 1; }
    #sentence { height: auto; max-height: 4; padding: 0 1; background: $surface; }
    #cost { height: auto; max-height: 2; padding: 0 1; background: $surface; color: $token-muted; }
    InspectScreen.-short #passage, InspectScreen.-short #workers, InspectScreen.-short Footer { display: none; }
    """

    def __init__(
        self,
        records: Callable[[], Sequence[Record]],
        step: int | None = None,
        plain_ms: float | None = None,
        live: Live | None = None,
        again: Callable[[], None] | None = None,
    ) -> None:
        """``records`` are those of one answer, more of them while it goes on; ``step`` is the last one if None.

        ``live`` can hold the answer, ``again`` answers once more and records what the target wants.
        """
        super().__init__()
        self._records, self._plain_ms, self._live, self._again = records, plain_ms, live, again
        self.steps: list[StepText] = []
        self._wanted = step
        self.at = -1
        """Place of the step on show."""
        self.held = False
        """Whether the answer stands still before its next step."""
        self._words: dict[int, str] = {}
        self._seen = 0
        self._over = False
        self._begun: Record | None = None
        """The first record of the answer."""
        self.draft_tree = DraftTree(id="draft-tree")
        self.head, self.cost = Static(id="inspect-head", markup=False), Static(id="cost", markup=False)
        self.passage, self.bars = Static(id="passage", markup=False), Static(id="workers", markup=False)
        self.sentence, self.facts = Static(id="sentence", markup=False), Static(markup=False)

    def compose(self) -> ComposeResult:
        """Head, tree and facts, text, who worked when, why, cost, keys."""
        yield self.head
        with Horizontal(id="inspect-body"):
            yield self.draft_tree
            with VerticalScroll(id="inspect-side", can_focus=False):
                yield self.facts
        yield self.passage
        yield self.bars
        yield self.sentence
        yield self.cost
        yield Keys(compact=True, show_command_palette=False)

    def on_mount(self) -> None:
        """Show the step that was asked for, and what comes."""
        self._read()
        if self._live is not None:
            self.set_interval(TICK, self._look)

    def _look(self) -> None:
        """Take in what has come; the last step is followed."""
        records = self._records()
        if len(records) != self._seen or (records and records[0] is not self._begun):
            self._read()

    def _read(self) -> None:
        records = self._records()
        begun = records[0] if records else None
        if begun is not self._begun:
            self._wanted = self.record.step.index if self.record else self._wanted
            self._begun, self.at = begun, -1
        follows, self._seen = self.at == len(self.steps) - 1, len(records)
        self.steps = [record for record in records if isinstance(record, StepText)]
        self._over = any(isinstance(record, EndText) for record in records)
        self._words = words_of(records)
        found = next((at for at, one in enumerate(self.steps) if one.step.index == self._wanted), None)
        if found is not None:
            self.at, self._wanted = found, None
        elif follows or self.at < 0:
            self.at = len(self.steps) - 1
        self._show()

    @property
    def record(self) -> StepText | None:
        """The step on show."""
        return self.steps[self.at] if 0 <= self.at < len(self.steps) else None

    # -- what is shown

    def _show(self) -> None:
        record = self.record
        if record is not self.draft_tree.record:
            self.draft_tree.show(record)
        self._show_head()
        if record is None:
            self.facts.update("no step yet")
            return
        goes_on = self.at + 1 < len(self.steps)
        self.sentence.update(Content.assemble((f"Why it ended: {sentence(record, goes_on)}.", "italic")))
        self.cost.update(Content(cost_words(record.step, self._plain_ms)))
        self._show_workers(record.step)
        self._show_node()

    def _show_head(self) -> None:
        record, running = self.record, self._live is not None and not self._over
        state = "" if not running else "‖ held  " if self.held else "▶ live  "
        where = f"step {record.step.index} · {self.at + 1} of {len(self.steps)}" if record else "no step yet"
        mode = f" · {mode_title(record.step.mode)} · position {record.step.position}" if record else ""
        parts: list[Any] = [(" inspect ", "bold $primary"), (f" {state}{where}", "bold"), (mode, "$token-muted")]
        self.head.update(Content.assemble(*parts), layout=False)

    def _show_workers(self, step: Step) -> None:
        bars = [f"{name} {bar}" for name, bar in workers(step, min(BARS, max(8, self.size.width - 12)))]
        self.bars.display = bool(bars)
        self.bars.update("\n".join(bars))

    def _show_node(self) -> None:
        record, node = self.record, self.draft_tree.node
        if record is None or node is None:
            self.facts.update("nothing to choose")
            return
        own = node == OWN
        kind: TokenKind = record.step.emitted[-1].kind if own else record.step.nodes[node].fate
        text = record.emitted[-1] if own else record.nodes[node]
        parts: list[Any] = [(f"{LOOKS[kind].mark} {quoted(text)}", look(kind)), f"\n{fate_words(record, node)}\n"]
        if not own:
            parts.append((f"{source_sentence(record, node, self._words)}\n", ""))
        parts += ["\n", *self._wanted_there(record, place_of(record.step, node))]
        self.facts.update(Content.assemble(*parts))
        self._show_passage(record, node)

    def _wanted_there(self, record: StepText, place: int) -> list[Any]:
        found = choices(record, place)
        if not found:
            if record.step.target_top is not None:
                return [("The target never looked at this place.", "$token-muted")]
            remedy = "t answers again and records it" if self._again else "record with --inspect to see it"
            return [(f"What the target wanted is not in the record: {remedy}.", "$token-muted")]
        noisy = found[0].noise is not None
        more = f" {'log p':>6}{'noise':>6} {'sum':>6}" if noisy else ""
        parts: list[Any] = [("The target's choices here\n", "bold"), (f"{'':13}{'share':>7}{more}\n", "$token-muted")]
        for one in found:
            parts += self._choice(one)
        parts.append((NOISY if noisy else CLASSIC if self._draws else GREEDY, "$token-muted"))
        return parts

    @property
    def _draws(self) -> bool:
        """Whether tokens are drawn at random."""
        return isinstance(self._begun, TurnText) and self._begun.turn.options.sampling.temperature > 0

    def _choice(self, one: Choice) -> list[Any]:
        """A row of 38 cells: the token, its share and, where it was drawn, log p, noise and their sum."""
        numbers = f"{one.probability * 100:5.1f} %"
        if one.noise is not None:
            numbers = f"{numbers} {one.score - one.noise:+6.2f}{one.noise:+6.2f} {one.score:+6.2f}"
        sign, style = ("▸" if one.is_chosen else " "), "bold" if one.is_chosen else "$token-muted"
        drafted = LOOKS["accepted" if one.is_chosen else "rejected"].mark if one.is_drafted else " "
        return [(f"{sign}{drafted}{set_cell_size(quoted(one.text), 11)}{numbers}\n", style)]

    def _show_passage(self, record: StepText, node: int) -> None:
        found = passage(record, node, self._words)
        if found is None:
            place = record.step.position
            before = "".join(self._words.get(index, "") for index in range(place - 24, place + 1))
            parts: list[Any] = [("text  ", "bold"), (_line(before), "$token-muted")]
            parts += [
                (_line(text), look(token.kind)) for token, text in zip(record.step.emitted, record.emitted, strict=True)
            ]
        else:
            stored = record.step.nodes[node].source.kind == DATASTORE
            parts = [("copied from the datastore  " if stored else "copied from  ", "bold"),
                     (_line(f"…{found.before}"), "$token-muted"), (_line(found.match), "underline"),
                     (_line(found.copied), f"{look('accepted')} reverse"),
                     (_line(f"{found.after}…"), "$token-muted")]  # fmt: skip
        self.passage.update(Content.assemble(*parts))

    # -- what a person does

    def action_walk(self, way: str) -> None:
        """To another token of the tree."""
        self.draft_tree.walk(way)
        self._show_node()

    def action_step(self, by: int) -> None:
        """Another step; behind the last one of an answer that is held it makes one more."""
        if by > 0 and self.at == len(self.steps) - 1 and self.held and self._live is not None and not self._over:
            self._live.hold(1)
            return
        at = min(len(self.steps) - 1, max(0, self.at + by))
        if at != self.at:
            self.at = at
            self._show()

    def action_hold(self) -> None:
        """Hold the decoder between two steps, or let it go on."""
        if self._live is None or self._over:
            self.notify("this answer is over; . and , go through its steps", timeout=3)
            return
        self.held = not self.held
        self._live.hold(0 if self.held else None)
        self._show_head()

    def action_again(self) -> None:
        """Answer once more, and record what the target wants at each place."""
        if self._again is None:
            self.notify("there is no model here; record with --inspect", timeout=3)
        else:
            self._again()

    def action_leave(self) -> None:
        """Back; an answer that was held goes on."""
        if self.held and self._live is not None:
            self._live.hold(None)
        self.dismiss()


def _line(text: str) -> str:
    return text.replace("\n", "↵").replace("\t", "⇥")
