"""What a terminal sends, told apart: keys, and pastes whatever they hold.

Textual's own parser leaves a paste at the first ESC in it, and what follows acts as keys. Here a paste is everything
between its brackets, and so is what nobody can have typed.
"""

import re
from collections.abc import Iterable, Iterator
from enum import Enum, auto
from io import IncrementalNewlineDecoder

from textual import constants, events
from textual._time import get_time
from textual._xterm_parser import BRACKETED_PASTE_END, BRACKETED_PASTE_START, XTermParser
from textual.message import Message

from ..system.sanitise import sanitise

MOST_PASTED = 20_000
"""Characters; with so many in the prompt a key is still answered in a fraction of a second, whatever they are."""
MOST_KEYS = 64
"""Nobody presses more keys than this at once."""
WINDOW = 0.05
"""Seconds after the end of a paste in which what comes may still belong to it; also the pause that ends a flood."""
PATIENCE = 2.0
"""Seconds of silence after which a paste without an end is taken as it is."""

_END = re.compile(re.escape(BRACKETED_PASTE_END))
_BRACKET = re.compile(f"{re.escape(BRACKETED_PASTE_START)}|{_END.pattern}")
_PART = re.compile(r"\x1b(?:\[(?:2(?:0[01]?)?)?)?\Z")
"""The beginning of a bracket at the end of a read."""
_REPORT = re.compile(r"\x1b\[(?:<[\d;-]+[Mm]|[IO]|\?[\d;]+\$y|48;[\d:;]+t|\d+;\d+R)")
"""What a terminal says by itself: mouse, focus, modes, size, place of the cursor."""
_KEY = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|O[ -~]|[^\x1b])?|[^\x1b]", re.DOTALL)


def cleaned(text: str) -> str:
    """A pasted text as it may be shown: lines end in newlines, nothing steers the terminal."""
    return sanitise(text.replace("\r\n", "\n").replace("\r", "\n"))


class Pasted(events.Paste):
    """A paste that is harmless, and short enough to be shown at once."""

    def __init__(self, text: str, whole: int) -> None:
        super().__init__(text)
        self.whole = whole
        """How many characters there were."""


Pasted.handler_name = events.Paste.handler_name  # widgets handle it as what it is


def beginning(event: events.Paste) -> tuple[str, int]:
    """As much of a paste as is ever shown, cleaned, and how many characters all of it has."""
    whole = len(event.text) - event.text.count("\r\n")
    return cleaned(event.text[: 2 * MOST_PASTED])[:MOST_PASTED], max(whole, getattr(event, "whole", 0))


class _Collected:
    """The first part of a paste, and the length of all of it, however long that is."""

    def __init__(self) -> None:
        self._newlines = IncrementalNewlineDecoder(None, translate=True)
        self._parts: list[str] = []
        self._room = MOST_PASTED
        self._whole = 0

    def take(self, text: str, final: bool = False) -> None:
        """Add what comes next."""
        text = self._newlines.decode(text, final)
        self._whole += len(text)
        if text and self._room:
            self._parts.append(text[: self._room])
            self._room -= len(self._parts[-1])

    def event(self) -> Pasted:
        """What a widget gets to see."""
        self.take("", final=True)
        return Pasted(cleaned("".join(self._parts)), self._whole)


class _State(Enum):
    KEYS = auto()
    PASTE = auto()
    AFTER = auto()
    """A paste has ended; whether its end was pasted text, too, shows within the window."""
    FLOOD = auto()
    """More came than anybody types; all is text until it pauses."""


class PasteParser(XTermParser):
    """Textual's parser of keys, mouse and reports; pastes are taken out before it sees them.

    ``feed`` it all that can be read, then ``expire``.
    """

    def __init__(self, debug: bool = False) -> None:
        super().__init__(debug)
        self._state = _State.KEYS
        self._paste = _Collected()
        self._held = ""
        """What is not understood yet."""
        self._until: float | None = None

    @property
    def waiting(self) -> bool:
        """Whether ``expire`` will have something to say although nothing more is read."""
        return self._until is not None or self._timeout_time is not None

    def feed(self, data: str) -> Iterable[Message]:
        """Messages for what was read; an empty text ends it all."""
        if not data:
            yield from super().feed("")
            return
        rest, self._held = self._held + data, ""
        while bracket := (_END if self._state is _State.PASTE else _BRACKET).search(rest):
            before, rest = rest[: bracket.start()], rest[bracket.end() :]
            yield from self._end(before) if _END.match(bracket[0]) else self._begin(before)
        yield from self._go_on(rest)

    def expire(self, looked: float) -> Iterable[Message]:
        """Messages for what had waited long enough when somebody looked and there was nothing to read.

        The time of that look, not the present: on a busy machine the rest of a key may have come meanwhile.
        """
        if self._until is not None and looked >= self._until:
            yield from self._settle()
        if self._timeout_time is not None and looked >= self._timeout_time:
            yield from super().tick()

    def _enter(self, state: _State, seconds: float | None) -> None:
        self._state = state
        self._until = None if seconds is None else get_time() + seconds

    def _end(self, before: str) -> Iterator[Message]:
        """An end; terminals do not nest brackets, so a second one shows that the first was pasted text."""
        self._paste.take(BRACKETED_PASTE_END + before if self._state is _State.AFTER else before)
        self._enter(_State.AFTER, WINDOW)
        yield from ()

    def _begin(self, before: str) -> Iterator[Message]:
        if self._state is _State.FLOOD or too_many(before):
            yield from self._flood(before)
            yield self._delivered()
        else:
            if self._state is _State.AFTER:
                yield self._delivered()
            yield from self._press(before)
        self._enter(_State.PASTE, PATIENCE)

    def _go_on(self, rest: str) -> Iterator[Message]:
        """What follows the last bracket that is whole."""
        part = _PART.search(rest)
        body, self._held = (rest[: part.start()], part[0]) if part else (rest, "")
        if self._state is _State.PASTE:
            self._paste.take(body)
            self._enter(_State.PASTE, PATIENCE)
        elif self._state is _State.FLOOD or too_many(body):
            yield from self._flood(body)
        elif self._state is _State.AFTER:
            self._held = rest
        else:
            yield from self._press(body)
            self._enter(_State.KEYS, _patience(part[0]) if part else None)

    def _flood(self, text: str) -> Iterator[Message]:
        pasted = _REPORT.sub("", text)
        if pasted:
            self._paste.take(BRACKETED_PASTE_END + pasted if self._state is _State.AFTER else pasted)
            self._enter(_State.FLOOD, WINDOW)
        yield from self._press("".join(_REPORT.findall(text)))

    def _settle(self) -> Iterator[Message]:
        """Nothing more came in time."""
        held, self._held = self._held, ""
        if self._state is _State.KEYS:
            self._enter(_State.KEYS, None)
            yield from self._press(held)
            self._timeout_time = 0.0  # it is keys for Textual's parser as well, which else would wait for more
            return
        if self._state is _State.PASTE:
            self._paste.take(held)
            held = ""
        yield self._delivered()
        self._enter(_State.KEYS, None)
        yield from self._go_on(held)

    def _delivered(self) -> Pasted:
        event, self._paste = self._paste.event(), _Collected()
        return event

    def _press(self, keys: str) -> Iterator[Message]:
        if keys:
            yield from super().feed(keys)


def _patience(part: str) -> float:
    """Seconds that the rest of a bracket may take; its first two characters are keys, too: escape and alt+[."""
    return constants.ESCAPE_DELAY if len(part) <= 2 else PATIENCE


def too_many(text: str) -> bool:
    """Whether a text that came at once holds more keys than a person presses."""
    return len(text) > MOST_KEYS and sum(1 for _ in _KEY.finditer(_REPORT.sub("", text))) > MOST_KEYS
