"""The program in a real pseudo-terminal: pastes and raw bytes."""

import json
from time import monotonic

import pytest

from .terminal import Terminal

START, END = b"\x1b[200~", b"\x1b[201~"
F2, F3 = b"\x1bOQ", b"\x1bOR"
CTRL_G, CTRL_Z, ESCAPE = b"\x07", b"\x1a", b"\x1b"
CUT = "pasted 20,000 of 200,000 characters; the rest was cut"
SOON = 5.0
"""Seconds in which a key must be answered here, on the busiest machine; it takes a fifth of one on an idle one."""


@pytest.fixture(scope="module")
def terminal(tmp_path_factory):
    with Terminal(home=tmp_path_factory.mktemp("home"), size=(160, 36)) as terminal:
        terminal.until("Ask something").until(loaded)
        yield terminal


@pytest.fixture(autouse=True)
def _empty_prompt(terminal):
    """What one test pasted is undone for the next."""
    yield
    end = monotonic() + 60
    while "Ask something" not in str(terminal):
        assert monotonic() < end, str(terminal)
        terminal.type(CTRL_Z)
        terminal.wait(0.2)


def loaded(terminal):
    """Whether the notice that the models are loaded was there, however short."""
    return b"loaded in" in terminal.raw


def prompt(terminal):
    """What stands in the prompt, if it is a line."""
    return next(row.removeprefix("▌ ") for row in terminal.screen if row.startswith("▌"))


def answers_keys(terminal):
    """Whether keys are answered in time, by the chat and not by another screen."""
    for key, mode in ((F2, "● Autoregressive"), (F3, "● Draft model")):
        start = monotonic()
        terminal.type(b"k" + key)
        terminal.until(mode)
        assert monotonic() - start < SOON
    return "^g Race" in str(terminal)


def dismiss(terminal, notice):
    """Click on a notice, so that it does not stay for the next test."""
    for y, row in enumerate(terminal.screen, 1):
        if notice in row:
            terminal.type(f"\x1b[<0;{row.index(notice) + 1};{y}M\x1b[<0;{row.index(notice) + 1};{y}m".encode())
    terminal.until(lambda terminal: notice not in str(terminal))


def test_a_paste_appears_once(terminal):
    terminal.type(START + b"hello there" + END)
    terminal.until("hello there")
    terminal.type(b"!")
    terminal.until("hello there!")
    assert prompt(terminal) == "hello there!"


def test_nothing_in_a_paste_acts(terminal):
    terminal.type(START + b"A\x1b]52;c;aGVsbG8=\x07\x1bOP\x11\x03\x1b[18~B" + END)
    terminal.until("A␛]52;c;aGVsbG8=␇␛OP␑␃␛[18~B")
    assert answers_keys(terminal)
    assert b"\x1b]52" not in terminal.raw


def test_a_bracket_in_a_paste_does_not_end_it(terminal):
    terminal.type(START + b"A" + END + CTRL_G + b"\x1bOP\rB" + END)
    terminal.until("A␛[201~␇␛OP")
    assert answers_keys(terminal)


@pytest.mark.parametrize("text", [b"x", b"\n", b"\x1b", b"\x1b]52;c;aa\x07", b"\xe6\xbc\xa2", b"\t"])
def test_a_paste_of_any_size_is_cut_and_the_screen_goes_on(terminal, text):
    count = len(text.decode())
    terminal.type(START + text * (200_000 // count) + END)
    terminal.until(CUT)
    assert answers_keys(terminal)
    dismiss(terminal, CUT)


@pytest.mark.parametrize("keys", [CTRL_G, b"\x1bOP", b"\x1b[18~", b"a\r"])
@pytest.mark.parametrize("before", [b"", START + b"A" + END])
def test_a_flood_outside_of_brackets_is_text(terminal, before, keys):
    terminal.type(before + keys * (200_000 // len(keys)))
    terminal.until("the rest was cut")
    assert answers_keys(terminal)
    dismiss(terminal, "the rest was cut")


def test_bytes_that_are_no_text_are_shown_as_such(terminal):
    terminal.type(b"a\xff\xfeb\xc3")
    terminal.type(b"c")
    terminal.until("a��b�c")


def test_the_prompt_of_a_race_takes_a_paste_once_and_harmless(tmp_path):
    with Terminal("compare", home=tmp_path) as terminal:
        terminal.until("ask something")
        terminal.type(START + b"A\x1b]52;c;aa\x07B" + END)
        terminal.until("A␛]52;c;aa␇B")
        assert prompt(terminal) == "A␛]52;c;aa␇B"
        assert terminal.close() == 0


def test_a_paste_is_sent_once(tmp_path):
    with Terminal(home=tmp_path) as terminal:
        terminal.until(loaded)
        terminal.type(START + b"Hello!\rWho are you?" + END + b"\r")
        terminal.until("tok/s · ")
        assert terminal.close() == 0
    said = [json.loads(line) for line in (tmp_path / "state" / "prompts.jsonl").read_text("utf-8").splitlines()]
    assert said == ["Hello!\nWho are you?"]
