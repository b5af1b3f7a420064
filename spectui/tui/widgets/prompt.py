"""Where a person types: one to eight rows, enter sends, up and down recall."""

from collections.abc import Callable
from typing import Any, ClassVar

from textual import events
from textual.binding import BindingType
from textual.message import Message
from textual.widgets import TextArea

from ...config.paths import prompts_file
from ..actions import bindings
from ..history import History
from ..pasting import MOST_PASTED, beginning
from ..slash import Suggestion
from ..steady import Steady
from .completion import Completion


class Prompt(Steady, TextArea):
    """The input; what is pasted is sanitised before it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = bindings("prompt")

    class Sent(Message):
        """A person has sent a prompt, typed or chosen."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Edge(Message):
        """Down was pressed in an empty prompt without later history."""

    def __init__(self, history: History | None = None, **kwargs: Any) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, placeholder="Ask something", **kwargs)
        self.past = history or History(prompts_file())
        self.completion: Completion | None = None
        """What shows how to go on."""
        self.example: Callable[[int], str | None] = lambda number: None
        """The example of a number, where examples are on show."""
        self._digit = ""
        """The digit in whose place an example stands."""

    def on_mount(self) -> None:
        """Say what became of the history, if it was damaged."""
        note = self.past.take_note()
        if note:
            self.notify(note, severity="warning", markup=False)

    def action_send(self) -> None:
        """Send what was typed."""
        self.post_message(self.Sent(self.text))

    def take(self, sent: str) -> None:
        """The prompt was accepted: remember it, keep what was typed since."""
        self.past.add(sent)
        if self.text.startswith(sent):
            self.text = self.text.removeprefix(sent)

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    async def _on_key(self, event: events.Key) -> None:
        """Enter keeps its place behind the keys typed before it, which a priority binding would overtake."""
        name = {"prompt.send": "enter", "prompt.newline": "ctrl+j,shift+enter"}
        keys = {key: name for name, default in name.items() for key in self._keys(name, default)}
        if self._take_example(event) or self._complete(event, keys.get(event.key) == "prompt.send"):
            event.prevent_default().stop()
        elif event.key in keys:
            event.prevent_default().stop()
            (self.action_send if keys[event.key] == "prompt.send" else self.action_newline)()
        elif event.key.startswith("alt+"):
            event.prevent_default()  # terminals send the letter with it, which the text area would insert
        else:
            self._recall(event)

    def _take_example(self, event: events.Key) -> bool:
        """A digit in an empty prompt brings an example; to type on takes the digit instead."""
        digit, self._digit = self._digit, ""
        if digit and event.is_printable:
            self.text = digit
            self.move_cursor(self.document.end)
        elif not self.text and (event.character or "").isdecimal():
            text = self.example(int(event.character or 0))
            if text is not None:
                self.text, self._digit = text, event.character or ""
                self.move_cursor(self.document.end)
                return True
        return False

    def _complete(self, event: events.Key, sends: bool) -> bool:
        """Keys that mean the list of suggestions while it is there."""
        one = self.completion.chosen if self.completion is not None else None
        if self.completion is None or one is None:
            return False
        if event.key in ("up", "down"):
            self.completion.move(1 if event.key == "down" else -1)
        elif event.key == "escape":
            self.completion.hide()
        elif event.key == "tab" or (sends and one.is_command and not self._is_said(one)):
            self.text = one.text
            self.move_cursor(self.document.end)
            if sends and one.whole:
                self.action_send()
        else:
            return False
        return True

    def _is_said(self, one: Suggestion) -> bool:
        return one.text.strip() == self.text.strip() and one.whole

    def on_text_area_changed(self) -> None:
        """Show how it may go on."""
        if self.completion is not None:
            self.completion.offer(self.text)

    def _keys(self, name: str, default: str) -> list[str]:
        """The keys of a binding, by the settings."""
        return str(self.app._keymap.get(name, default)).split(",")

    async def _on_paste(self, event: events.Paste) -> None:
        """Leave in the event what the text area, whose own handler comes next, is to insert."""
        text, whole = beginning(event)
        room = MOST_PASTED - (len(self.text) - len(self.selected_text))
        event.text = text[: max(0, room)]
        if len(event.text) < whole:
            cut = f"pasted {len(event.text):,} of {whole:,} characters; the rest was cut"
            self.notify(cut, severity="warning", markup=False)
        if not event.text:
            event.prevent_default()

    def action_paste(self) -> None:
        """Insert what was copied here, as any other paste."""
        self.post_message(events.Paste(self.app.clipboard))

    def _recompute_cursor_offset(self) -> None:
        """Textual shows the cursor once more before undoing moves it, perhaps out of lines that are gone."""
        if self.cursor_location[0] < self.document.line_count:
            super()._recompute_cursor_offset()  # type: ignore[no-untyped-call]

    def _recall(self, event: events.Key) -> None:
        """Up in the first row and down in the last one walk through the history."""
        row, last = self.cursor_location[0], self.document.line_count - 1
        by = -1 if event.key == "up" and row == 0 else 1 if event.key == "down" and row == last else 0
        text = self.past.move(by) if by else None
        if text is not None:
            self.text = text
            self.move_cursor(self.document.end)
        elif by == 1 and not self.text:
            self.post_message(self.Edge())
        else:
            return
        event.prevent_default().stop()
