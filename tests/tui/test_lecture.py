"""Lecture mode end to end: one key, large digits, two lanes, and back."""

import pytest
from textual.widgets import Digits

from spectui.record.events import Finished, Started
from spectui.tui.lecture import two_lanes

from .played import READY
from .scenes import lap
from .test_look import answered
from .test_replay import CONVERSATION, showing


def shown_rows(app):
    return "\n".join(line.text for line in app.chat.transcript.viewport.lines)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_one_key_shows_an_answer_in_large_digits_and_one_key_goes_back(size):
    async with answered(size) as (app, pilot):
        theme = app.theme
        assert app.chat.big.size.height == 0
        await pilot.press("f12")
        await pilot.pause()
        assert app.theme == "spectui-contrast"
        rate, speedup = (digits.value for digits in list(app.chat.big.query(Digits))[:2])
        assert float(rate) == pytest.approx(app.chat.ledger.numbers.tokens_per_second, abs=0.5)
        assert speedup == "-", "nothing was measured, so nothing is claimed"
        assert app.chat.big.region.bottom <= size[1]
        assert not app.chat.header.display, "no seed and no dtype"
        assert not app.chat.step_pane.display, "nothing but the answer"
        assert "accepted  rejected" not in shown_rows(app), "one legend, that of the digits"
        assert app.chat.metric_bar.size.height == 0
        await pilot.press("f12")
        await pilot.pause()
        assert app.theme == theme
        assert "accepted  rejected" in shown_rows(app)
        assert app.chat.header.display


async def test_in_a_light_look_it_is_black_on_white():
    async with answered((80, 24)) as (app, pilot):
        app.theme = "spectui-light"
        await pilot.press("f12")
        assert app.theme == "spectui-contrast-light"
        await pilot.press("f12")
        assert app.theme == "spectui-light"


async def test_a_class_is_not_asked_whether_answers_may_be_learnt():
    async with answered((80, 24)) as (app, pilot):
        chat = app.chat
        chat.keeping.learns = None
        chat.keeping.ask_to_learn()
        await pilot.press("f12")
        await pilot.pause()
        assert chat.learn_question.size.height == 0
        await pilot.press("alt+y")
        assert chat.keeping.learns is None, "nobody answers what nobody can see"
        chat.keeping.ask_to_learn()
        await pilot.pause()
        assert chat.learn_question.size.height == 0, "nor after the next answer"
        await pilot.press("f12")
        await pilot.pause()
        assert chat.learn_question.size.height > 0, "it was not forgotten"


async def test_a_race_shows_plain_decoding_and_the_chats_mode():
    async with answered((120, 36)) as (app, pilot):
        await pilot.press("ctrl+g")
        while app.race is None or app.race.command is None:
            await pilot.pause()
        race = app.race
        race.apply([Started(race.command, "race"), *lap(), Finished(race.command, "race")])
        await pilot.press("f12")
        await pilot.pause()
        assert [name for name, pane in race.panes.items() if pane.display] == ["ar", "draft"]
        values = [digits.value for digits in race.big.query(Digits)]
        assert float(values[2].rstrip("x")) == pytest.approx(float(values[1]) / float(values[0]), rel=0.05)
        await pilot.press("f12")
        await pilot.pause()
        assert all(pane.display for pane in race.panes.values())


async def test_a_replay_has_it_too():
    async with showing([READY, *lap()], size=(80, 24)) as (screen, pilot):
        await pilot.press("end", "f12")
        await pilot.pause()
        assert sum(pane.display for pane in screen.panes.values()) == 2
        assert [big.label.partition(":")[0] for big in screen.big.shown] == ["ar", "draft", "speed-up"]
    async with showing(CONVERSATION, size=(80, 24)) as (screen, pilot):
        await pilot.press("end", "f12")
        await pilot.pause()
        assert screen.big.shown[0].label == "tokens per second"


def test_two_lanes_are_plain_decoding_and_the_wanted_one():
    assert two_lanes(["ar", "draft", "sssd"], "sssd") == ["ar", "sssd"]
    assert two_lanes(["ar", "draft", "sssd"], "ar") == ["ar", "draft"]
    assert two_lanes(["pld", "sssd"], "ar") == ["pld", "sssd"]


async def test_the_legend_shows_tokens_as_the_text_does_where_there_is_no_colour(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with answered((80, 24)) as (app, pilot):
        await pilot.press("f12")
        await pilot.pause()
        drawn = {s.text.strip(): s.style for strip in app.screen._compositor.render_strips() for s in strip if s.style}
        assert drawn["+ accepted"].underline
        assert drawn["x rejected"].strike
