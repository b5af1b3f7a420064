"""``spectui replay`` in a real pseudo-terminal: no model, keys both ways, and the terminal as it was."""

import signal

import pytest

from spectui.record.trace import TraceWriter

from .played import READY, STORY, STORY_TOLD, answer
from .terminal import Terminal


@pytest.fixture
def trace(tmp_path):
    """An answer."""
    writer = TraceWriter(tmp_path / "t.jsonl")
    for record in [READY, *answer("draft", STORY_TOLD, STORY)]:
        writer.write(record)
    writer.close()
    return str(tmp_path / "t.jsonl")


def test_it_steps_both_ways_and_leaves(trace, tmp_path):
    with Terminal("replay", trace, "--speed", "0.05", home=tmp_path) as terminal:
        terminal.until(STORY)
        terminal.type(b" ")
        terminal.until("‖ ×0.05")
        terminal.type(b"\x1b[H" + b"...")
        terminal.until("step 3 of 25")
        terminal.type(b",")
        terminal.until("step 2 of 25")
        terminal.type(b"\x1b")
        assert terminal.process.wait(20) == 0
        assert b"\x1b[?1049l" in terminal.raw


def test_a_signal_ends_it_and_the_terminal_is_as_it_was(trace, tmp_path):
    with Terminal("replay", trace, home=tmp_path) as terminal:
        terminal.until(STORY)
        terminal.process.send_signal(signal.SIGTERM)
        assert terminal.process.wait(20) == 128 + signal.SIGTERM
        assert b"\x1b[?1049l" in terminal.raw
