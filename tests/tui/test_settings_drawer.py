"""The settings drawer: what is set there holds from the next step on, and is kept on request."""

import pytest

from spectui.config.paths import config_file
from spectui.config.settings import load_settings
from spectui.tui.changing import NAMES
from spectui.tui.screens.settings import Row, SettingsScreen

from ..demo import SETTINGS
from .helpers import running, say, wait_until
from .played import READY, PlayedSession


async def opened(app, pilot):
    if app.chat.ready is None:
        app.chat.apply([READY])
    await pilot.press("ctrl+e")
    await wait_until(pilot, lambda: isinstance(app.screen, SettingsScreen) and app.screen.query("Row Input"))
    await pilot.pause()


def row(app, name):
    return next(one for one in app.screen.query(Row) if one.option == name)


async def write(app, pilot, name, text):
    editor = row(app, name).editor
    editor.focus()
    editor.value = text
    await pilot.press("enter")


def told(app):
    return str(app.screen.query_one("#settings-help").render())


def played(settings=SETTINGS, size=(120, 36)):
    return running(settings, lambda sink: PlayedSession(), size, ready=False)


async def test_every_option_says_what_it_does_and_where_it_comes_from():
    async with played(SETTINGS.with_flags("decoding", seed=5)) as (app, pilot):
        app.session.options = app.settings.options
        await opened(app, pilot)
        assert [one.option for one in app.screen.query(Row)] == list(NAMES)
        assert app.chat.changes.origin("seed") == "flag"
        assert app.chat.changes.origin("top_p") == "default"
        row(app, "temperature").editor.focus()
        await pilot.pause()
        assert "0 always takes the likeliest token" in told(app)
        assert "It can change the text." in told(app)
        row(app, "draft_tokens").editor.focus()
        await pilot.pause()
        assert "It never changes the text." in told(app)


async def test_a_value_holds_from_the_next_step_on_and_says_that_it_was_set_here():
    async with played() as (app, pilot):
        await opened(app, pilot)
        await write(app, pilot, "temperature", "0.7")
        await write(app, pilot, "draft_tokens", "4")
        assert app.session.options.sampling.temperature == 0.7
        assert app.session.options.speculation.draft_tokens == 4
        assert str(row(app, "draft_tokens")._origin.render()) == "here"
        await write(app, pilot, "draft_tokens", "auto")
        assert app.session.options.speculation.draft_tokens == "auto"
        row(app, "view").editor.focus()
        await pilot.press("right")
        assert app.chat.transcript.view == "trace"
        row(app, "rule").editor.focus()
        await pilot.press("right")
        assert app.session.options.speculation.rule == "classic"
        row(app, "draft_tokens").editor.focus()
        await pilot.pause()
        assert "It can change the text." in told(app), "under the classic rule drafts do"


async def test_advice_of_the_models_makers_is_told_as_such():
    async with played() as (app, _pilot):
        app.chat.apply([READY])
        advised = app.settings.options.__class__(sampling=app.settings.options.sampling.__class__(top_p=0.9))
        app.session.options = advised
        assert app.chat.changes.origin("top_p") == "model"


@pytest.mark.parametrize("text", ["hot", "-1", "0.001"])
async def test_what_cannot_be_is_refused_with_what_can(text):
    async with played() as (app, pilot):
        await opened(app, pilot)
        await write(app, pilot, "temperature", text)
        assert app.session.options.sampling.temperature == 0
        assert row(app, "temperature").editor.value == "0.0"
        assert any("temperature must be" in words for words in app.told)


async def test_what_was_set_here_is_kept_on_request():
    async with played() as (app, pilot):
        await opened(app, pilot)
        await write(app, pilot, "seed", "7")
        await write(app, pilot, "system", "Be brief.")
        await pilot.press("ctrl+s")
        kept = load_settings(config_file(), {})
        assert kept.options.sampling.seed == 7
        assert kept.decoding.system == "Be brief."
        assert set(kept.given) == {"seed", "system"}
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_longer_and_shorter_drafts_lead_back_to_the_automatic_length():
    async with played() as (app, _pilot):
        app.chat.apply([READY])
        app.chat.action_longer(-1)
        assert app.session.options.speculation.draft_tokens == 4
        for _ in range(4):
            app.chat.action_longer(-1)
        assert app.session.options.speculation.draft_tokens == "auto"
        app.chat.action_set("draft_tokens", "16")
        app.chat.action_longer(1)
        assert app.session.options.speculation.draft_tokens == "auto"


async def test_what_was_set_holds_in_the_real_engine():
    async with running() as (app, pilot):
        await opened(app, pilot)
        await write(app, pilot, "temperature", "1.5")
        await write(app, pilot, "max_new_tokens", "6")
        await pilot.press("escape")
        await say(pilot, "Tell me a story.")
        await wait_until(pilot, lambda: app.chat.ledger.answered)
        assert app.chat.ledger.numbers.emitted <= 6
