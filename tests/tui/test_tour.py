"""The tour end to end: on the demo pair, and on a teacher's own trace."""

import pytest

from spectui.present.lesson import read_lesson, shipped
from spectui.record.events import StepText
from spectui.record.trace import TraceWriter
from spectui.session.session import Session
from spectui.system.errors import UserError
from spectui.tui.screens.inspect import InspectScreen
from spectui.tui.screens.replay import ReplayScreen
from spectui.tui.tour_app import TourApp

from ..demo import SETTINGS, shared
from .helpers import wait_until
from .test_inspect import said
from .test_replay import CONVERSATION


def make(sink):
    return Session(SETTINGS.model, SETTINGS.options, None, sink, loader=shared)


def page(app):
    tour = app.tour
    return "\n".join(str(part.content) for part in (tour.head, tour.text, tour.picture, tour.asked, tour.state))


def plays(app):
    """Whether a replay is on the screen and has begun."""
    return isinstance(app.screen, ReplayScreen) and app.screen.player.playing


async def test_every_lesson_is_read_watched_and_answered_on_the_demo_pair():
    app = TourApp(SETTINGS, shipped(), make)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await wait_until(pilot, lambda: app.tour.ready is not None)
            for number, lesson in enumerate(shipped(), 1):
                assert f"{number} of 10  {lesson.title}" in page(app)
                await pilot.press("enter")
                await wait_until(pilot, lambda: plays(app))
                screen = app.screen
                assert lesson.look[:20] in str(screen.query_one("#replay-note").content)
                lanes = screen.replay.take.lanes
                assert len(lanes) == len(lesson.modes)
                await pilot.press("end", "escape")
                await wait_until(pilot, lambda: app.screen is app.tour)
                steps = [one for records in app.tour.watched.values() for one in records if isinstance(one, StepText)]
                assert all(one.step.target_top for one in steps)
                if lesson.picture == "latency":
                    assert "T(m): one pass over m tokens on this machine" in page(app)
                    assert " 8 tokens " in page(app)
                if lesson.picture == "noise":
                    assert "the noise at place" in page(app)
                    texts = {"".join(t for one in records if isinstance(one, StepText) for t in one.emitted)
                             for records in app.tour.watched.values()}  # fmt: skip
                    assert len(texts) == 1, "the same text in every mode"
                wrong = lesson.question.answer % len(lesson.question.choices) + 1
                await pilot.press(str(wrong))
                assert "Not quite." in page(app)
                await pilot.press(str(lesson.question.answer))
                assert f"Right. {lesson.question.why}" in page(app)
                await pilot.press("n")
            assert "10 of 10" in page(app), "the last lesson stays"
            await pilot.press("p")
            assert "9 of 10" in page(app)
    finally:
        app.tour.close()


async def test_a_teachers_own_lesson_plays_a_trace_without_a_model(tmp_path):
    writer = TraceWriter(tmp_path / "mine.jsonl")
    for record in CONVERSATION:
        writer.write(record)
    writer.close()
    (tmp_path / "mine.toml").write_text('title = "Mine"\ntext = "Read."\ntrace = "mine.jsonl"\nlook = "There."')
    app = TourApp(SETTINGS, [read_lesson(tmp_path / "mine.toml")], pytest.fail)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("enter")
        await wait_until(pilot, lambda: plays(app))
        await pilot.press("space", "end", "enter")
        assert isinstance(app.screen, InspectScreen)
        assert "step " in said(app.screen)
        await pilot.press("escape", "escape")
        assert app.screen is app.tour
        (tmp_path / "mine.jsonl").unlink()
        await pilot.press("enter")
        assert any("cannot read" in str(one.message) for one in app._notifications)


async def test_a_model_that_does_not_load_is_told():
    def refuse(*_):
        raise UserError("no weights here; fetch them")

    def session(sink):
        return Session(SETTINGS.model, SETTINGS.options, None, sink, loader=refuse)

    app = TourApp(SETTINGS, shipped()[:1], session)
    try:
        async with app.run_test(size=(80, 24)) as pilot:
            await wait_until(pilot, lambda: "no weights here" in page(app), 30)
            await pilot.press("enter", "3", "n")
            assert app.screen is app.tour
    finally:
        app.tour.close()
