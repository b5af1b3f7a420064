"""A line of parts: the most important ones where there is little room."""

import pytest

from spectui.engine.values.options import Options
from spectui.record.events import Ready
from spectui.tui.widgets.parts import Part, fitting
from spectui.tui.widgets.title import TitleBar

from .stage import on_stage, rows

PARTS = [Part(0, "first", 5), Part(3, "last", 4), Part(2, "third", 5), Part(1, "second", 6)]


@pytest.mark.parametrize(
    ("width", "kept"),
    [
        (26, ["first", "last", "third", "second"]),
        (25, ["first", "third", "second"]),
        (19, ["first", "second"]),
        (12, ["first"]),
        (0, ["first"]),
    ],
)
def test_the_most_important_stay_in_their_order(width, kept):
    assert [part.text for part in fitting(PARTS, width)] == kept


def test_room_is_kept_for_numbers_that_grow():
    assert fitting([Part(0, "1", 5), Part(1, "2", 5)], 11) == [Part(0, "1", 5)]


@pytest.mark.parametrize(("width", "whole"), [(120, True), (104, True), (80, False), (40, False), (20, False)])
async def test_the_title_never_cuts_a_part_off(width, whole):
    ready = Ready("demo", "demo-draft", "cpu", "float32", 4.5, 2048, ("ar",))
    async with on_stage(title := TitleBar(), size=(width, 3)):
        title.show(ready, "demo", Options(), "")
        line = rows(title)[0].rstrip()
        assert ("demo  draft demo-draft" if width > 40 else "demo") in line
        assert line.endswith("loaded in 4.5 s") == whole
        assert ("loaded" in line) == whole
        assert len(line) <= width


async def test_before_the_model_is_there_the_title_says_what_happens():
    async with on_stage(title := TitleBar(), size=(60, 3)):
        title.show(None, "qwen3-8b", Options(), "reading weights 40%")
        assert "qwen3-8b" in rows(title)[0]
        assert "reading weights 40%" in rows(title)[0]
