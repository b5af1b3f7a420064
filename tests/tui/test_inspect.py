"""The inspector: driven by keys, on a live answer and on a replay."""

import re
from dataclasses import replace
from pathlib import Path

import pytest

from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.record.events import EndText, Finished, Started
from spectui.tui.app import SpectuiApp
from spectui.tui.screens.inspect import InspectScreen

from ..demo import SETTINGS
from .helpers import remember_notices, wait_until
from .played import READY, STORY, STORY_TOLD, PlayedSession, answer, inspected, refused
from .test_look import answered
from .test_replay import CONVERSATION, showing


def said(screen):
    """All that the inspector says."""
    parts = (
        screen.head,
        screen.draft_tree.lines,
        screen.facts,
        screen.passage,
        screen.sentence,
        screen.cost,
        screen.bars,
    )
    return "\n".join(str(part.content) for part in parts)


async def test_enter_opens_the_chosen_step_and_arrows_walk_its_tree():
    async with answered() as (app, pilot):
        await pilot.press("escape", "comma", "comma", "enter")
        screen = app.screen
        assert isinstance(screen, InspectScreen)
        record = screen.record
        assert f"step {record.step.index} ·" in said(screen)
        assert screen.draft_tree.node == -2, "where the walk ended"
        await pilot.press(*["up"] * 30)
        assert screen.draft_tree.chosen == 0
        await pilot.press("right", "left", "down", "down")
        assert screen.draft_tree.chosen == 2
        await pilot.press("comma")
        assert screen.record.step.index == record.step.index - 1
        await pilot.press("full_stop", "escape")
        assert app.screen is app.chat


async def test_a_record_without_the_targets_choices_says_how_to_get_them():
    async with answered() as (app, pilot):
        await pilot.press("escape", "enter")
        screen = app.screen
        assert "t answers again and records it" in said(screen)
        await pilot.press("t")
        assert app.session.options.inspect
        command = app.chat.command
        assert command is not None
        records = inspected(answer("draft", STORY_TOLD, STORY))
        app.chat.apply([Started(command, "answer"), *records, Finished(command, "answer")])
        await wait_until(pilot, lambda: "70.0 %" in said(screen))
        assert '" instead"' in said(screen)
        assert screen.record.step.target_top is not None


async def test_a_live_answer_is_held_and_goes_on_step_by_step():
    app = SpectuiApp(SETTINGS, lambda sink: PlayedSession())
    remember_notices(app)
    async with app.run_test(size=(80, 24)) as pilot:
        app.chat.apply([READY])
        app.chat._send(STORY)
        await wait_until(pilot, lambda: app.chat.command is not None)
        told = answer("draft", STORY_TOLD, STORY)
        app.chat.apply([Started(app.chat.command, "answer"), *told[:6]])
        app.chat.transcript.focus()
        await pilot.press("enter")
        screen = app.screen
        assert "▶ live" in said(screen)
        await pilot.press("space")
        assert "‖ held" in said(screen)
        assert app.session.held == 0
        await pilot.press("full_stop")
        assert app.session.held == 1, "one step more"
        app.chat.apply(told[6:7])
        await wait_until(pilot, lambda: screen.record is told[6])
        await pilot.press("escape")
        assert app.session.held is None, "leaving lets it go on"
        app.chat.apply([*told[7:-1], EndText("chat", told[-1].end)])


async def test_a_replayed_step_is_inspected_too():
    async with showing(inspected(CONVERSATION)) as (_, pilot):
        await pilot.press("full_stop", "full_stop", "full_stop", "enter")
        screen = pilot.app.screen
        assert isinstance(screen, InspectScreen)
        assert screen.record.step.index == 2
        assert "The target's choices here" in said(screen)
        await pilot.press("t", "space", "escape")


@pytest.mark.parametrize("size", [(40, 10), (80, 24), (200, 60)])
async def test_it_fits_everywhere(size):
    async with showing(inspected(CONVERSATION), size) as (_, pilot):
        await pilot.press("end", "enter", "up", "down", "comma", "f1", "escape", "escape")


async def test_five_questions_are_answered_in_three_keys_as_the_docs_say():
    """docs/guide/teaching.md: the keys stand there as they are pressed here."""
    page = (Path(__file__).parents[2] / "docs/guide/teaching.md").read_text("utf-8")
    rows = {question: keys.replace("`", "").replace("↑", "up").replace("esc", "escape").split()
            for question, keys in re.findall(r"^\| ([A-Z][^|]*\?) \| ([^|]*) \|", page, re.M)}  # fmt: skip
    assert len(rows) == 5
    assert all(len(keys) <= 3 for keys in rows.values())
    answers = {
        "Which token was rejected, and why?": r"Why it ended: .*the target chose .* instead of ",
        "What did the target want?": r"The target's choices here.*\n▸[^\n]* 70\.0 %",
        "Where does this draft come from?": r"The draft model wrote it",
        "What did this step cost?": r"draft .* ms for \d+ tokens?; plain ≈ .* (won|lost)",
        "Why is the text the same?": r"log p noise .*The highest sum is taken\. The noise here is the same",
    }
    for question, wanted in answers.items():
        async with answered(told=refused(answer("draft", STORY_TOLD, STORY))) as (app, pilot):
            await pilot.press(*rows[question])
            if "t" in rows[question]:
                told = inspected(refused(answer("draft", STORY_TOLD, STORY)), noise="same" in question)
                app.chat.apply([Started(app.chat.command, "answer"), *told, Finished(app.chat.command, "answer")])
                await wait_until(pilot, lambda: app.screen.record is not None and "70.0 %" in said(app.screen), 20)
            assert re.search(wanted, said(app.screen), re.S), question


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [("draft", "The draft model wrote it"), ("pld", "Copied: "), ("logitspec", "Guessed: it had rank")],
)
async def test_where_a_draft_comes_from_is_said_of_every_kind_of_draft(mode, wanted):
    async with answered(told=refused(answer(mode, STORY_TOLD, STORY))) as (app, pilot):
        await pilot.press("escape", "enter", *["up"] * 9)
        assert wanted in said(app.screen)


async def test_drawing_without_noise_is_told_as_such():
    drawn = Options(Sampling(temperature=0.8), Speculation(rule="classic"))
    turn, *rest = inspected(refused(answer("draft", STORY_TOLD, STORY)))
    async with answered(told=[replace(turn, turn=replace(turn.turn, options=drawn)), *rest]) as (app, pilot):
        await pilot.press("escape", "enter")
        assert "Drawn at random by the classic rule" in said(app.screen)
