"""F1: what the colours mean, and what a person can do, task by task."""

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...present.grid import MARKS
from ...present.token_looks import LOOKS
from ..actions import ACTIONS, GROUPS
from ..steady import Steady
from ..widgets.keys import written
from ..widgets.step_pane import look

WHAT = (
    "The target is the model you talk to. A drafter guesses the next tokens; the target checks all guesses in one pass "
    "and keeps those that it would have chosen itself. The text is the target's own, whatever was drafted."
)

AGAINST = (
    "1.49 × plain: the mode and plain decoding answered the same prompt interleaved, short answers again and again; "
    "the median of the rounds, [least, most] and n = rounds. The datastore is empty meanwhile, unless "
    "--with-datastore was given."
)
KEYS_WIDTH, SLASH_WIDTH = 20, 11


class HelpScreen(Steady, ModalScreen[None]):
    """A page over the chat; ``keys`` are those that a person has changed, by the action's name."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss", "Close", id="help.close")]

    def __init__(self, keys: Mapping[str, str]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Tokens, tasks, modes, numbers."""
        with VerticalScroll(id="help"):
            yield Static(Content.assemble(*self._tokens(), *self._tasks(), *_numbers()), markup=False)

    def _tokens(self) -> Iterator[Any]:
        yield from (("What you see\n", "bold"), f"{WHAT}\n\n")
        for kind, own in LOOKS.items():
            words = f"{own.mark} {own.word}"
            yield from (" ", (words, look(kind)), f"{'':<{16 - len(words)}}{own.meaning}\n")

    def _tasks(self) -> Iterator[Any]:
        for group in GROUPS:
            yield (f"\n{group}\n", "bold")
            for one in ACTIONS:
                keys = written(self._keys.get(one.name, one.key))
                slash = f"/{one.words[0]}" if one.words else ""
                if one.group == group and (keys or slash or one.place == "mode"):
                    yield (f" {keys:<{KEYS_WIDTH}} {slash:<{SLASH_WIDTH}} ", "$text-primary")
                    yield f"{one.help}\n"


def _numbers() -> Iterator[Any]:
    yield ("\nNumbers\n", "bold")
    for line in (AGAINST, *MARKS.values()):
        yield f" {line}\n"
