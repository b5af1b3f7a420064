"""Reads the terminal on Linux and macOS, with a parser that keeps pastes whole."""

import os
import selectors
from codecs import getincrementaldecoder

from textual._parser import ParseError
from textual.drivers.linux_driver import LinuxDriver

from .pasting import PasteParser

AT_ONCE = 64 * 1024
"""Bytes of one read."""


class PasteDriver(LinuxDriver):
    """Textual's driver; bytes that are no UTF-8 are shown as such, and end nothing."""

    def run_input_thread(self) -> None:
        """Read until the program ends: all that is there, then a look at the clock."""
        parser = PasteParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                patience = 0.02 if parser.waiting else 0.1
                while selector.select(patience) and not self.exit_event.is_set():
                    patience = 0.0
                    text = decode(os.read(self.fileno, AT_ONCE))
                    if not text:  # half a character, or a standard input that has ended
                        break
                    for message in parser.feed(text):
                        self.process_message(message)
                for message in parser.tick():
                    self.process_message(message)
        try:
            for _ in parser.feed(""):
                pass
        except (EOFError, ParseError):
            pass
