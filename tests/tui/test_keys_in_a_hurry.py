"""Keys faster than a person presses them, and failures inside widgets: the conversation goes on."""

import asyncio

import pytest
from textual.command import CommandList, CommandPalette
from textual.events import Key, MouseDown, MouseUp
from textual.widgets import Input

from spectui.record.events import Finished
from spectui.session.conversation import load_models
from spectui.tui.app import MOST_FAILURES, RacePlan, SpectuiApp
from spectui.tui.screens.race import RaceScreen

from ..demo import SETTINGS, runtime
from .helpers import real_session, running, say, wait_until
from .test_chat_real import STORY, answer, ended, screen_text


@pytest.fixture
def goes_on(monkeypatch):
    """The app as it behaves in a terminal, where a failure is told and survived."""
    monkeypatch.setattr(SpectuiApp, "goes_on", True)


def quick(most=24):
    return SETTINGS.with_flags("decoding", max_new_tokens=most)


def hurry(app, *keys):
    """Put keys into the queue of the app all at once, as a terminal does with what was typed ahead."""
    for key in keys:
        app.post_message(Key(key, key if len(key) == 1 else None))


async def idle(app, pilot):
    """Wait until nothing runs, and no key that was pressed before begins something."""
    for _ in range(2):
        await wait_until(pilot, lambda: not app.chat.busy and not app.session.busy)
        await pilot.pause(0.2)


# -- races that begin and end within a tick


async def test_races_begun_and_left_in_a_hurry_leave_the_app_alive():
    async with running(quick()) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        for _ in range(4):
            hurry(app, "ctrl+g")
            await wait_until(pilot, lambda: isinstance(app.screen, RaceScreen))
            hurry(app, *["ctrl+r"] * 5, "escape", "escape", *["ctrl+r"] * 3, "escape", "escape", "escape", "escape")
            await pilot.pause(0.05)
            hurry(app, "escape", "escape", "escape")
            await wait_until(pilot, lambda: app.screen is app.chat or not app.race.racing)
            hurry(app, "escape", "escape")
            await wait_until(pilot, lambda: app.screen is app.chat)
        await idle(app, pilot)
        await pilot.pause(0.2)  # each escape that was left has gone between prompt and transcript
        app.chat.prompt.focus()
        await say(pilot, "What are you?")
        await wait_until(pilot, lambda: "demo model" in answer(app))


async def test_a_late_end_of_one_race_does_not_end_the_next():
    async with running(quick()) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        app.open_race(app.chat.ready, has_question=True)
        await wait_until(pilot, lambda: app.race is not None and app.race.command is not None)
        race, old = app.race, app.race.command
        await wait_until(pilot, lambda: not race.racing)
        race.action_again()
        await wait_until(pilot, lambda: race.command is not None)
        app.bridge.put(Finished(old, "race"))
        app.bridge.drain()
        app.bridge.drain()  # the first one may rest
        assert race.racing, "the record is of another race"
        await wait_until(pilot, lambda: not race.racing)
        assert race.book.finished


async def test_records_of_a_race_that_was_left_reach_no_screen():
    async with running(quick()) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        shown = answer(app)
        app.open_race(app.chat.ready, has_question=True)
        await wait_until(pilot, lambda: app.race is not None and app.race.command is not None)
        app.race.dismiss()
        await wait_until(pilot, lambda: app.race is None)
        await idle(app, pilot)
        await pilot.pause(0.3)
        assert answer(app) == shown
        await say(pilot, "What are you?")
        await wait_until(pilot, lambda: "demo model" in answer(app))


@pytest.mark.parametrize("presses", [1, 2, 5])
async def test_no_number_of_escapes_takes_the_chat_away(presses):
    async with running(quick()) as (app, pilot):
        await pilot.press("f1")
        await pilot.pause()
        hurry(app, *["escape"] * presses)
        await wait_until(pilot, lambda: app.screen is app.chat)
        await pilot.pause(0.1)
        assert app.screen is app.chat


async def test_escape_before_the_first_paint_of_a_race_stops_it():
    app = SpectuiApp(quick(), real_session(quick()), None, RacePlan(("ar", "draft"), STORY))
    try:
        async with app.run_test() as pilot:
            await wait_until(pilot, lambda: app.race.panes and not app.race.racing and app.race.book.finished)
            app.race.action_again()
            app.race.action_stop()
            await wait_until(pilot, lambda: not app.race.racing)
            await idle(app, pilot)
            assert app.race.book.lanes["ar"].end == "stopped"
    finally:
        app.close()


# -- commands that have nothing to do


async def test_measuring_an_answer_without_tokens_says_so_and_ends(monkeypatch):
    async with running(quick()) as (app, pilot):
        monkeypatch.setattr(runtime().target, "prefill", lambda *arguments, **named: None)
        await say(pilot, "Hello!")
        await wait_until(pilot, lambda: app.chat.ledger.answered)
        await idle(app, pilot)
        monkeypatch.undo()
        await pilot.press("f9")
        await wait_until(pilot, lambda: any("nothing to measure" in told for told in app.told))
        assert not app.chat.busy
        assert "measuring" not in screen_text(app)
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: answer(app).startswith("Hello"))
        await ended(app, pilot)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is not None or not app.chat.busy)


async def test_a_measurement_that_the_session_refuses_still_ends():
    async with running(quick()) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        app.session._half._asked = None
        await pilot.press("f9")
        await wait_until(pilot, lambda: not app.chat.busy)
        await pilot.pause(0.2)
        assert not app.chat.ledger.measurement.running
        assert "measuring" not in screen_text(app)


# -- a new conversation in mid-answer


async def test_new_in_mid_answer_leaves_neither_steps_nor_numbers():
    async with running() as (app, pilot):
        fresh = app.chat.tape.render_line(0).text, str(app.chat.step_pane.render())
        await pilot.press("f3")
        app.session.pause = 0.05
        await say(pilot, STORY)
        await wait_until(pilot, lambda: len(app.chat.metric_bar.rates) > 2 and app.chat.timeline.steps)
        await pilot.press("ctrl+n")
        await pilot.pause(0.6)
        assert app.chat.empty
        assert not app.chat.metric_bar.rates
        assert not app.chat.timeline.steps
        assert (app.chat.tape.render_line(0).text, str(app.chat.step_pane.render())) == fresh


# -- failures inside widgets


class Broken(Exception):
    """What a test raises."""


async def failing(*_):
    raise Broken("on purpose")


async def alive(app, pilot):
    """The chat is on the screen, says what happened, and still answers."""
    await wait_until(pilot, lambda: app.screen is app.chat)
    line = "unexpected Broken: on purpose"
    await wait_until(pilot, lambda: any(line in told for told in app.told))
    await say(pilot, "Hello!")
    await wait_until(pilot, lambda: answer(app).startswith("Hello"))


async def test_a_worker_that_fails_does_not_end_the_conversation(goes_on):
    async with running(quick()) as (app, pilot):
        app.run_worker(failing(), exit_on_error=True)
        await alive(app, pilot)


async def test_a_palette_that_fails_is_closed_and_the_chat_goes_on(goes_on, monkeypatch):
    async with running(quick()) as (app, pilot):
        await pilot.press("ctrl+p")
        await wait_until(pilot, lambda: isinstance(app.screen, CommandPalette))
        commands = app.screen.query_one(CommandList)
        monkeypatch.setattr(type(commands), "_on_idle", failing, raising=False)
        monkeypatch.setattr(type(commands), "on_key", failing, raising=False)
        commands.post_message(Key("down", None))
        for _ in range(200):  # the pilot would wait for the widget that has failed
            await asyncio.sleep(0.02)
            if app.screen is app.chat:
                break
        monkeypatch.undo()
        await alive(app, pilot)


async def test_a_click_behind_escape_chooses_nothing_in_the_palette():
    async with running(quick()) as (app, pilot):
        await pilot.press("ctrl+p", *"quit")
        await wait_until(pilot, lambda: isinstance(app.screen, CommandPalette))
        commands = app.screen.query_one(CommandList)
        await wait_until(pilot, lambda: [one.hit.text for one in commands.options if hasattr(one, "hit")] == ["Quit"])
        await pilot.pause(0.1)
        left, top = commands.region.offset
        hurry(app, "escape")
        for event in (MouseDown, MouseUp):  # the app's driver makes a click of the two
            app._driver.process_message(event(None, left + 4, top + 1, 0, 0, 1, False, False, False))
        await wait_until(pilot, lambda: app.screen is app.chat)
        await pilot.pause(0.2)
        assert not app._exit


async def test_letters_before_escape_begin_no_search_in_a_palette_that_is_gone(monkeypatch):
    async with running(quick()) as (app, pilot):
        await pilot.press("ctrl+p", "q")
        await wait_until(pilot, lambda: isinstance(app.screen, CommandPalette) and app.screen.query(CommandList))
        palette, searched = app.screen, []
        monkeypatch.setattr(CommandPalette, "_gather_commands", lambda self, text: searched.append(text))
        typed = palette.query_one(Input)
        await pilot.press("u")
        await wait_until(pilot, lambda: searched == ["qu"])
        palette.post_message(Input.Changed(typed, "qui"))  # in its queue while the app handles escape
        palette._action_escape()
        await wait_until(pilot, lambda: app.screen is app.chat)
        await pilot.pause(0.1)
        assert searched == ["qu"]


@pytest.mark.parametrize("name", ["prompt", "transcript", "examples"])
async def test_a_handler_of_ours_that_fails_once_works_the_next_time(goes_on, name, monkeypatch):
    async with running(quick()) as (app, pilot):
        widget = getattr(app.chat, name)
        monkeypatch.setattr(type(widget), "_on_focus", failing, raising=False)
        other = app.chat.examples if name == "prompt" else app.chat.prompt
        other.focus()
        await pilot.pause()
        app.chat.transcript.display = True
        widget.focus()
        await pilot.pause(0.1)
        monkeypatch.undo()
        app.chat.prompt.focus()
        await alive(app, pilot)


async def test_a_failure_that_never_stops_ends_the_program(goes_on):
    async with running(quick()) as (app, pilot):
        for _ in range(MOST_FAILURES - 1):
            app._handle_exception(Broken("on purpose"))
        await pilot.pause(0.1)
        assert app.return_code is None
        app._handle_exception(Broken("on purpose"))
    assert app.return_value == 1


async def test_page_up_in_the_examples_when_the_models_become_ready():
    async with running(make=real_session(SETTINGS, load_models), ready=False) as (app, pilot):
        await wait_until(pilot, lambda: app.chat.examples.highlighted is not None or app.chat.examples.option_count)
        app.chat.examples.focus()
        await pilot.pause()
        await pilot.press("end")
        assert app.chat.examples.highlighted is not None
        await wait_until(pilot, lambda: app.chat.ready is not None)
        app.chat.examples.show(app.chat.settings.model.model)
        app.chat.examples.action_page_up()
        app.chat.examples.action_first()
        assert app.chat.examples.highlighted is not None
