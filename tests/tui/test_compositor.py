"""A frame is the same as Textual's own, whatever has changed, and asks for no rows besides."""

import random
import re

import pytest
from rich.console import Console
from textual._compositor import ChopsUpdate, Compositor
from textual.geometry import Region

from benchmarks.fake_session import FakeSession
from spectui.tui.compositor import RowCompositor

from ..demo import SETTINGS
from .helpers import running, say, wait_until

IDLE_MOVE = re.compile(r"\x1b\[\d+;\d+H(?=\n*(?:\x1b\[\d+;\d+H|$))")


def painted(frame: ChopsUpdate, console: Console) -> str:
    """What a frame writes, without moves of the cursor to where nothing is written."""
    return IDLE_MOVE.sub("", frame.render_segments(console))


def watch_frames(monkeypatch: pytest.MonkeyPatch) -> list[tuple[ChopsUpdate, ChopsUpdate]]:
    """Every partial update from now on, as ours and as Textual's."""
    frames: list[tuple[ChopsUpdate, ChopsUpdate]] = []
    ours_of = RowCompositor.render_partial_update

    def both(self: RowCompositor) -> ChopsUpdate | None:
        dirty = set(self._dirty_regions)
        ours = ours_of(self)
        if ours is None:
            return None
        self._dirty_regions = dirty
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(RowCompositor, "_get_renders", Compositor._get_renders)
            theirs = ours_of(self)
        assert theirs is not None
        frames.append((ours, theirs))
        return ours

    monkeypatch.setattr(RowCompositor, "render_partial_update", both)
    return frames


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_every_frame_of_an_answer_is_textuals_own(monkeypatch: pytest.MonkeyPatch, size: tuple[int, int]) -> None:
    settings = SETTINGS.with_flags("ui", save_conversations=False)
    async with running(settings, lambda sink: FakeSession(sink, 200.0, 400), size) as (app, pilot):
        frames = watch_frames(monkeypatch)
        await say(pilot, "go")
        await wait_until(pilot, lambda: app.chat.answering or app.chat.ledger.answered)
        app.chat.notify("something over it")
        await wait_until(pilot, lambda: not app.chat.answering)
        await pilot.press("ctrl+p", "a", "escape", "pageup")
        await pilot.pause(0.2)
        assert len(frames) > 10
        for ours, theirs in frames:
            assert ours.spans == theirs.spans
            assert painted(ours, app.console) == painted(theirs, app.console)


async def test_any_part_of_the_screen_is_painted_as_textual_does(monkeypatch: pytest.MonkeyPatch) -> None:
    chance = random.Random(1)
    settings = SETTINGS.with_flags("ui", save_conversations=False)
    async with running(settings, lambda sink: FakeSession(sink, 3000.0, 300)) as (app, pilot):
        await say(pilot, "go")
        await wait_until(pilot, lambda: not app.chat.busy and not app.chat.answering)
        app.chat.notify("something over it")
        await pilot.pause(0.2)
        frames = watch_frames(monkeypatch)
        for _ in range(200):
            x, y = chance.randrange(120), chance.randrange(36)
            region = Region(x, y, chance.randint(1, 120 - x), chance.randint(1, 36 - y))
            app.chat._compositor._dirty_regions.add(region)
            app.chat._compositor.render_partial_update()
        assert len(frames) == 200
        for ours, theirs in frames:
            assert painted(ours, app.console) == painted(theirs, app.console)


async def test_a_changed_row_costs_no_other_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SETTINGS.with_flags("ui", save_conversations=False)
    async with running(settings, lambda sink: FakeSession(sink, 3000.0, 300)) as (app, pilot):
        await say(pilot, "go")
        await wait_until(pilot, lambda: not app.chat.busy and not app.chat.answering)
        asked: list[tuple[object, Region]] = []
        for widget in app.chat._compositor.visible_widgets:
            original = widget.render_lines

            def noted(crop: Region, widget=widget, original=original):
                asked.append((widget, crop))
                return original(crop)

            monkeypatch.setattr(widget, "render_lines", noted)
        row = app.chat.tape.region.y
        app.chat._compositor._dirty_regions.add(Region(0, row, 120, 1))
        app.chat._compositor.render_partial_update()
        assert app.chat.tape in dict(asked)
        assert all(crop.height == 1 and widget.region.y + crop.y == row for widget, crop in asked)
