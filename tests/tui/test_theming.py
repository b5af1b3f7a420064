"""Themes in the running program: tried on from the palette, loaded again when their file changes, readable."""

import os
from itertools import product

import pytest
from textual.app import App
from textual.command import CommandList

from spectui.config.paths import user_themes
from spectui.tui.app import SpectuiApp

from ..demo import SETTINGS
from .helpers import remember_notices, wait_until
from .played import PlayedSession
from .test_theme import COLOURED, contrast

TEXTS = ("text-primary", "text-secondary", "text-accent", "text-success", "text-warning", "text-error", "token-muted",
         "token-plain", "foreground")  # fmt: skip
OWN = 'name = "mine"\n[colours]\nprimary = "{}"\nbackground = "#101010"\n'


def app_with(theme="spectui-dark"):
    app = SpectuiApp(SETTINGS.with_flags("ui", theme=theme), lambda sink: PlayedSession())
    remember_notices(app)
    return app


async def choosing(app, pilot):
    """The palette of themes, and the place of each in it."""
    app.search_themes()
    await wait_until(pilot, lambda: app.screen is not app.chat and app.screen.query(CommandList))
    commands = app.screen.query_one(CommandList)
    await wait_until(pilot, lambda: commands.option_count == len(app.available_themes))
    return commands


async def highlight(commands, pilot, name):
    commands.highlighted = next(i for i, one in enumerate(commands.options) if one.hit.text == name)
    await pilot.pause()


async def test_a_theme_under_the_cursor_shows_and_escape_brings_the_old_one_back():
    app = app_with()
    async with app.run_test() as pilot:
        commands = await choosing(app, pilot)
        for name in ("spectui-light", "chalk"):
            await highlight(commands, pilot, name)
            await wait_until(pilot, lambda name=name: app.theme == name)
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.theme == "spectui-dark"


async def test_enter_keeps_the_theme_that_was_tried_on():
    app = app_with()
    async with app.run_test() as pilot:
        commands = await choosing(app, pilot)
        await highlight(commands, pilot, "chalk")
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.theme == "chalk"


async def test_other_commands_of_the_palette_try_nothing_on():
    app = app_with()
    async with app.run_test() as pilot:
        await pilot.press("ctrl+p")
        await wait_until(pilot, lambda: app.screen is not app.chat and app.screen.query(CommandList))
        commands = app.screen.query_one(CommandList)
        await wait_until(pilot, lambda: commands.option_count > 3)
        commands.highlighted = 2
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.theme == "spectui-dark"


async def test_a_theme_that_is_worn_follows_its_file():
    folder = user_themes()
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "mine.toml"
    file.write_text(OWN.format("#123456"), "utf-8")
    app = app_with("mine")
    async with app.run_test() as pilot:
        assert app.theme_variables["primary"] == "#123456"
        file.write_text(OWN.format("#ABCDEF") + "# longer\n", "utf-8")
        app._reload_themes()
        await pilot.pause()
        assert app.theme_variables["primary"] == "#ABCDEF"
        file.write_text("nonsense, which harms nothing", "utf-8")
        app._reload_themes()
        await pilot.pause()
        assert app.theme_variables["primary"] == "#ABCDEF"
        assert any("theme mine.toml: not TOML" in told for told in app.told)
    os.unlink(file)


@pytest.mark.oldest
@pytest.mark.parametrize("theme", COLOURED, ids=lambda theme: theme.name)
async def test_all_text_is_readable_wherever_text_stands(theme):
    app = App()
    async with app.run_test() as pilot:
        app.register_theme(theme)
        app.theme = theme.name
        await pilot.pause()
        for text, ground in product(TEXTS, ("background", "surface", "panel")):
            assert contrast(app.theme_variables[text], app.theme_variables[ground]) >= 4.5, (text, ground)
