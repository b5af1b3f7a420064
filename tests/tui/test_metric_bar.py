"""The line of numbers: the most important ones where there is little room."""

import pytest

from spectui.record.metrics import TOO_LITTLE, Numbers, Speedup
from spectui.tui.widgets.metric_bar import MetricBar

from .stage import look_of, on_stage, rows

NUMBERS = Numbers(answers=1, steps=100, emitted=401, drafted=400, accepted=300, decode_ms=1000.0, ttft_ms=12.0)
SPEEDUP = Speedup(2.5, 2.41, 2.6, 5, "")


@pytest.mark.parametrize(("width", "speedup"), [(30, True), (60, True), (140, True), (12, False)])
async def test_a_measured_speed_up_is_shown_where_there_is_room(width, speedup):
    async with on_stage(bar := MetricBar(), size=(width, 3)):
        bar.show(NUMBERS, SPEEDUP, measuring=False, follow=True, key="f9")
        line = rows(bar)[0]
        assert ("2.50 × plain" in line) == speedup
        assert len(line.rstrip()) <= width
        assert ("first token 12 ms" in line) == (width == 140)
        assert ("2.50 × plain  [2.41, 2.60] n=5" in line) == (width == 140)


@pytest.mark.parametrize(
    ("speedup", "looping", "grey"),
    [
        (SPEEDUP, False, False),
        (Speedup(2.5, 2.5, 2.5, 1, TOO_LITTLE), False, True),
        (SPEEDUP, True, True),
    ],
)
async def test_what_cannot_be_trusted_is_marked_and_grey(speedup, looping, grey):
    async with on_stage(bar := MetricBar(), size=(140, 3)):
        bar.show(NUMBERS, SPEEDUP, measuring=False, follow=True, key="f9")
        usual = look_of(bar, "2.50")
        bar.show(NUMBERS, speedup, measuring=False, follow=True, key="f9", looping=looping)
        assert ("2.50? × plain" in rows(bar)[0]) == bool(speedup.doubt)
        assert ("loops ↻" in rows(bar)[0]) == looping
        assert (look_of(bar, "2.50") != usual) == grey
