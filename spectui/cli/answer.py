"""One answer to standard output: coloured on a terminal, plain in a pipe, or as the lines of a trace."""

import json
import os
import sys
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from queue import SimpleQueue
from typing import Protocol, TextIO

from rich.console import Console
from rich.text import Text

from ..present.answer_line import answer_line
from ..present.pair_words import pair_words
from ..present.reading import told
from ..present.token_looks import FATE_HUES, LOOKS, TokenKind, legend, served_legend
from ..record.events import EndText, Failed, Finished, Note, PrefillText, Ready, Record, ServedText, StepText, Told
from ..record.metrics import Meter
from ..record.trace import TraceWriter, to_json
from ..system.errors import UserError
from ..system.signals import exit_code, on_interrupt
from ..system.streams import messages


class Asks(Protocol):
    """The part of a session that a single answer needs."""

    def load(self) -> None:
        """Start loading."""

    def ask(self, text: str) -> int | None:
        """Answer; ends in Finished."""

    def stop(self) -> None:
        """Stop the answer."""

    def close(self, timeout: float = 1.0) -> bool:
        """End."""


class Printer(Protocol):
    """Shows records as they come."""

    def show(self, record: Record) -> None:
        """Show one record."""

    def finish(self, meter: Meter) -> None:
        """The answer is over."""


class MarksSeen:
    """Which marks an answer can have."""

    def __init__(self) -> None:
        self._served = self._told = False

    def see(self, record: Record) -> None:
        """Take note of a record."""
        match record:
            case ServedText(kind=kind):
                self._served, self._told = True, self._told or kind is not None
            case Told(kinds=kinds):
                self._told = self._told or bool(kinds)

    @property
    def legend(self) -> str:
        """What they mean."""
        return served_legend(self._told) if self._served else legend()


class PlainPrinter:
    """The text alone."""

    def show(self, record: Record) -> None:
        """Write what the record adds to the text."""
        match record:
            case PrefillText(text=text):
                _write(text)
            case StepText(emitted=texts):
                _write("".join(texts))
            case ServedText(text=text):
                _write(text)
            case EndText(tail=tail):
                _write(tail)

    def finish(self, meter: Meter) -> None:
        """End the line."""
        _write("\n")


class MarkedPrinter(PlainPrinter):
    """A line a step with a mark before every token, for screen readers and logs."""

    def __init__(self) -> None:
        self._marks = MarksSeen()

    def show(self, record: Record) -> None:
        """Write one line for each step."""
        self._marks.see(record)
        match record:
            case PrefillText(text=text):
                _write(f"first {json.dumps(text, ensure_ascii=False)}\n")
            case StepText():
                _write(
                    "  ".join(
                        f"{LOOKS[kind].mark} {json.dumps(text, ensure_ascii=False)}" for kind, text in told(record)
                    )
                )
                _write("\n")
            case ServedText(kind=kind, text=text):
                _write(f"{LOOKS[kind].mark if kind else ' '} {json.dumps(text, ensure_ascii=False)}\n")
            case Told(kinds=kinds) if kinds:
                _write(f"told at the end: {' '.join(LOOKS[kind].mark for kind in kinds)}\n")

    def finish(self, meter: Meter) -> None:
        """The legend and the numbers."""
        _write(f"{self._marks.legend}\n{answer_line(meter)}\n")


class ColouredPrinter:
    """Coloured by fate; numbers and legend on standard error."""

    def __init__(self) -> None:
        self._console = Console(highlight=False, soft_wrap=True, markup=False, emoji=False)
        self._colour = self._console.color_system is not None and not self._console.no_color
        self._marks = MarksSeen()

    def show(self, record: Record) -> None:
        """Print what the record adds to the text."""
        if not isinstance(record, Told):  # what stands on a terminal gets no other colour
            self._marks.see(record)
        match record:
            case PrefillText(text=text):
                self._put("target", text)
            case StepText(step=step, emitted=texts):
                for token, text in zip(step.emitted, texts, strict=True):
                    self._put(token.kind, text)
            case ServedText(kind=kind, text=text):
                self._put(kind or "target", text)
            case EndText(tail=tail):
                self._put("target", tail)

    def _put(self, kind: TokenKind, text: str) -> None:
        look = LOOKS[kind]
        hue = FATE_HUES["dark"].get(look.hue, "") if self._colour else ""
        self._console.print(Text(text, style=f"{look.style(self._colour)} {hue}".strip()), end="")

    def finish(self, meter: Meter) -> None:
        """The legend and the numbers, on standard error."""
        self._console.print()
        print(f"\n{self._marks.legend}\n{answer_line(meter)}", file=messages())


class JsonPrinter:
    """The lines of a trace."""

    def show(self, record: Record) -> None:
        """Write the record's line."""
        line = to_json(record)
        if line is not None:
            _write(json.dumps(line, ensure_ascii=False) + "\n")

    def finish(self, meter: Meter) -> None:
        """Nothing more."""


def run_once(
    prompt: str, make: Callable[[Callable[[Record], None]], Asks], printer: Printer, record: Path | None
) -> int:
    """Load, answer once, print; 0 if the answer ended by itself, 1 if it failed, 128 + signal if it was interrupted."""
    records: SimpleQueue[Record] = SimpleQueue()
    meter = Meter()
    with ExitStack() as at_end:
        writer = TraceWriter(record) if record else None
        session = make(records.put)
        at_end.callback(session.close, 2.0)
        if writer:
            at_end.callback(writer.close)
        session.load()
        session.ask(prompt)
        while True:
            item = records.get()
            if writer:
                writer.write(item)
            if isinstance(item, Failed):
                raise UserError(item.message)
            meter.feed(item)
            printer.show(item)
            match item:
                case EndText(end=end) if end.reason == "error":
                    raise UserError(end.message or "the answer failed")
                case EndText():
                    printer.finish(meter)
                case Note(message=message):
                    print(f"spectui: {message}", file=messages())
                case Finished():
                    return exit_code() or 0
            if isinstance(item, Ready):
                at_end.enter_context(on_interrupt(session.stop))
                if messages().isatty() and not isinstance(printer, JsonPrinter):
                    print(f"model: {pair_words(item.model, item.draft)}", file=messages())
                    for note in item.notes:
                        print(f"note: {note}", file=messages())


def choose_printer(stdout: TextIO, as_json: bool, marked: bool) -> Printer:
    """How to show the answer on this output."""
    if as_json:
        return JsonPrinter()
    if marked:
        return MarkedPrinter()
    return ColouredPrinter() if stdout.isatty() and os.environ.get("TERM") != "dumb" else PlainPrinter()


def _write(text: str) -> None:
    sys.stdout.write(text)
    sys.stdout.flush()
