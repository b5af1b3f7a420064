"""Choosing a model and its draft: what is listed, filtered, fetched, taken; the conversation goes on."""

from dataclasses import replace
from types import SimpleNamespace

import pytest

from spectui.config.choice import ModelChoice
from spectui.models.catalogue import catalogue, needed
from spectui.models.registry import known_models
from spectui.record.events import Note, Ready
from spectui.system.errors import UserError
from spectui.tui.screens.picker import ModelPicker, picker

from ..demo import DEMO, SETTINGS, shared
from .helpers import real_session, running, say, wait_until
from .played import READY


def listed(screen):
    return [option.id for option in screen.models.options]


def drafts(screen):
    return [option.id.removeprefix("draft=") for option in screen.drafts.options]


async def opened(app, pilot):
    await pilot.press("ctrl+l")
    await wait_until(pilot, lambda: isinstance(app.screen, ModelPicker))
    return app.screen


def test_every_model_is_in_the_catalogue_with_what_it_needs():
    entries = {entry.name: entry for entry in catalogue()}
    assert entries.keys() == known_models().keys()
    big, small = entries["smollm2-1.7b"], entries["smollm2-135m"]
    assert big.drafts[0] == big.draft == "smollm2-135m"
    assert "smollm2-360m" in big.drafts
    assert small.drafts == ()
    assert big.need > 4 * big.elements > 16 * small.elements
    assert big.fits(10**12) == "yes"
    assert big.fits(big.need - 1) == "in bfloat16"
    assert big.fits(10) == "no"
    assert big.fits(None) == "?"
    assert entries["demo"].here == "yes"
    assert entries["demo"].download == 0


def test_what_is_needed_is_known_for_names_and_folders_alone(tmp_path):
    assert needed(DEMO) > needed(replace(DEMO, draft="none")) > 0
    assert needed(ModelChoice("someone/something")) is None
    assert needed(ModelChoice(str(tmp_path))) is None
    assert needed(ModelChoice("no such name")) is None


async def test_typing_filters_and_the_text_itself_can_be_taken():
    async with running() as (app, pilot):
        screen = await opened(app, pilot)
        assert listed(screen) == list(known_models())
        assert screen.models.highlighted == 0
        await pilot.press(*"qwen")
        await pilot.pause()
        assert listed(screen) == ["qwen3-1.7b", "qwen3-4b", "qwen3-8b", "=qwen"]
        await pilot.press("down")
        await pilot.pause()
        assert drafts(screen) == ["", "none", "qwen3-1.7b"][: len(drafts(screen))]
        await pilot.press("enter")
        assert isinstance(app.screen, ModelPicker)
        await pilot.press("escape")


async def test_a_name_that_is_nothing_is_refused_with_the_reason():
    async with running() as (app, pilot):
        screen = await opened(app, pilot)
        screen.filter.value = "no\x1bsuch[b]"
        await pilot.pause()
        await pilot.press("enter")
        await pilot.pause()
        said = str(screen.status.render())
        assert "unknown model" in said
        assert "\x1b" not in said
        assert app.screen is screen


async def test_another_draft_is_taken_and_the_conversation_goes_on():
    async with running() as (app, pilot):
        await say(pilot, "My name is Ada.")
        await wait_until(pilot, lambda: app.chat.ledger.answered and not app.chat.busy)
        screen = await opened(app, pilot)
        assert "loaded" in str(screen.models.options[0].prompt)
        await pilot.press("tab")
        assert drafts(screen) == ["", "none"]
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: app.screen is app.chat and app.chat.ready is not None)
        assert app.chat.ready.draft is None
        assert not app.chat.empty
        assert "from here on: demo" in app.chat.transcript.document.markdown
        await say(pilot, "What is my name?")
        await wait_until(pilot, lambda: app.chat.transcript.document.answers == 2 and not app.chat.busy)
        assert "My name is Ada." in app.chat.transcript.document.markdown
        assert app.session.mode == "sssd"


async def test_a_model_that_cannot_be_loaded_leaves_the_old_one():
    def refusing(choice, store, progress):
        if choice.draft == "none":
            raise UserError("too little memory; use a smaller model")
        return shared(choice, store, progress)

    async with running(make=real_session(SETTINGS, refusing)) as (app, pilot):
        await opened(app, pilot)
        await pilot.press("tab", "down", "enter")
        await wait_until(pilot, lambda: any("too little memory" in told for told in app.told))
        await wait_until(pilot, lambda: app.chat.ready is not None)
        assert app.chat.ready.draft == "demo-draft"
        assert "demo stays" in app.told[-1]


@pytest.fixture
def downloads(monkeypatch):
    """Downloads that a test carries on by hand."""
    made = []

    class Coming(SimpleNamespace):
        def __init__(self, *wanted):
            super().__init__(wanted=wanted, title=wanted[0].title, done=0, total=0, runs=True, here=False, failure="")
            made.append(self)

        def stop(self):
            self.runs = False

    monkeypatch.setattr("spectui.tui.screens.picker.Fetching", Coming)
    return made


async def fetching(app, pilot, downloads):
    screen = await opened(app, pilot)
    await pilot.press(*"360")
    await pilot.pause()
    await pilot.press("enter")
    await wait_until(pilot, lambda: downloads)
    return screen, downloads[-1]


async def test_a_model_that_is_not_here_is_fetched_and_escape_stops_that(downloads):
    async with running() as (app, pilot):
        screen, coming = await fetching(app, pilot, downloads)
        coming.done, coming.total = 181_000_000, 724_000_000
        await wait_until(pilot, lambda: "25%" in str(screen.status.render()))
        assert "181 of 724 MB" in str(screen.status.render())
        await pilot.press("escape")
        await wait_until(pilot, lambda: "stopped; enter goes on" in str(screen.status.render()))
        assert app.screen is screen
        await pilot.press("enter")
        await wait_until(pilot, lambda: len(downloads) == 2)
        downloads[1].failure, downloads[1].runs = "the hub does not answer", False
        await wait_until(pilot, lambda: "does not answer" in str(screen.status.render()))
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.ready.model == "demo"


async def test_a_model_that_came_is_taken(downloads):
    async with running() as (app, pilot):
        taken = []
        app.session.exchange = taken.append
        _, coming = await fetching(app, pilot, downloads)
        coming.here, coming.runs = True, False
        await wait_until(pilot, lambda: taken)
        assert taken[0].model == "smollm2-360m"
        assert app.screen is app.chat
        app.bridge.put(replace(READY, model="smollm2-360m", draft=None))
        await wait_until(pilot, lambda: app.chat.ready is not None)
        app.bridge.put(Note("x"))
        assert app.chat.model == "smollm2-360m"


async def test_no_picker_while_an_answer_runs():
    async with running() as (app, pilot):
        app.chat.command = 1
        await pilot.press("ctrl+l")
        await pilot.pause()
        assert app.screen is app.chat


def test_the_memory_of_the_loaded_model_counts_as_free(monkeypatch):
    monkeypatch.setattr("spectui.tui.screens.picker.available_memory", lambda: 1000)
    assert isinstance(READY, Ready)
    made = picker(DEMO, replace(READY, model="demo"))
    assert made._free == 1000 + needed(DEMO)
    assert picker(DEMO, None)._free == 1000


async def test_a_name_given_beforehand_filters():
    async with running() as (app, pilot):
        app.chat.action_models("smollm2-1.7b")
        await wait_until(pilot, lambda: isinstance(app.screen, ModelPicker))
        await pilot.pause()
        assert listed(app.screen) == ["smollm2-1.7b"]
        assert drafts(app.screen) == ["", "none", "smollm2-360m"]
