"""F1: what the colours and keys mean."""

from typing import Any, ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from ...engine.drafters.registry import MODES
from ...present.grid import MARKS
from ...present.token_looks import LOOKS
from ..mode_keys import MODE_KEYS
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


class HelpScreen(Steady, ModalScreen[None]):
    """A page over the chat."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("escape,f1,q", "dismiss", "Close", id="help.close")]

    def __init__(self, keys: list[tuple[str, str, str]]) -> None:
        super().__init__()
        self._keys = keys

    def compose(self) -> ComposeResult:
        """Tokens, modes, keys."""
        parts: list[Any] = [("What you see\n", "bold"), f"{WHAT}\n\n", ("Tokens\n", "bold")]
        for kind, own in LOOKS.items():
            words = f"{own.mark} {own.word}"
            parts += [" ", (words, look(kind)), f"{'':<{16 - len(words)}}{own.meaning}\n"]
        parts.append(("\nModes\n", "bold"))
        for name, mode in MODES.items():
            parts.append(f" {MODE_KEYS.get(name, ''):<2}  {mode.title}: {mode.summary}\n")
        parts.append(("\nSpeed-ups\n", "bold"))
        parts += [f" {line}\n" for line in (AGAINST, *MARKS.values())]
        parts.append(("\nKeys (the id in brackets is for [keys] in settings.toml)\n", "bold"))
        parts += [f" {written(keys):<20} {words} [{name}]\n" for keys, words, name in self._keys]
        with VerticalScroll(id="help"):
            yield Static(Content.assemble(*parts), markup=False)
