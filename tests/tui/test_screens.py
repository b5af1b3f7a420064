"""Each screen as it was when somebody last looked at it: dark, light and without colour, small and large."""

import gc

import pytest
from textual.widgets import Footer

from spectui.models.sources import Package
from spectui.tui.app import SpectuiApp

from ..demo import SETTINGS
from .golden import GOLDENS, RENEW, difference, picture, strips_of
from .played import PlayedSession
from .scenes import STORIES, Play

LOOKS = {"dark": "spectui-dark", "light": "spectui-light", "no-colour": "spectui-dark"}
"""Each look with the theme of the settings; NO_COLOR has its own."""
SIZES = {"80x24": (80, 24), "120x36": (120, 36), "200x50": (200, 50)}
NEVER = 1e6
"""Seconds until the screen looks by itself whether records have come: a story says when."""
FRAME = 1 / 60
"""Seconds within which a screen that has something to paint begins to."""
shot: set[str] = set()
"""The pictures that were taken."""


@pytest.fixture
def stopped(monkeypatch):
    """No time passes by itself, and nobody waits longer than the screen needs."""
    for room in ("chat", "race"):
        monkeypatch.setattr(f"spectui.tui.screens.{room}.TICK", NEVER)
    monkeypatch.setattr("textual._wait.SLEEP_GRANULARITY", 0.002, raising=False)
    gc.disable()  # what earlier tests have left takes longer to look through than a screen to draw
    yield
    gc.enable()


def still_app(theme):
    """The app with a session that is played; nothing on it moves or goes away by itself."""
    settings = SETTINGS.with_flags("ui", theme=theme, save_conversations=False)
    app = SpectuiApp(settings, lambda sink: PlayedSession())
    app.animation_level = "none"
    tell = app.notify
    app.notify = lambda message, **how: tell(message, **(how | {"timeout": NEVER}))
    return app


async def standing(app, pilot):
    """The picture, once it stands still."""
    for widget in app.screen.query("TextArea, Input"):
        widget.cursor_blink = False
    seen = []
    for _ in range(500):
        await pilot.pause(FRAME)
        if all(footer.children for footer in app.screen.query(Footer)):
            seen.append(strips_of(app))
            if seen[-3:] == [seen[-1]] * 3:
                return picture(app)
    raise AssertionError("the screen never stood still")


@pytest.mark.usefixtures("stopped")
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize("story", STORIES)
async def test_screens_look_as_they_did(story, look, size, monkeypatch, request):
    monkeypatch.setattr(Package, "folder", None)  # whether it is installed shall change no picture
    if look == "no-colour":
        monkeypatch.setenv("NO_COLOR", "1")
    renew, told = request.config.getoption("--renew-goldens"), []
    app = still_app(LOOKS[look])

    async def shoot(name):
        found, file = await standing(app, pilot), GOLDENS / f"{name}.{look}.{size}.txt"
        shot.add(file.name)
        if renew:
            file.parent.mkdir(exist_ok=True)
            file.write_text(found, "utf-8")
        elif words := difference(file, found):
            told.append(words)

    async with app.run_test(size=SIZES[size], notifications=True) as pilot:
        await pilot.pause()
        await STORIES[story](Play(app, pilot, shoot))
    if told:
        pytest.fail("\n\n".join([*told, f"if that is meant: {RENEW}"]), pytrace=False)


def test_each_golden_is_of_a_screen(request):
    """Runs behind the others, of which each must have run."""
    screens = {name.partition(".")[0] for name in shot}
    wanted = {f"{screen}.{look}.{size}.txt" for screen in screens for look in LOOKS for size in SIZES}
    if not shot or shot != wanted:
        pytest.skip("not all pictures were taken")
    for file in GOLDENS.glob("*.txt"):
        if file.name not in wanted and request.config.getoption("--renew-goldens"):
            file.unlink()
    assert {file.name for file in GOLDENS.glob("*.txt")} == wanted
