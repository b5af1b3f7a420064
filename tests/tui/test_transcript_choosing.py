"""The transcript on a terminal: choosing steps, selecting and copying text."""

from textual.geometry import Offset
from textual.selection import Selection

from spectui.tui.widgets.transcript import Transcript

from .conversations import conversation
from .records import chain, first, random_steps, step, text_of
from .stage import on_stage, rows, segments


async def test_a_click_chooses_the_step_of_its_token():
    transcript = Transcript()
    async with on_stage(transcript, (40, 6)) as pilot:
        transcript.document.begin_answer("Draft model")
        transcript.document.add_first(first("One"))
        transcript.document.add_step(chain(0, [" two"], [], " three"))
        transcript.document.add_step(chain(1, [], [" x"], " four"))
        await pilot.pause()
        await pilot.click(transcript, offset=(9, 1))
        assert transcript.viewport.chosen == (0, 0)
        await pilot.click(transcript, offset=(17, 1))
        assert transcript.viewport.chosen == (0, 1)
        await pilot.click(transcript, offset=(3, 1))
        await pilot.click(transcript, offset=(30, 1))
        await pilot.click(transcript, offset=(3, 0))
        assert transcript.viewport.chosen == (0, 1)
        chosen = [(m.answer, m.step) for m in pilot.app.heard if isinstance(m, Transcript.StepSelected)]
        assert chosen == [(0, 0), (0, 1)]
        ground = {s.text: s.style.bgcolor.name for s in segments(transcript) if s.style and s.style.bgcolor}
        assert ground[" four"] != ground[" two"] == ground["One"]


async def test_keys_choose_the_neighbouring_step_and_show_it():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        conversation(transcript, 60)
        transcript.focus()
        await pilot.press("comma")
        assert transcript.viewport.chosen == (0, 59)
        transcript.action_step(-49)
        assert transcript.viewport.chosen == (0, 10)
        await pilot.press("comma")
        assert transcript.viewport.chosen == (0, 9)
        place = transcript.viewport.place_of(0, 9)
        assert place in [line.place for line in transcript.viewport.lines]
        await pilot.press("full_stop")
        assert transcript.viewport.chosen == (0, 10)


async def test_stepping_without_an_answer_does_nothing():
    transcript = Transcript()
    async with on_stage(transcript) as pilot:
        transcript.focus()
        await pilot.press("comma", "full_stop")
        transcript.document.begin_answer("Draft model")
        await pilot.press("comma")
        assert transcript.viewport.chosen is None


async def test_dragging_the_mouse_selects_text_across_rows():
    transcript = Transcript()
    async with on_stage(transcript, (22, 8)) as pilot:
        transcript.document.begin_answer("Draft model")
        transcript.document.add_step(step(0, [], [("one two three four five\nsix\n\nseven", "target")]))
        await pilot.pause()
        assert rows(transcript)[:6] == ["● Draft model", "  one two three four", "  five", "  six", "", "  seven"]
        await pilot.mouse_down(transcript, offset=(6, 1))
        await pilot.hover(transcript, offset=(4, 5))
        await pilot.mouse_up(transcript, offset=(4, 5))
        assert pilot.app.screen.get_selected_text() == "two three four five\nsix\n\nsev"
        transcript.action_copy()
        assert pilot.app.clipboard == pilot.app.screen.get_selected_text()


async def test_dragging_from_the_margin_selects_from_the_row_s_first_character():
    transcript = Transcript()
    async with on_stage(transcript, (22, 8)) as pilot:
        transcript.document.begin_answer("Draft model")
        transcript.document.add_step(step(0, [], [("one two three four five\nsix", "target")]))
        await pilot.pause()
        await pilot.mouse_down(transcript, offset=(0, 2))
        await pilot.hover(transcript, offset=(18, 3))
        await pilot.mouse_up(transcript, offset=(18, 3))
        assert pilot.app.screen.get_selected_text() == "five\nsix"


async def test_a_selection_is_visible_and_goes_away():
    transcript = Transcript()
    async with on_stage(transcript, (40, 4)) as pilot:
        transcript.document.begin_answer("Draft model")
        transcript.document.add_step(step(0, [], [("one two three", "target")]))
        await pilot.pause()
        before = segments(transcript)
        pilot.app.screen.selections = {transcript: Selection(Offset(4, 1), Offset(7, 1))}
        await pilot.pause()
        lit = next(s.style for s in segments(transcript) if s.text == "two")
        assert lit != next(s.style for s in before if "two" in s.text)
        pilot.app.screen.clear_selection()
        await pilot.pause()
        assert segments(transcript) == before


async def test_copying_without_a_selection_takes_the_last_answer():
    transcript = Transcript()
    async with on_stage(transcript) as pilot:
        transcript.action_copy()
        assert pilot.app.clipboard == ""
        conversation(transcript, 5)
        transcript.action_copy()
        assert pilot.app.clipboard == "Well" + text_of(random_steps(5))
