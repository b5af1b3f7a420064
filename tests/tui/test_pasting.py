"""Pastes: one text, once, harmless, short enough; whatever the terminal sends and in whatever pieces."""

import time
from itertools import pairwise

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from textual import _parser, events
from textual._time import get_time

from spectui.session.session import Session
from spectui.tui import pasting
from spectui.tui.pasting import MOST_KEYS, MOST_PASTED, PATIENCE, WINDOW, Pasted, PasteParser, cleaned

from ..demo import SETTINGS
from ..hostile import FORBIDDEN, HOSTILE
from .helpers import running, wait_until

START, END = "\x1b[200~", "\x1b[201~"


def parsed(*pieces):
    """Messages of what is read piece by piece, a number is a pause on a clock of its own; then of a silence."""
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        for module in (pasting, _parser):
            patch.setattr(module, "get_time", lambda: now)
        parser = PasteParser()
        messages = []
        for piece in (*pieces, 3 * WINDOW, 3 * WINDOW):
            if isinstance(piece, str):
                messages += parser.feed(piece)
            else:
                now += piece
                messages += parser.expire(now)
    return [told(message) for message in messages]


def told(message):
    """The text of a paste, the name of a key, or the kind of anything else."""
    return message.text if isinstance(message, events.Paste) else getattr(message, "key", type(message).__name__)


def cut(text, places):
    marks = sorted({0, len(text), *(place % (len(text) + 1) for place in places)})
    return [text[a:b] for a, b in pairwise(marks)]


@given(st.text(st.sampled_from("ab\x1b[]~20;1O\x07\r\n\x00\x9b\u202e漢"), max_size=80), st.lists(st.integers(0, 99)))
@example("\x1b", [])
@example("\x1b]52;c;aGVsbG8=\x07", [3])
@example("\x1b[200~\x1b[20", [9, 12])
def test_a_paste_is_one_text_whatever_it_holds_and_in_whatever_pieces_it_comes(text, places):
    assert parsed(*cut(START + text + END, places)) == [cleaned(text)]


@pytest.mark.parametrize("text", HOSTILE)
def test_a_hostile_paste_is_harmless(text):
    (shown,) = parsed(START + text + END)
    assert not set(shown) & FORBIDDEN


def test_an_end_in_the_middle_is_text_because_another_comes():
    assert parsed(f"{START}a{END}\x07\rb{END}") == [f"a{cleaned(END)}␇\nb"]


def test_keys_after_a_paste_are_keys():
    assert parsed(f"{START}a{END}\r") == ["a", "enter"]
    assert parsed(f"{START}a{END}", 3 * WINDOW, "\x07") == ["a", "ctrl+g"]
    assert parsed(f"{START}a{END}k{START}b{END}") == ["a", "k", "b"]
    assert parsed(f"{START}{END}") == [""]


@pytest.mark.parametrize("keys", ["\x07", "\x1bOP", "\x1b[18~", "a\r"])
@pytest.mark.parametrize("before", ["", f"{START}a{END}", END])
def test_more_keys_than_anybody_presses_are_text(keys, before):
    flood = keys * (MOST_KEYS + 1)
    (shown,) = parsed(before + flood, flood, keys)
    assert shown.endswith(cleaned(flood + flood + keys))


def test_mouse_and_focus_are_no_flood():
    moves = "\x1b[<35;7;9M" * 200 + "\x1b[I"
    assert parsed(moves) == ["MouseMove"] * 200 + ["AppFocus"]
    shown = parsed(f"{START}a{END}{moves}")
    assert shown[0] == "a"
    assert len(shown) == 202


def test_a_paste_without_an_end_gives_the_keyboard_back():
    assert parsed(START + "lost", PATIENCE + WINDOW, "k") == ["lost", "k"]


@pytest.mark.parametrize(("pieces", "keys"), [
    (["\x1b"], ["escape"]),
    (["\x1b", "\x1b"], ["escape", "escape"]),
    (["\x1b", "[A"], ["up"]),
    (["\x1b[", "2", "0~"], ["f9"]),
    (["\x1bOP", "a"], ["f1", "a"]),
])  # fmt: skip
def test_keys_stay_keys(pieces, keys):
    assert parsed(*pieces) == keys


def test_a_bracket_that_comes_late_takes_no_keyboard_away():
    """Textual's parser would see a paste begin, whose end it is never shown."""
    assert parsed("\x1b[20", PATIENCE + WINDOW, "0~", "k")[-1] == "k"
    assert parsed("\x1b[", 3 * WINDOW, "200~", "k")[-1] == "k"
    assert parsed("\x1b[20", PATIENCE / 2, f"0~a\rb{END}") == ["a\nb"], "a slow line tears it, and it is a paste still"


def test_what_was_not_looked_for_is_not_missed():
    """On a busy machine time passes between the look for more and what is done about its absence."""
    now = 0.0
    with pytest.MonkeyPatch.context() as patch:
        for module in (pasting, _parser):
            patch.setattr(module, "get_time", lambda: now)
        parser = PasteParser()
        messages = [*parser.feed("\x1b[A\x1b[")]
        looked, now = now, 9.0
        messages += [*parser.expire(looked), *parser.feed("27u")]
        assert [told(message) for message in messages] == ["up", "escape"]


def test_a_paste_of_any_size_keeps_its_beginning_and_its_length():
    parser = PasteParser()
    assert not list(parser.feed(START))
    for _ in range(2500):
        assert not list(parser.feed("x" * 3999 + "\r"))
    assert not list(parser.feed(END))
    time.sleep(2 * WINDOW)
    (event,) = parser.expire(get_time())
    assert isinstance(event, Pasted)
    assert event.whole == 10_000_000
    assert event.text == ("x" * 3999 + "\n") * (MOST_PASTED // 4000)


class Unloaded(Session):
    """Nothing is loaded: the prompt alone counts."""

    def load(self):
        pass


def unloaded(settings_of=None):

    settings = settings_of or SETTINGS
    return lambda sink: Unloaded(settings.model, settings.options, None, sink)


async def pasted(app, pilot, text):
    app.post_message(events.Paste(text))
    await pilot.pause()
    return app.chat.prompt.text


@pytest.mark.parametrize(("text", "shown"), [
    ("hello there", "hello there"),
    ("two\nlines\n", "two\nlines\n"),
    ("old\r\nlines\rend", "old\nlines\nend"),
    ("", ""),
    ("\x1b", "␛"),
    ("a\x1b]52;c;aGVsbG8=\x07b", "a␛]52;c;aGVsbG8=␇b"),
    (f"a{END}b", "a␛[201~b"),
    ("x" * MOST_PASTED, "x" * MOST_PASTED),
])  # fmt: skip
async def test_what_is_pasted_is_in_the_prompt_once_and_can_be_undone(text, shown):
    async with running(make=unloaded(), ready=False) as (app, pilot):
        assert await pasted(app, pilot, text) == shown
        assert not app.told
        await pilot.press("ctrl+z")
        assert app.chat.prompt.text == ""
        await pilot.press("ctrl+y")
        assert app.chat.prompt.text == shown


async def test_what_was_cut_is_said():
    async with running(make=unloaded(), ready=False) as (app, pilot):
        await pilot.press("a", "b")
        assert await pasted(app, pilot, "x" * 1_000_000) == "ab" + "x" * (MOST_PASTED - 2)
        assert app.told == ["pasted 19,998 of 1,000,000 characters; the rest was cut"]
        assert len(await pasted(app, pilot, "more")) == MOST_PASTED
        app.chat.prompt.select_all()
        assert await pasted(app, pilot, "instead") == "instead"


async def test_an_empty_paste_deletes_nothing():
    async with running(make=unloaded(), ready=False) as (app, pilot):
        await pasted(app, pilot, "keep")
        app.chat.prompt.select_all()
        assert await pasted(app, pilot, "") == "keep"


async def test_what_was_copied_here_is_pasted_like_anything_else():
    async with running(make=unloaded(), ready=False) as (app, pilot):
        app.copy_to_clipboard("c\x1b" * MOST_PASTED)
        await pilot.press("ctrl+v")
        await wait_until(pilot, lambda: app.chat.prompt.text == "c␛" * (MOST_PASTED // 2))


async def test_many_lines_can_be_undone():
    async with running(make=unloaded(), ready=False) as (app, pilot):
        await pasted(app, pilot, "line\n" * 50)
        await pilot.press("ctrl+z")
        assert app.chat.prompt.text == ""
        await pilot.press("ctrl+y")
        assert app.chat.prompt.text == "line\n" * 50
        app.chat.prompt.select_all()
        await pilot.press("delete")
        assert app.chat.prompt.text == ""
