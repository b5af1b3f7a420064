"""Running the real app without a terminal."""

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter, sleep

from textual.events import Paste

from spectui.record.events import StepText
from spectui.session.session import Session
from spectui.tui.app import SpectuiApp

from ..demo import SETTINGS, shared


async def wait_until(pilot, predicate, timeout=180.0):
    """Wait, without a fixed pause, until something holds."""
    end = perf_counter() + timeout
    while not predicate():
        assert perf_counter() < end, "it never came to hold"
        await pilot.pause(0.02)
        await asyncio.sleep(0)


class Paced(Session):
    """A session whose steps take at least some seconds, so that something can happen in mid-answer."""

    pause = 0.0

    def __init__(self, choice, options, mode, sink, **more):
        def slow(record):
            if isinstance(record, StepText):
                sleep(self.pause)
            sink(record)

        super().__init__(choice, options, mode, slow, **more)


def real_session(settings, loader=shared):
    """Makes sessions on real models, which are loaded before unless a test is about loading."""

    def make(sink):
        return Paced(settings.model, settings.options, settings.decoding.mode or None, sink, loader=loader)

    return make


def remember_notices(app):
    """Keep what the app has told a person in ``app.told``; on the screen it stands for some seconds only."""
    app.told, notify = [], app.notify

    def tell(message, **how):
        app.told.append(str(message))
        notify(message, **how)

    app.notify = tell


@asynccontextmanager
async def running(settings=None, make=None, size=(120, 36), ready=True):
    """The app with a session; ends it whatever happens."""
    settings = settings or SETTINGS
    app = SpectuiApp(settings, make or real_session(settings))
    remember_notices(app)
    try:
        async with app.run_test(size=size) as pilot:
            if ready:
                await wait_until(pilot, lambda: app.chat.ready is not None)
            yield app, pilot
    finally:
        app.close()


async def write(pilot, text):
    """Type a text, key by key, and send it."""
    for character in text:
        await pilot.press(
            {" ": "space", "?": "question_mark", "!": "exclamation_mark", ".": "full_stop"}.get(character, character)
        )
    await pilot.press("enter")


async def say(pilot, text):
    """Paste a text and send it, which is quicker than to type it."""
    pilot.app.post_message(Paste(text))
    await pilot.pause()
    await pilot.press("enter")
