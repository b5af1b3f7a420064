"""Where a person types: one to eight rows, enter sends, up and down recall."""

import json
from pathlib import Path
from typing import Any, ClassVar

from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.widgets import TextArea

from ...models.sanitise import sanitise
from ..steady import Steady

MOST_KEPT = 500


class History:
    """Past prompts, kept in a file that survives the program."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self.entries: list[str] = []
        try:
            lines = file.read_text("utf-8").splitlines()[-MOST_KEPT:]
            self.entries = [text for text in map(json.loads, lines) if isinstance(text, str)]
        except (OSError, ValueError):
            self.entries = []
        self._at = len(self.entries)

    def add(self, text: str) -> None:
        """Remember a prompt; a folder that cannot be written only loses the memory."""
        self.entries.append(text)
        self._at = len(self.entries)
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True)
            with self._file.open("a", encoding="utf-8") as file:
                file.write(json.dumps(text) + "\n")
        except OSError:
            return

    def move(self, by: int) -> str | None:
        """The entry before or after the one shown; None at the ends."""
        to = self._at + by
        if not 0 <= to <= len(self.entries):
            return None
        self._at = to
        return self.entries[to] if to < len(self.entries) else ""


class Prompt(Steady, TextArea):
    """The input; what is pasted is sanitised before it is shown."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "send", "Send", id="prompt.send"),
        Binding("ctrl+j,shift+enter", "newline", "New line", id="prompt.newline", show=False),
    ]

    class Sent(Message):
        """A person has sent a prompt."""

        def __init__(self, text: str) -> None:
            super().__init__()
            self.text = text

    class Edge(Message):
        """Down was pressed in an empty prompt without later history."""

    def __init__(self, history: History, **kwargs: Any) -> None:
        super().__init__(compact=True, highlight_cursor_line=False, placeholder="Ask something", **kwargs)
        self.past = history

    def action_send(self) -> None:
        """Send what was typed."""
        self.post_message(self.Sent(self.text))

    def take(self, sent: str) -> None:
        """The prompt was accepted: remember it, keep what was typed since."""
        self.past.add(sent)
        self.text = self.text.removeprefix(sent)

    def action_newline(self) -> None:
        """Break the line."""
        self.insert("\n")

    async def _on_key(self, event: events.Key) -> None:
        """Enter keeps its place behind the keys typed before it, which a priority binding would overtake."""
        name = {"prompt.send": "enter", "prompt.newline": "ctrl+j,shift+enter"}
        keys = {key: name for name, default in name.items() for key in self._keys(name, default)}
        if event.key in keys:
            event.prevent_default().stop()
            (self.action_send if keys[event.key] == "prompt.send" else self.action_newline)()
        elif not self._recall(event):
            await super()._on_key(event)

    def _keys(self, name: str, default: str) -> list[str]:
        """The keys of a binding, by the settings."""
        return str(self.app._keymap.get(name, default)).split(",")

    async def _on_paste(self, event: events.Paste) -> None:
        event.text = sanitise(event.text.replace("\r\n", "\n").replace("\r", "\n"))
        await super()._on_paste(event)

    def _recall(self, event: events.Key) -> bool:
        """Up in the first row and down in the last one walk through the history; whether they did."""
        row, last = self.cursor_location[0], self.document.line_count - 1
        by = -1 if event.key == "up" and row == 0 else 1 if event.key == "down" and row == last else 0
        text = self.past.move(by) if by else None
        if text is not None:
            self.text = text
            self.move_cursor(self.document.end)
        elif by == 1 and not self.text:
            self.post_message(self.Edge())
        else:
            return False
        event.prevent_default().stop()
        return True
