"""F1: what the colours mean, and what a person can do, task by task."""

from collections.abc import Iterator, Mapping
from textwrap import wrap
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...present.glossary import by_group
from ...present.token_looks import LOOKS
from ..actions import ACTIONS, GROUPS
from ..steady import SteadyScreen
from ..widgets.keys import written
from ..widgets.step_pane import has_colour, look

WHAT = (
    "The target is the model you talk to. A drafter guesses the next tokens; the target checks all guesses in one pass "
    "and keeps those that it would have chosen itself. The text is the target's own, whatever was drafted."
)

AGAINST = (
    "1.49 × plain: the mode and plain decoding answered the same prompt interleaved, short answers again and again; "
    "the median of the rounds, [least, most] and n = rounds. The datastore is empty meanwhile, unless "
    "--with-datastore was given."
)
COLUMN = 22
"""Cells of the keys and commands."""


class HelpScreen(SteadyScreen[None], ModalScreen[None]):
    """A page over the chat; ``keys`` are those that a person has changed, by the action's name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss", "Close", id="help.close")]

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Tokens, tasks, numbers."""
        with VerticalScroll(id="help"):
            yield Static(markup=False)

    def on_resize(self) -> None:
        """Write it in columns that fit."""
        page = self.query_one(VerticalScroll)
        room = max(20, page.scrollable_content_region.width - COLUMN)
        self.query_one(Static).update(
            Content.assemble(*_tokens(has_colour(self.app)), *self._tasks(room), *_numbers(room))
        )

    def _tasks(self, room: int) -> Iterator[Any]:
        """Keys and commands of each task; what they do stands in lines of ``room`` cells beside them."""
        for group in GROUPS:
            yield (f"\n{group}\n", "bold")
            for one in ACTIONS:
                keys = written(self._keys.get(one.name, one.key)).replace("escape", "esc")
                ways = "  ".join(filter(None, [keys, f"/{one.words[0]}" if one.words else ""]))
                if one.group == group and (ways or one.place == "mode"):
                    yield (f" {ways:<{COLUMN - 1}}", "$text-primary")
                    yield f"\n{'':{COLUMN}}".join(wrap(one.help, room)) + "\n"


def _tokens(colour: bool) -> Iterator[Any]:
    yield from (("What you see\n", "bold"), f"{WHAT}\n\n")
    for kind, own in LOOKS.items():
        words = f"{own.mark} {own.word}"
        yield from (" ", (words, look(kind, colour)), f"{'':<{16 - len(words)}}{own.meaning}\n")


def _numbers(room: int) -> Iterator[Any]:
    """Every word and number, by group; those of tokens stand above."""
    for group, terms in by_group():
        if group == "Tokens":
            continue
        yield (f"\n{group}\n", "bold")
        for term in terms:
            yield (f" {term.name:<{COLUMN - 1}}", "$text-primary")
            yield f"\n{'':{COLUMN}}".join(wrap(term.meaning, room)) + "\n"
    yield f"\n {AGAINST}\n"
