"""The line of numbers: the most important ones where there is little room."""

import pytest

from spectui.metrics import Numbers
from spectui.tui.widgets.metric_bar import MetricBar

from .stage import on_stage, rows


@pytest.mark.parametrize(("width", "speedup"), [(30, True), (60, True), (120, True), (12, False)])
async def test_a_measured_speed_up_is_shown_where_there_is_room(width, speedup):
    numbers = Numbers(answers=1, steps=100, emitted=401, drafted=400, accepted=300, decode_ms=1000.0, ttft_ms=12.0)
    async with on_stage(bar := MetricBar(), size=(width, 3)):
        bar.show(numbers, 2.5, measuring=False, follow=True, key="f9")
        line = rows(bar)[0]
        assert ("×2.50 vs AR" in line) == speedup
        assert len(line.rstrip()) <= width
        assert ("TTFT 12 ms" in line) == (width == 120)
