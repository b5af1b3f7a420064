"""Running the real app without a terminal."""

import asyncio
from contextlib import asynccontextmanager
from time import perf_counter

from spectui.config.settings import Settings
from spectui.session.session import Session
from spectui.tui.app import SpectuiApp


async def wait_until(pilot, predicate, timeout=60.0):
    """Wait, without a fixed pause, until something holds."""
    end = perf_counter() + timeout
    while not predicate():
        assert perf_counter() < end, "it never came to hold"
        await pilot.pause(0.02)
        await asyncio.sleep(0)


def real_session(settings):
    def make(sink):
        return Session(settings.model, settings.options, settings.decoding.mode or None, sink)

    return make


@asynccontextmanager
async def running(settings=None, make=None, size=(120, 36), ready=True):
    """The app with a session; ends it whatever happens."""
    settings = settings or Settings()
    app = SpectuiApp(settings, make or real_session(settings))
    try:
        async with app.run_test(size=size) as pilot:
            if ready:
                await wait_until(pilot, lambda: app.chat.ready is not None)
            yield app, pilot
    finally:
        app.close()


async def say(pilot, text):
    """Type a text and send it."""
    for character in text:
        await pilot.press(
            {" ": "space", "?": "question_mark", "!": "exclamation_mark", ".": "full_stop"}.get(character, character)
        )
    await pilot.press("enter")
