"""Reads the terminal on Linux and macOS, with a parser that keeps pastes whole."""

import os
import selectors
from codecs import getincrementaldecoder

from textual._parser import ParseError
from textual._time import get_time
from textual.drivers.linux_driver import LinuxDriver

from .pasting import PasteParser

AT_ONCE = 64 * 1024
"""Bytes of one read."""


class PasteDriver(LinuxDriver):
    """Textual's driver; bytes that are no UTF-8 are shown as such, and end nothing."""

    def run_input_thread(self) -> None:
        """Read until the program ends; only when nothing is there, what has waited for more is taken as it is."""
        parser = PasteParser(self._debug)
        decode = getincrementaldecoder("utf-8")("replace").decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            patience = 0.0
            while not self.exit_event.is_set():
                looked = get_time()
                if selector.select(patience):
                    patience = 0.0
                    text = decode(os.read(self.fileno, AT_ONCE))
                    messages = parser.feed(text) if text else ()  # none: half a character, or the input has ended
                else:
                    messages = parser.expire(looked)
                    patience = 0.02 if parser.waiting else 0.1
                for message in messages:
                    self.process_message(message)
        try:
            for _ in parser.feed(""):
                pass
        except (EOFError, ParseError):
            pass
