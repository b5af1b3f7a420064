"""The conversations that are kept, in the real app with the real demo pair, driven by keys."""

import tomllib
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest
from textual.widgets import Input

from spectui.config.paths import config_file, conversations_file, exports
from spectui.config.settings import Settings
from spectui.engine.values.options import Options, Sampling
from spectui.record.events import Cleared
from spectui.session.archive.archive import Archive
from spectui.session.session import Session
from spectui.tui.app import SpectuiApp
from spectui.tui.screens.conversations import ConversationsScreen
from spectui.tui.screens.dialogs import ChoiceScreen, LineScreen

from ..demo import DEMO, SETTINGS, shared
from ..hostile import FORBIDDEN, HOSTILE
from ..session.archive.told import READY, said
from .helpers import real_session, remember_notices, running, say, wait_until
from .test_chat_real import answer, ended, screen_text

HELLO, STORY = "Hello!", "Tell me a story about a shy dragon who wants to find a friend."


def fill(*talks):
    """Conversations as an earlier run has left them; the last is the latest."""
    archive = Archive(conversations_file(), pytest.fail)
    archive.start()
    archive.put(READY)
    for turns in talks:
        for before, (question, text) in enumerate(turns):
            for record in said(question, text, before):
                archive.put(record)
        archive.put(Cleared())
    assert archive.close(20)


FOX, BLUE, SORT = (
    [("Tell me of a fox.", "A fox lived in a wood."), ("And then?", "It slept.")],
    [("Why is the sky blue?", "Short waves are scattered more.")],
    [("Sort a list in Python.", "sorted(list)")],
)


@asynccontextmanager
async def listed(app, pilot):
    """The list, once it shows what there is."""
    await pilot.press("ctrl+o")
    await wait_until(pilot, lambda: isinstance(app.screen, ConversationsScreen))
    await shown(pilot, app.screen)
    yield app.screen


async def shown(pilot, screen):
    """The workers are through with the file."""
    await wait_until(pilot, lambda: screen.is_mounted and not screen.workers._workers)


def cut(screen):
    """Rows of the list, and its titles, that do not fit."""
    rows = [str(screen.titles.content), *(str(screen._row(one)).partition("\n")[0] for one in screen.found)]
    return [row for row in rows if len(row) > screen.rows.scrollable_content_region.width]


def names(screen):
    return [one.name for one in screen.found]


async def asked(app, pilot, question=HELLO):
    before = len(app.chat.ledger.asked)
    await say(pilot, question)
    await wait_until(pilot, lambda: len(app.chat.ledger.asked) > before)
    await ended(app, pilot)


async def again(app, pilot):
    """The last question has a second answer."""
    await wait_until(pilot, lambda: headings(app)[-1:] and headings(app)[-1].endswith("  2/2"))
    await ended(app, pilot)


def headings(app):
    return [words for kind, words in app.chat.transcript.document.blocks if kind == "heading"]


def questions(app):
    return [words for kind, words in app.chat.transcript.document.blocks if kind == "question"]


async def test_what_was_said_is_listed_searched_and_gone_on_with():
    fill(FOX, BLUE, SORT)
    async with running() as (app, pilot):
        async with listed(app, pilot) as screen:
            assert cut(screen) == []
            assert names(screen) == ["Sort a list in Python.", "Why is the sky blue?", "Tell me of a fox."]
            await pilot.press(*"slept")
            await wait_until(pilot, lambda: names(screen) == ["Tell me of a fox."])
            await shown(pilot, screen)
            assert "It slept" in screen_text(app)
            await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is app.chat and questions(app))
        assert questions(app) == ["Tell me of a fox.", "And then?"]
        assert answer(app) == "It slept."
        assert "this was with demo target" in " ".join(app.told)
        assert app.chat.ledger.numbers.emitted == 3
        await asked(app, pilot)
        now = app.archive.archived(app.archive.place[0])
        assert [turn.question for turn in now.turns] == ["Tell me of a fox.", "And then?", HELLO]
        assert now.turns[-1].text == answer(app)


async def test_old_answers_have_their_colours_and_steps():
    fill(FOX)
    async with running() as (app, pilot):
        app.chat.keeping.resume(None)
        await wait_until(pilot, lambda: questions(app))
        looks = {piece.look for paragraph in app.chat.transcript.document.paragraphs for piece in paragraph.pieces}
        assert {"accepted", "question", "heading"} <= looks
        await pilot.press("escape", "comma")
        assert app.chat.transcript.viewport.chosen is not None
        assert "draft" in str(app.chat.step_pane.render())
        answers = app.chat.transcript.document.answers
        assert [app.chat.transcript.document.answer_text(number) for number in range(answers)] == [
            "A fox lived in a wood.", "It slept.",
        ]  # fmt: skip


async def test_a_run_goes_on_where_the_last_one_ended():
    async with running() as (app, pilot):
        await asked(app, pilot, STORY)
        before = app.chat.transcript.document.blocks
    app = SpectuiApp(SETTINGS, real_session(SETTINGS), resume=app.archive.archived().id)
    remember_notices(app)
    try:
        async with app.run_test(size=(120, 36)) as pilot:
            await wait_until(pilot, lambda: app.chat.ready is not None and questions(app))
            assert app.chat.transcript.document.blocks[1:] == before[1:], "all but the head, which has a date"
            await pilot.press("ctrl+r")
            await again(app, pilot)
    finally:
        app.close()


async def test_rename_and_delete_ask_first():
    fill(FOX, BLUE)
    async with running() as (app, pilot), listed(app, pilot) as screen:
        await pilot.press("down", "r")
        await wait_until(pilot, lambda: isinstance(app.screen, LineScreen))
        app.screen.query_one(Input).value = "Light\x1b[2J"
        await pilot.press("enter")
        await wait_until(pilot, lambda: names(screen)[:1] == ["Light␛[2J"])
        await pilot.press("d")
        await wait_until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.screen is screen)
        await shown(pilot, screen)
        assert len(names(screen)) == 2, "keeping it is what enter gives"
        await pilot.press("d")
        await wait_until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: names(screen) == ["Tell me of a fox."])
        await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)
        assert app.chat.empty


async def test_who_deletes_what_is_open_begins_anew():
    async with running() as (app, pilot):
        await asked(app, pilot)
        async with listed(app, pilot) as screen:
            await pilot.press("down")
            assert "● Hello!" in screen_text(app)
            await pilot.press("d")
            await wait_until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
            await pilot.press("down", "enter")
            await wait_until(pilot, lambda: not names(screen))
            await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat and app.chat.empty)
        await asked(app, pilot)
        assert len(app.archive.archived(app.archive.place[0]).turns) == 1


@pytest.mark.parametrize(("form", "suffix", "inside"), [(0, "md", "**You:** Tell me"), (1, "html", "<p>It slept.</p>"),
                                                        (2, "jsonl", '"type":"summary"')])  # fmt: skip
async def test_a_conversation_is_exported(form, suffix, inside):
    fill(FOX)
    async with running() as (app, pilot), listed(app, pilot):
        await pilot.press("down", "e")
        await wait_until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
        await pilot.press(*["down"] * form, "enter")
        await wait_until(pilot, lambda: any(exports().glob(f"*.{suffix}")))
        [file] = exports().glob(f"Tell-me-of-a-fox.*.{suffix}")
        assert inside in file.read_text("utf-8")


async def test_an_earlier_question_is_asked_anew_and_both_branches_stay():
    async with running() as (app, pilot):
        await asked(app, pilot, "My name is Greta.")
        await asked(app, pilot)
        first = questions(app)
        app.chat.transcript.focus()
        app.chat.transcript.viewport.chosen = (0, 0)
        await pilot.press("e")
        assert app.chat.prompt.text == "My name is Greta."
        await pilot.press("escape")
        assert (app.chat.prompt.text, app.chat.keeping.editing) == ("", None)
        app.chat.transcript.focus()
        app.chat.transcript.viewport.chosen = (0, 0)
        await pilot.press("e")
        app.chat.prompt.text = "My name is Otto."
        await pilot.press("enter")
        await wait_until(pilot, lambda: headings(app) == ["Draft model  2/2"])
        await ended(app, pilot)
        await asked(app, pilot, "What is my name?")
        assert "Otto" in answer(app)
        app.chat.transcript.focus()
        app.chat.transcript.viewport.chosen = (0, 0)
        await pilot.press("left")
        await wait_until(pilot, lambda: questions(app) == first)
        assert "Draft model  1/2" in screen_text(app)
        await pilot.press("escape")
        await asked(app, pilot, "What is my name?")
        assert "Greta" in answer(app), "the models know the branch that is shown"


async def test_another_answer_is_kept_beside_the_first():
    settings = replace(SETTINGS, decoding=replace(SETTINGS.decoding, options=Options(Sampling(1.0), max_new_tokens=40)))
    async with running(settings) as (app, pilot):
        await asked(app, pilot, STORY)
        first = answer(app)
        await pilot.press("alt+r")
        await again(app, pilot)
        second = answer(app)
        assert first != second
        assert app.session.options.sampling.seed == 1
        assert "Draft model  2/2" in screen_text(app)
        app.chat.transcript.focus()
        await pilot.press("right")
        await wait_until(pilot, lambda: any("no other answer" in told for told in app.told))
        await pilot.press("left")
        await wait_until(pilot, lambda: answer(app) == first)
        assert "Draft model  1/2" in screen_text(app)
        await pilot.press("right")
        await wait_until(pilot, lambda: answer(app) == second)
        assert questions(app) == [STORY]


async def test_at_temperature_0_another_seed_is_of_no_use():
    async with running() as (app, pilot):
        await asked(app, pilot)
        await pilot.press("alt+r")
        assert any("every seed gives the same answer" in told for told in app.told)
        assert not app.chat.busy


async def test_other_answers_are_there_without_saving_too():
    async with running(SETTINGS.with_flags("ui", save_conversations=False)) as (app, pilot):
        await asked(app, pilot)
        await pilot.press("f2", "ctrl+r")
        await again(app, pilot)
        app.chat.transcript.focus()
        await pilot.press("left")
        await wait_until(pilot, lambda: "Draft model  1/2" in screen_text(app))
        assert "not saved" in screen_text(app)
        async with listed(app, pilot) as screen:
            assert names(screen) == [HELLO]
            assert "gone when you leave" in screen_text(app)


async def test_a_late_key_neither_closes_what_is_on_top_nor_locks_the_list():
    async with running() as (app, pilot):
        await asked(app, pilot)
        async with listed(app, pilot) as screen:
            await pilot.press("down", "d")
            await wait_until(pilot, lambda: isinstance(app.screen, ChoiceScreen))
            question = app.screen
            screen.action_leave()  # an escape that was on its way
            await pilot.pause()
            assert app.screen is question
            await pilot.press("escape")
            await wait_until(pilot, lambda: app.screen is screen)
            await pilot.press("escape")
        await wait_until(pilot, lambda: app.screen is app.chat)


async def test_texts_in_the_list_do_nothing():
    fill(*([(text.strip(), text)] for text in HOSTILE if "\ud800" not in text))
    async with running(size=(80, 24)) as (app, pilot), listed(app, pilot) as screen:
        assert len(screen.found) == len(HOSTILE) - 1
        for _ in range(3):
            await pilot.press("down")
            assert not FORBIDDEN & set(screen_text(app).replace("\n", ""))


async def test_without_conversations_the_list_says_so():
    async with running() as (app, pilot), listed(app, pilot) as screen:
        await pilot.press("enter", "down", "d", "r", "e")
        assert app.screen is screen
        assert "0 conversations" in screen_text(app)


async def test_of_a_huge_conversation_the_last_answers_have_their_steps(monkeypatch):
    monkeypatch.setattr("spectui.tui.retelling.MOST_STEPS_TOLD", 60)
    fill([(f"Question {number}?", f"Answer {number}, " + "and so on " * 8) for number in range(12)])
    async with running() as (app, pilot):
        app.chat.keeping.resume(None)
        await wait_until(pilot, lambda: len(questions(app)) == 12)
        document = app.chat.transcript.document
        told = [document.answer_text(number) for number in range(12)]
        assert [text.startswith(f"Answer {number}, and so on and") for number, text in enumerate(told)] == [True] * 12
        steps = [document.steps(number) > 0 for number in range(12)]
        assert steps == sorted(steps)
        assert 0 < sum(steps) < 4
        await asked(app, pilot)
        assert app.archive.archived(app.archive.place[0]).turns[-1].question == HELLO


async def test_an_answer_that_a_kill_has_cut_says_so():
    archive = Archive(conversations_file(), pytest.fail)
    archive.start()
    for record in [READY, *said("Tell me of a fox.", "A fox lived in a wood, and then it slept.")[:4]]:
        archive.put(record)
    archive.write(lambda _: None)
    async with running() as (app, pilot):
        app.chat.keeping.resume(None)
        await wait_until(pilot, lambda: "the program ended in the middle of this answer" in screen_text(app))
        assert "A fox" in answer(app)
        await asked(app, pilot, "And then?")
        assert len(app.archive.archived(app.archive.place[0]).turns) == 2
    archive.close(20)


def learning(settings):
    def make(sink):
        return Session(settings.model, settings.options, None, sink, store=settings.store(), loader=shared)

    return make


@pytest.mark.parametrize(("key", "learns"), [("alt+y", True), ("alt+n", False)])
async def test_whether_answers_may_be_learnt_is_asked_once(key, learns):
    settings = Settings(model=DEMO)
    config_file().parent.mkdir(parents=True)
    config_file().write_text("# mine\n[ui]\nview = 'trace'\n")
    async with running(settings, learning(settings)) as (app, pilot):
        store = app.session._half.loaded.store
        await asked(app, pilot)
        assert not store.learns, "nothing before somebody has said so"
        await wait_until(pilot, lambda: "Learn from answers" in screen_text(app))
        assert "answers are not learnt" in screen_text(app)
        await pilot.press(key)
        assert "Learn from answers" not in screen_text(app)
        await wait_until(pilot, lambda: store.learns == learns)
        await pilot.press(key)
        assert len([told for told in app.told if "datastore.learn" in told]) == 1
    written = config_file().read_text()
    assert written.startswith("# mine\n[ui]\nview = 'trace'\n")
    assert tomllib.loads(written)["datastore"] == {"learn": learns}


async def test_a_speedup_that_was_measured_is_listed():
    async with running() as (app, pilot):
        await asked(app, pilot, STORY)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is not None and not app.chat.busy)
        speedup = app.chat.ledger.speedup
        app.archive.place  # noqa: B018 (all that was put is in the file then)
        [one] = app.archive.newest()[0]
        assert one.speedup == (None if speedup.doubt else pytest.approx(speedup.value))
