"""What meets the eye: what stands still, what can be told apart, what covers what."""

from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.widgets._toast import Toast

from spectui.present.answer_line import answer_line
from spectui.record.events import Finished, Started
from spectui.record.metrics import Meter, Numbers
from spectui.tui.app import SpectuiApp
from spectui.tui.mode_keys import MODE_KEYS
from spectui.tui.widgets.keys import Keys
from spectui.tui.widgets.mode_bar import NEXT_STEP, NOT_DRAFTING, Pill
from spectui.tui.widgets.step_pane import StepPane
from spectui.tui.widgets.timeline import rows as rows_of_time

from ..demo import SETTINGS
from .helpers import remember_notices, running, wait_until
from .played import READY, STORY, STORY_TOLD, PlayedSession, answer, steps, words_of
from .records import chain
from .stage import on_stage
from .stage import rows as painted
from .test_chat_real import screen_text


@asynccontextmanager
async def answered(size=(120, 36), mode="draft", told=None):
    """The chat with an answer that was played."""
    app = SpectuiApp(SETTINGS, lambda sink: PlayedSession())
    remember_notices(app)
    async with app.run_test(size=size, notifications=True) as pilot:
        app.chat.apply([READY])
        assert app.chat._send(STORY)
        await wait_until(pilot, lambda: app.chat.command is not None)
        command = app.chat.command
        app.chat.apply(
            [Started(command, "answer"), *(told or answer(mode, STORY_TOLD, STORY)), Finished(command, "answer")]
        )
        await wait_until(pilot, lambda: not app.chat.answering and app.chat._news is None)
        await pilot.pause()
        yield app, pilot


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (140, 36), (200, 50)])
async def test_the_mode_bar_never_moves(size):
    async with answered(size) as (app, pilot):
        places = {pill.mode.name: pill.region for pill in app.chat.mode_bar.query(Pill)}
        bar = app.chat.mode_bar
        for show in (
            lambda: bar.show_idle("no match in this chat or the datastore"),
            lambda: bar.show("sssd", waiting=True),
            lambda: bar.show("pld"),
            lambda: bar.show("draft"),
        ):
            show()
            await pilot.pause()
            assert {pill.mode.name: pill.region for pill in bar.query(Pill)} == places
        assert max(region.right for region in places.values()) <= size[0]


async def test_the_mode_bar_says_its_state_in_words_where_there_is_room():
    async with answered((140, 36)) as (app, pilot):
        app.chat.mode_bar.show_idle("no match")
        await pilot.pause()
        assert NOT_DRAFTING in screen_text(app)
        app.chat.mode_bar.show("ar", waiting=True)
        await pilot.pause()
        assert NEXT_STEP in screen_text(app)
        assert NOT_DRAFTING not in screen_text(app)


@pytest.mark.parametrize("size", [(50, 20), (80, 24)])
async def test_the_step_pane_lies_over_the_text_where_there_is_no_room_beside_it(size):
    async with answered(size) as (app, pilot):
        width = app.chat.transcript.size.width
        assert not app.chat.step_pane.display
        await pilot.press("ctrl+b")
        await pilot.pause()
        assert app.chat.step_pane.display
        assert "check" in screen_text(app)
        assert app.chat.transcript.size.width == width
        assert app.chat.step_pane.region.right == size[0]
        await pilot.press("ctrl+b")
        await pilot.pause()
        assert not app.chat.step_pane.display


async def test_what_was_rejected_stands_struck_before_its_correction():
    async with answered() as (app, _pilot):
        assert app.chat.transcript.view == "colour"
        document = app.chat.transcript.document
        pieces = [piece for paragraph in document.paragraphs for piece in paragraph.pieces if piece.level < 2]
        looks = [(piece.look, piece.step) for piece in pieces if piece.step >= 0]
        struck = [at for at, (look, _) in enumerate(looks) if look == "rejected"]
        assert len(struck) > 5
        behind = [(looks[at][1], looks[at + 1]) for at in struck]
        assert all(look == "correction" for step, (look, other) in behind if other == step)
        assert document.answer_text() == STORY_TOLD, "copying leaves it out"


async def test_draft_and_target_have_two_colours_on_the_timeline():
    worked = [record.step for record in steps("specbranch", words_of(STORY_TOLD))]
    draft, target = ({look for text, look in row if "█" in text} for row in rows_of_time(worked, 80))
    assert draft.isdisjoint(target)


async def test_where_the_focus_is_can_be_seen():
    async with answered() as (app, pilot):
        main = app.chat.query_one("#main")

        def edges():
            return app.chat.prompt.styles.border_left[0], main.styles.border_left[0]

        app.chat.prompt.focus()
        await pilot.pause()
        assert edges() == ("outer", "blank")
        await pilot.press("escape")
        await pilot.pause()
        assert edges() == ("blank", "outer")


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_notices_do_not_cover_the_numbers(size):
    async with answered(size) as (app, pilot):
        app.notify("one\ntwo", timeout=60)
        app.notify("three", timeout=60)
        await wait_until(pilot, lambda: len(app.screen.query(Toast)) >= 2)
        await pilot.pause()
        for toast in app.screen.query(Toast):
            for bar in (app.chat.metric_bar, app.chat.why_bar, app.chat.timeline, app.chat.prompt):
                assert not toast.region.overlaps(bar.region)


async def test_the_empty_screen_explains_the_colours_and_a_conversation_does_not():
    async with running(SETTINGS, lambda sink: PlayedSession(), (80, 24), ready=False) as (app, pilot):
        await pilot.pause()
        text = screen_text(app)
        assert "accepted: drafted, and the target agreed" in text
        assert "replaced by the target's correction" in text
    async with answered() as (app, _pilot):
        assert "the target agreed" not in screen_text(app)


async def test_times_stand_at_the_top_of_the_step_pane():
    pane = StepPane(markup=False)
    async with on_stage(pane, size=(36, 20)) as pilot:
        pane.styles.height = 20
        await pilot.pause()
        pane.show(chain(3, [" a", " b"], [" x", " y"], " c"), pinned=True)
        await pilot.pause()
        lines = painted(pane)
        assert lines[0] == "step 3  8.50 ms  pinned"
        assert lines[1].split() == ["draft", "0.30", "check", "7.90"]
        assert any('x " x" 50 % (+1)' in line for line in lines), "what was lost is folded"
        pane.folds = False
        pane.show(chain(3, [" a", " b"], [" x", " y"], " c"))
        await pilot.pause()
        assert any('. " y"' in line for line in painted(pane))


async def test_mode_keys_mean_the_same_in_the_race():
    async with answered() as (app, pilot):
        await pilot.press("ctrl+g")
        await wait_until(pilot, lambda: app.race is not None and app.race.is_mounted)
        await pilot.press(MODE_KEYS["sssd"])
        await wait_until(pilot, lambda: app.session.mode == "sssd")
        assert app.screen is app.race
        assert any("the chat goes on with SSSD" in words for words in app.told)


async def test_why_it_is_fast_stands_in_one_line_and_slow_is_red():
    async with answered((80, 24)) as (app, pilot):
        assert "→ 3.5 tokens;  plain ≈ 3.5 × 7.4 ms:  ≈ ×2.83" in screen_text(app)
        fast = app.chat.why_bar.render_line(0)
        app.chat.ready = replace(READY, plain_ms=2.0)
        app.chat._show_numbers()
        await pilot.pause()
        slow = app.chat.why_bar.render_line(0)
        assert "≈ ×0.76" in slow.text
        colours = [next(s.style.color for s in strip if "×" in s.text and "≈ ×" in s.text) for strip in (fast, slow)]
        assert colours[0] != colours[1]


def meter():
    made = Meter()
    made.numbers = Numbers(emitted=489, steps=150, drafted=534, accepted=369, decode_ms=9_999.0, ttft_ms=1234.0)
    return made


@pytest.mark.parametrize("room", [30, 50, 75, 110])
def test_the_line_under_an_answer_has_no_torn_number(room):
    line = answer_line(meter(), "stopped").within(room)
    assert "(" not in line or "69\xa0%)" in line
    assert line.endswith("stopped")
    assert all(" " not in part for part in line.split(" · ")), "a part never breaks"
    assert len(line) <= max(room, 70)


async def test_the_line_under_an_answer_fits_a_terminal_of_80():
    async with answered((80, 24)) as (app, _pilot):
        notes = [p for p in app.chat.transcript.document.paragraphs if p.kind == "note" and p.level == 0]
        assert (
            len(app.chat.transcript.viewport.flow(app.chat.transcript.document.paragraphs.index(notes[-1])).starts) == 1
        )


@pytest.mark.parametrize("width", [50, 72, 80])
async def test_no_key_in_the_last_row_is_cut_and_a_wider_screen_has_more(width):
    async with answered((width, 24)) as (app, pilot):
        app.chat.transcript.focus()
        await pilot.pause()
        footer = app.screen.query_one(Keys)
        await wait_until(pilot, lambda: any(key.action == "screen.inspect" or width < 60 for key in footer.children))
        assert footer.children[-1].region.right <= width
        before = len(footer.children)
        await pilot.resize_terminal(200, 24)
        await wait_until(pilot, lambda: len(footer.children) > before)


@pytest.mark.parametrize("size", [(80, 24), (120, 36), (200, 50)])
async def test_what_an_action_does_stands_beside_its_key_in_the_help(size):
    async with answered(size) as (app, pilot):
        await pilot.press("f1")
        await pilot.pause()
        page = app.screen.query_one("#help Static")
        lines = str(page.render()).splitlines()
        tasks = lines[lines.index("Ask") : lines.index("Words")]
        assert max(map(len, tasks)) <= page.size.width, "a line is broken at another place"


async def test_a_command_takes_one_row_of_the_list_on_a_narrow_screen():
    async with answered((60, 24)) as (app, pilot):
        await pilot.press("slash")
        await pilot.pause()
        shown = app.chat.completion
        assert shown.display
        assert shown.virtual_size.height == shown.option_count


async def test_the_palette_offers_what_can_be_done_now(tmp_path):
    (tmp_path / "notes.txt").write_text("one line", "utf-8")
    async with answered() as (app, _pilot):
        titles = {command.title for command in app.get_system_commands(app.screen)}
        assert {"Rerun", "Race", "Settings"} <= titles
        assert titles.isdisjoint({"Detach", "Maximize", "Minimize"})
        app.chat.attached.add(str(tmp_path / "notes.txt"))
        assert "Detach" in {command.title for command in app.get_system_commands(app.screen)}


async def test_the_step_pane_comes_back_with_the_latest_step():
    async with answered((120, 36)) as (app, pilot):
        shown = str(app.chat.step_pane.content)
        await pilot.resize_terminal(60, 20)
        await pilot.pause()
        app.chat._show_step(next(record for record in app.chat.ledger.steps.values() if record.step.index == 2))
        await pilot.pause()
        await pilot.resize_terminal(120, 36)
        await wait_until(pilot, lambda: str(app.chat.step_pane.content) != shown)
        assert str(app.chat.step_pane.content).startswith("step 2 ")
