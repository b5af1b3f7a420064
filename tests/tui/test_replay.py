"""The replay on the screen, and the chat's slow motion: driven by keys, without model and clock."""

import json
from contextlib import asynccontextmanager
from dataclasses import replace
from random import Random

import pytest

from spectui.config.settings import Settings
from spectui.engine.values.events import Switch
from spectui.engine.values.step import Node, Source
from spectui.present.glossary import unknown_words
from spectui.record.events import Finished, Started, StepText, SwitchText
from spectui.record.recording import TraceFile
from spectui.record.replay import Replay
from spectui.record.trace import TraceWriter, to_json
from spectui.record.trace_lines import MOST_NODES
from spectui.tui.actions import ACTIONS
from spectui.tui.app import SpectuiApp
from spectui.tui.replay_app import ReplayApp
from spectui.tui.screens.replay import ReplayScreen
from spectui.tui.widgets.tape import tape_cells

from ..hostile import FORBIDDEN, HOSTILE
from .played import READY, STORY, STORY_TOLD, WIDE, WIDE_TOLD, PlayedSession, answer
from .scenes import lap

CONVERSATION = [READY, *answer("draft", STORY_TOLD, STORY), *answer("specbranch", WIDE_TOLD, WIDE)]


@asynccontextmanager
async def showing(records, size=(120, 36), speed=1.0):
    app = ReplayApp(Settings(), records if isinstance(records, Replay) else Replay(records), speed)
    app.replay_screen.player.playing = False
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        yield app.replay_screen, pilot


def standing(screen):
    """What a person sees, but for the progress: text with its looks and steps, tape, pane, numbers."""
    pieces = [
        (paragraph.kind, piece.display, piece.look, piece.step)
        for transcript in screen._transcripts
        for paragraph in transcript.document.paragraphs
        for piece in paragraph.pieces
    ]
    tape = [tape_cells(record) for record in screen.tape._steps]
    read_outs = [str(one.content) for one in (screen.step_pane, screen.metric_bar, screen.why_bar)]
    return pieces, tape, list(screen.timeline.steps), read_outs


async def test_how_far_it_is_shows_in_the_new_width_after_a_resize():
    async with showing(CONVERSATION, (80, 24)) as (screen, pilot):
        await pilot.press("end")
        for width in (200, 120, 60):
            await pilot.resize_terminal(width, 30)
            await pilot.pause()
            assert str(screen.progress.content) == "█" * (screen.progress.size.width - 2)


async def test_steps_forwards_and_backwards_show_the_same():
    async with showing(CONVERSATION) as (screen, pilot):
        seen = [standing(screen)]
        for _ in range(12):
            await pilot.press("full_stop")
            seen.append(standing(screen))
        assert "step 12 of 25" in str(screen.head.content)
        assert str(screen.step_pane.content).startswith("step 11 ")
        for before in seen[-2:1:-1]:
            await pilot.press("comma")
            assert standing(screen) == before


async def test_it_plays_by_itself_and_stands_still():
    async with showing(CONVERSATION) as (screen, pilot):
        await pilot.press("space")
        screen._tick_at -= 0.05
        await screen._tick()
        assert screen.replay.clock >= 50.0
        assert screen.player.playing
        await pilot.press("space")
        place = screen.replay.place
        screen._tick_at -= 1.0
        await screen._tick()
        assert screen.replay.place == place
        await pilot.press("minus", "minus")
        assert screen.player.speed == 0.25
        await pilot.press(*["minus"] * 4)
        assert screen.player.speed == 0.05
        await pilot.press(*["plus"] * 9)
        assert screen.player.speed == 10.0


async def test_slow_motion_goes_from_pace_to_pace():
    async with showing(CONVERSATION) as (screen, pilot):
        paces = []
        for _ in range(5):
            await pilot.press("ctrl+l")
            paces.append("steps" if screen.by_steps else screen.player.speed)
        assert paces == [0.25, 0.05, "steps", 1.0, 0.25]


async def test_it_goes_to_a_tenth_to_both_ends_and_to_other_answers():
    async with showing(CONVERSATION) as (screen, pilot):
        take = screen.replay.take
        await pilot.press("greater_than_sign", "greater_than_sign", "greater_than_sign")
        assert screen.replay.clock == pytest.approx(0.3 * take.length_ms)
        await pilot.press("less_than_sign")
        assert screen.replay.clock == pytest.approx(0.2 * take.length_ms)
        await pilot.press("end")
        assert STORY_TOLD.split("\n")[0] in screen.transcript.document.answer_text()
        assert screen.replay.steps == take.steps
        await pilot.press("n")
        assert "answer 2 of 2" in str(screen.head.content)
        await pilot.press("end")
        assert screen.transcript.document.answer_text() == WIDE_TOLD
        await pilot.press("p", "end")
        assert screen.transcript.document.answer_text() == STORY_TOLD


async def test_lanes_stand_side_by_side_with_their_places():
    async with showing([READY, *lap()], size=(140, 40)) as (screen, pilot):
        assert list(screen.panes) == ["ar", "draft", "sssd", "logitspec", "specbranch", "pld"]
        await pilot.press("greater_than_sign")
        clocks = [state.clock for state in screen.replay.lanes.values()]
        assert max(clocks) - min(clocks) < 25.0
        await pilot.press("end")
        texts = {pane.transcript.document.answer_text() for pane in screen.panes.values()}
        assert texts == {STORY_TOLD}
        assert not screen.metric_bar.display


async def test_a_replay_can_be_written_as_a_page(tmp_path, monkeypatch):
    monkeypatch.setattr("spectui.tui.exporting.exports", lambda: tmp_path)
    async with showing([READY, *lap()]) as (screen, pilot):
        await pilot.press("greater_than_sign", "ctrl+s")
        place = screen.replay.place
        (page,) = tmp_path.glob("page_*.html")
        assert page.read_text().count('<section class="lane">') == 6
        assert screen.replay.place == place


async def test_a_far_place_is_reached_while_keys_work(monkeypatch):
    monkeypatch.setattr("spectui.tui.screens.replay.READ_AT_ONCE", 5)
    async with showing(CONVERSATION) as (screen, pilot):
        await pilot.press("end")
        assert "reading … " in str(screen.head.content)
        await pilot.press("comma")
        assert screen._goal is None
        await pilot.press("end")
        for _ in range(20):
            await screen._tick()
        assert screen.replay.steps == screen.replay.take.steps


async def test_of_a_very_long_answer_the_last_steps_are_shown_and_all_are_counted(monkeypatch):
    monkeypatch.setattr("spectui.record.replay.WINDOW", 10)
    async with showing(CONVERSATION) as (screen, pilot):
        await pilot.press("end")
        assert "step 25 of 25 · without the first 16 ·" in str(screen.head.content)
        assert "89 tokens" in screen.transcript.document.blocks[-1][1].replace("\xa0", " ")
        assert unknown_words(str(screen.head.content).replace(STORY, "")) == []


async def test_a_damaged_step_is_told_and_the_rest_stays(tmp_path):
    writer = TraceWriter(tmp_path / "t.jsonl")
    for record in CONVERSATION:
        writer.write(record)
    writer.close()
    text = (tmp_path / "t.jsonl").read_text().split("\n")
    text[9] = text[9].replace('"fate":', '"fat":', 1)
    (tmp_path / "t.jsonl").write_text("\n".join(text))
    async with showing(Replay(TraceFile(tmp_path / "t.jsonl"))) as (screen, pilot):
        await pilot.press(*["full_stop"] * 8)
        assert any("t.jsonl, line 10" in str(one.message) for one in pilot.app._notifications)
        assert screen.replay.steps == 6
        await pilot.press("comma")
        assert screen.replay.steps == 5


async def test_any_keys_in_any_order_leave_a_true_picture():
    keys = [key for one in ACTIONS if one.place == "replay" for key in one.key.split(",")]
    keys = [key for key in keys if key not in ("escape", "ctrl+s", "f8")]
    chance = Random(7)
    async with showing([*CONVERSATION, *lap()]) as (screen, pilot):
        for _ in range(8):
            await pilot.press(*chance.choices(keys, k=12))
            screen.player.playing = False
            await pilot.pause()
            fresh = Replay([*CONVERSATION, *lap()])
            if screen.replay.place > screen.replay.take.begin:
                fresh.go_to(screen.replay.place)
            else:
                fresh.go_to_take(screen.replay.number)
            assert fresh.lanes.keys() == screen.replay.lanes.keys()
            for lane, state in fresh.lanes.items():
                assert state.meter.numbers == screen.replay.lanes[lane].meter.numbers
                assert state.step == screen.replay.lanes[lane].step


async def test_a_mode_that_is_not_known_is_shown_by_its_name():
    records = [READY, *answer("draft", STORY_TOLD, STORY)]
    records.insert(4, SwitchText("chat", Switch("medusa", 2)))
    async with showing(records) as (screen, pilot):
        await pilot.press("end")
        assert any("medusa" in p.display for q in screen.transcript.document.paragraphs for p in q.pieces)


@pytest.mark.parametrize("text", [t for t in HOSTILE if "\ud800" not in t])
async def test_nothing_hostile_in_a_trace_reaches_the_terminal(tmp_path, text):
    told = answer("draft", STORY_TOLD, STORY)
    lines = [json.dumps(line) for line in map(to_json, [READY, *told]) if line]
    for word in (" upon", STORY, "demo target", " so"):
        lines = [line.replace(json.dumps(word), json.dumps(text)) for line in lines]
    (tmp_path / "t.jsonl").write_text("\n".join(lines) + "\n")
    async with showing(Replay(TraceFile(tmp_path / "t.jsonl"))) as (screen, pilot):
        await pilot.press(*["full_stop"] * 3)
        shown = "".join(strip.text for strip in screen._compositor.render_strips())
        assert not FORBIDDEN & set(shown)


async def test_the_deepest_tree_and_the_most_branches_are_drawn():
    told = answer("specbranch", STORY_TOLD, STORY)
    record = next(r for r in told if isinstance(r, StepText) and r.step.branches)
    nodes = [Node(7, i - 1, Source("draft"), 0.5, "accepted" if i < 3 else "rejected" if i == 3 else "unreached")
             for i in range(MOST_NODES)]  # fmt: skip
    wide = [Node(7, -1, Source("prompt", n=3, count=10**15), None, "rejected") for _ in range(MOST_NODES)]
    deep = replace(record, step=record.step._replace(nodes=tuple(nodes), accepted=3), nodes=("x",) * MOST_NODES)
    flat = replace(deep, step=record.step._replace(nodes=tuple(wide), accepted=0, index=1))
    async with showing([READY, *told[:2], deep, flat]) as (screen, pilot):
        await pilot.press("full_stop", "f7", "full_stop", "comma")
        screen.step_pane.folds = False
        screen.step_pane.show(deep)
        screen.step_pane.show(flat)
        await pilot.pause()
        assert screen.replay.steps == 1


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60)])
async def test_it_fits_everywhere(size):
    async with showing(CONVERSATION, size) as (_, pilot):
        await pilot.press("full_stop", "f1", "escape", "f7", "end", "n", "space", "full_stop")


async def test_slow_motion_of_the_chat_plays_the_last_answer_with_everything_in_step(tmp_path, monkeypatch):
    monkeypatch.setattr("spectui.tui.exporting.exports", lambda: tmp_path / "exports")
    app = SpectuiApp(Settings(), lambda sink: PlayedSession())
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("alt+s")
        assert app.screen is app.chat, "nothing was asked"
        told = answer("draft", STORY_TOLD, STORY)
        app.chat.command = 1
        app.chat._set_empty(False)
        for record in [READY, Started(1, "answer"), *told, Finished(1, "answer")]:
            app.bridge.put(record)
        app.chat._tick()
        app.chat._tick()
        await pilot.press("alt+s")
        screen = app.screen
        assert isinstance(screen, ReplayScreen)
        assert (screen.player.speed, screen.player.playing) == (0.25, True)
        assert screen.replay.models == READY
        await pilot.press("alt+s")
        assert screen.player.speed == 0.05
        await pilot.press("s", "home", "full_stop", "full_stop", "comma")
        assert screen.by_steps
        assert [record.step.index for record in screen.tape._steps][-1] == 0
        assert str(screen.step_pane.content).startswith("step 0 ")
        assert screen.timeline.steps[-1].index == 0
        assert screen.transcript.document.steps(0) == 1
        await pilot.press("escape")
        assert app.screen is app.chat
        await pilot.press("ctrl+s")
        (page,) = tmp_path.rglob("page_*.html")
        assert STORY in page.read_text()
        assert list(tmp_path.rglob("*.md"))
    app.close()
