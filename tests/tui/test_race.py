"""The race on the real app with the real demo pair, and its replay."""

import asyncio
import json
from contextlib import asynccontextmanager

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual.widgets import Static

from spectui.present.race_book import RaceBook
from spectui.present.runs import race_runs
from spectui.record.events import EndText, PrefillText, Ready, StepText, TurnText
from spectui.record.replay import Replay
from spectui.record.trace import read_trace
from spectui.tui.app import RacePlan, SpectuiApp
from spectui.tui.screens.race import RaceScreen
from spectui.tui.widgets.lane import StepBars

from ..bench.test_bench import SCHEMA
from ..demo import SETTINGS
from .helpers import real_session, running, say, wait_until

STORY = "Tell me a story about a shy dragon who wants to find a friend."


@asynccontextmanager
async def racing(text=STORY, size=(120, 36), record=None):
    settings = SETTINGS.with_flags("decoding", max_new_tokens=60)
    app = SpectuiApp(settings, real_session(settings), record, RacePlan(("ar", "draft"), text))
    try:
        async with app.run_test(size=size) as pilot:
            yield app, pilot
    finally:
        app.close()


async def over(app, pilot, rounds=1):
    """Wait until a race with all that is repeated of it has ended, and the book holds at least so many rounds."""
    await wait_until(pilot, lambda: len(app.race.book.rounds) >= rounds and not app.race.racing)
    await wait_until(pilot, lambda: app.race.book.finished)


def screen_text(app):
    return "\n".join("".join(s.text for s in strip) for strip in app.screen._compositor.render_strips())


def picture(race):
    """Everything that the lanes show."""
    shown = []
    for name, pane in race.panes.items():
        blocks = pane.transcript.document.blocks
        statics = [str(widget.render()) for widget in pane.query(Static)]
        shown.append((name, blocks, statics))
    return shown


def words(race):
    """What the lanes show, but for their places: those of a race are over all of its rounds."""
    return [(name, blocks, statics[1:]) for name, blocks, statics in picture(race)]


async def replayed(pilot):
    """What the lanes show after each step of a replay by steps, which is left then."""
    screen = pilot.app.screen
    pictures = [words(screen)]
    while not screen.replay.done:
        await pilot.press("ctrl+b")
        pictures.append(words(screen))
    await pilot.press("escape")
    return pictures


async def test_two_modes_race_and_end_in_a_table():
    async with racing() as (app, pilot):
        await over(app, pilot)
        race = app.race
        texts = {pane.transcript.document.answer_text() for pane in race.panes.values()}
        assert len(texts) == 1
        assert texts.pop().startswith("Once upon a time")
        assert set(race.book.places().values()) == {1, 2}
        assert race.book.lanes["draft"].compared.place is None
        await pilot.pause(0.2)
        text = screen_text(app)
        assert "same text ✓" in text
        assert "1st" in text


async def test_the_table_counts_the_rounds():
    async with racing("Hello!") as (app, pilot):
        await over(app, pilot)
        before = len(app.race.book.rounds)
        assert before >= 3, "so short an answer is repeated"
        await pilot.press("ctrl+r")
        await over(app, pilot, before + 1)
        rounds = len(app.race.book.rounds)
        assert len(app.race.book.rates("draft")) == app.race.book.speedup("draft", "ar").rounds == rounds
        await pilot.pause(0.2)
        assert f"n={rounds}" in screen_text(app)
        assert f", {rounds} rounds" in screen_text(app)


async def test_what_is_repeated_of_a_short_race_changes_the_table_and_not_the_lanes():
    async with racing("Hello!") as (app, pilot):
        await over(app, pilot)
        assert len(app.race.book.rounds) >= 3
        assert len([record for record in app.race.records if isinstance(record, EndText)]) == 2, "one round is replayed"
        assert len({pane.transcript.document.answer_text() for pane in app.race.panes.values()}) == 1
        assert all(pane.transcript.document.answers == 1 for pane in app.race.panes.values())


async def test_the_times_of_the_steps_follow_the_width_of_a_lane():
    async with racing("Hello!") as (app, pilot):
        await over(app, pilot)
        for width in (100, 160):
            await pilot.resize_terminal(width, 36)
            await pilot.pause()
            for pane in app.race.panes.values():
                bars = pane.query_one(StepBars)
                assert len(str(bars.content)) == min(len(bars.step_ms), bars.size.width)


async def test_places_in_the_lanes_are_those_of_the_table():
    async with racing("Hello!") as (app, pilot):
        await over(app, pilot)
        race, ordinals = app.race, {1: "1st", 2: "2nd"}
        slow = app.race.book.lanes["draft"]
        slow.clock += 1e6
        await pilot.resize_terminal(118, 36)
        await pilot.pause()
        for name, place in race.book.places().items():
            assert ordinals[place] in str(race.panes[name].query(Static).first().render())
        assert race.shown.lanes["draft"] is not slow, "the last round alone would tell another story"


def first_round(records):
    """The records before a lane is given its second turn."""
    lanes = set()
    for index, record in enumerate(records):
        if isinstance(record, TurnText) and record.lane in lanes:
            return records[:index]
        lanes.add(record.lane)
    return records


async def test_the_picture_replays_identically_from_its_trace(tmp_path):
    file = tmp_path / "race.jsonl"
    async with racing(record=file) as (app, pilot):
        await over(app, pilot)
        race, live = app.race, words(app.race)
        await pilot.press("ctrl+b")
        pictures = await replayed(pilot)
        assert pictures[-1] == live
        assert len({str(one) for one in pictures}) > 20, "steps show"
        for saver in app.savers:
            saver.close()
        records = [record for record in read_trace(file) if getattr(record, "lane", None) in ("ar", "draft")]
        race.records = first_round(records)
        await pilot.press("ctrl+b")
        assert await replayed(pilot) == pictures


async def test_it_replays_by_steps_and_at_its_own_pace():
    async with racing() as (app, pilot):
        await over(app, pilot)
        await pilot.press("ctrl+b")
        assert app.screen.replay.steps == 1
        await pilot.press("ctrl+b")
        assert app.screen.replay.steps == 2
        await pilot.press("comma")
        assert app.screen.replay.steps == 1
        await pilot.press("escape", "ctrl+l")
        await wait_until(pilot, lambda: app.screen is not app.race and app.screen.replay.done)
        assert {state.end.end.reason for state in app.screen.replay.lanes.values()} <= {"eos", "length"}
        assert "1st" in screen_text(app)


async def test_the_chat_races_its_own_last_question():
    async with running() as (app, pilot):
        await say(pilot, "Hello!")
        await wait_until(pilot, lambda: app.chat.ledger.numbers.emitted > 0 and not app.chat.answering)
        answer = app.chat.transcript.document.answer_text()
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: isinstance(app.screen, RaceScreen))
        await over(app, pilot)
        assert {pane.transcript.document.answer_text() for pane in app.race.panes.values()} == {answer}
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.transcript.document.answer_text() == answer, "a race is no part of the conversation"
        await say(pilot, "What are you?")
        await wait_until(pilot, lambda: "demo model" in app.chat.transcript.document.answer_text())


async def test_a_stop_keeps_the_text_and_a_second_escape_leaves():
    async with racing() as (app, pilot):
        race = app.race
        await wait_until(
            pilot, lambda: any(len(lane.step_ms) > 2 for lane in race.shown.lanes.values()) or race.book.finished
        )
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.session.busy and race.book.finished)
        assert all(pane.transcript.document.answer_text() for pane in race.panes.values())


async def test_without_a_question_it_asks_for_one():
    async with racing(text=None, size=(60, 16)) as (app, pilot):
        await wait_until(pilot, lambda: app.race.panes)
        await say(pilot, "Hello!")
        await over(app, pilot)
        assert all("help you" in pane.transcript.document.answer_text() for pane in app.race.panes.values())


async def test_a_race_is_exported_as_a_report(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path))
    async with racing("Hello!") as (app, pilot):
        await over(app, pilot)
        await pilot.press("ctrl+s")
        await wait_until(pilot, lambda: list(tmp_path.rglob("race_*.json")))
        (file,) = tmp_path.rglob("race_*.json")
        await asyncio.sleep(0.1)
        jsonschema.validate(json.loads(file.read_text()), SCHEMA)


@given(st.lists(st.floats(0.1, 9.0), min_size=1, max_size=20), st.lists(st.floats(0.0, 1.0), max_size=6))
def test_a_replay_hands_out_everything_once_and_in_order(walls, stops):
    from .records import end, first, random_steps

    records = [first("a"), *random_steps(len(walls)), end()]
    replay = Replay(records)
    made = []
    for share in sorted(stops):
        made += replay.until(share * replay.length)
        clocks = [r.step.time_ms for r in made if isinstance(r, StepText)]
        assert all(clock <= share * replay.length for clock in clocks)
    made += replay.until(replay.length)
    assert replay.done
    assert sorted(map(id, made)) == sorted(map(id, records))
    assert [type(r) for r in made if not isinstance(r, StepText)] == [PrefillText, EndText]
    assert len(replay.timeline.times) == len(records)


def test_a_book_of_nothing_is_empty():
    book = RaceBook()
    assert (book.lanes, book.places(), race_runs(book), book.finished) == ({}, {}, [], False)


@pytest.mark.parametrize("modes", [(), ("ar",)])
def test_a_race_needs_two_lanes(modes):
    from spectui.bench.compare import field_of
    from spectui.system.errors import UserError

    ready = Ready("m", None, "cpu", "float32", 1.0, 99, ("ar",), {"draft": "no draft model is loaded"})
    with pytest.raises(UserError, match="2 to 6 lanes"):
        field_of(modes, ready)
    with pytest.raises(UserError, match="draft: no draft model is loaded"):
        field_of((*modes, "draft"), ready)
