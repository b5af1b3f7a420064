"""The real app with the real demo pair, driven by keys."""

import asyncio
from time import perf_counter

import pytest
from textual.events import Key

from spectui.config.settings import Settings
from spectui.session.conversation import load_models
from spectui.tui.mode_keys import MODE_KEYS
from spectui.tui.widgets.mode_bar import NOT_DRAFTING, Pill

from ..demo import DEMO, SETTINGS
from .helpers import real_session, running, say, wait_until, write
from .test_measurement import answer as answer_records

STORY = "Tell me a story about a shy dragon who wants to find a friend."


def answer(app):
    return app.chat.transcript.document.answer_text()


def screen_text(app):
    return "\n".join("".join(segment.text for segment in strip) for strip in app.screen._compositor.render_strips())


def untied(app):
    """The same with spaces that break."""
    return screen_text(app).replace("\xa0", " ")


async def ended(app, pilot):
    await wait_until(pilot, lambda: app.chat.ledger.numbers.emitted > 0 and not app.session.busy)
    await wait_until(pilot, lambda: not app.chat.answering)


@pytest.mark.oldest
async def test_type_stream_and_read_the_numbers():
    async with running() as (app, pilot):
        await write(pilot, "What is speculative decoding?")
        await ended(app, pilot)
        assert answer(app).startswith("Speculative decoding lets a cheap drafter")
        await pilot.pause(0.2)
        text = screen_text(app)
        assert "tokens per step" in text
        assert "Draft model" in text
        numbers = app.chat.ledger.numbers
        assert numbers.accepted > 10
        assert numbers.tokens_per_second > 0


async def test_an_answer_that_streams_moves_nothing_else():
    async with running() as (app, pilot):
        app.session.pause = 0.03
        await say(pilot, STORY)
        await wait_until(pilot, lambda: app.chat.answering)
        height = app.chat.timeline.size.height
        assert height == 2, "room for its rows is there before they are drawn"
        moved = set()
        refresh = app.chat._refresh_layout

        def watched(*given, **named):
            moved.update(app.chat._layout_widgets)
            refresh(*given, **named)

        app.chat._refresh_layout = watched
        await ended(app, pilot)
        assert not moved
        assert app.chat.timeline.size.height == height


async def test_a_switch_in_mid_answer_leaves_a_seam_and_the_same_text():
    async with running() as (app, pilot):
        await say(pilot, STORY)
        await ended(app, pilot)
        whole = answer(app)
        app.session.pause = 0.05
        await pilot.press("f2", "ctrl+r")
        await wait_until(pilot, lambda: app.chat.answering and app.chat.ledger.numbers.steps >= 1)
        await pilot.press("f3")
        await wait_until(pilot, lambda: app.chat.mode_bar.current == "draft" and not app.chat.mode_bar.waiting)
        await ended(app, pilot)
        assert answer(app) == whole
        modes = {record.step.mode for record in app.chat.ledger.steps.values()}
        assert modes == {"ar", "draft"}
        transcript = "".join(paragraph.source for paragraph in app.chat.transcript.document.paragraphs)
        assert transcript.count("Autoregressive") == 1, "the answer began there"
        assert "⇢ Draft model" in screen_text(app)


async def test_stop_keeps_the_text_and_the_next_question_works():
    async with running() as (app, pilot):
        await pilot.press("f2")
        await wait_until(pilot, lambda: app.session.mode == "ar")
        app.session.pause = 0.1
        await say(pilot, STORY)
        await wait_until(pilot, lambda: len(answer(app)) > 10)
        await pilot.press("escape")
        await ended(app, pilot)
        kept = answer(app)
        assert kept
        await wait_until(pilot, lambda: "stopped" in screen_text(app))
        await say(pilot, "Hello!")
        await wait_until(pilot, lambda: app.chat.transcript.document.answers == 2)
        await ended(app, pilot)
        assert "Once upon" in kept


async def test_rerun_replaces_the_answer():
    async with running() as (app, pilot):
        await say(pilot, "Who are you?")
        await ended(app, pilot)
        first = answer(app)
        await pilot.press("ctrl+r")
        await wait_until(pilot, lambda: app.session.busy or answer(app) == first)
        await ended(app, pilot)
        assert answer(app) == first
        assert app.chat.transcript.document.answers == 1


async def test_the_baseline_gives_a_measured_speedup_and_can_be_stopped():
    async with running() as (app, pilot):
        await say(pilot, "What is speculative decoding?")
        await ended(app, pilot)
        assert app.chat.ledger.speedup is None
        assert "speed-up: press f9" in screen_text(app)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is not None)
        assert app.chat.ledger.speedup.value > 0
        await wait_until(pilot, lambda: "× plain" in screen_text(app))
        await pilot.press("f2")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is None)
        await pilot.press("f3")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is not None)
        await pilot.press("f9")
        await pilot.press("escape")
        await wait_until(pilot, lambda: not app.chat.ledger.measurement.running)


async def test_a_short_answer_is_measured_until_there_is_enough_and_says_so():
    async with running(size=(160, 36)) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        await pilot.press("f9")
        await wait_until(pilot, lambda: app.chat.ledger.speedup is not None)
        made = app.chat.ledger.speedup
        assert made.rounds >= 3
        await wait_until(pilot, lambda: f"{made} × plain" in screen_text(app))
        assert made.spread in screen_text(app)
        said = " ".join(app.told)
        assert f"{made} × plain decoding (interleaved, {made.rounds} rounds" in said
        assert ("doubtful" in said) == bool(made.doubt)


async def test_an_answer_in_circles_is_marked_under_it_and_in_the_numbers():
    async with running(size=(160, 36)) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        assert "circles" not in screen_text(app)
        assert "loops" not in screen_text(app)
        app.chat.apply(list(answer_records("chat", "draft", [1, 2, 3] * 20)))
        await wait_until(pilot, lambda: "goes in circles ↻ (distinct-3 below 0.3)" in untied(app))
        await wait_until(pilot, lambda: "loops ↻" in screen_text(app))


@pytest.mark.oldest
@pytest.mark.parametrize("size", [(20, 5), (60, 20), (80, 24), (200, 50)])
async def test_every_size_of_terminal_can_chat(size):
    async with running(size=size) as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        await pilot.pause(0.1)
        assert answer(app).startswith("Hello!")
        assert size[1] == 5 or "Hello!" in screen_text(app)
        assert app.chat.prompt.region.height >= 1
        assert app.chat.step_pane.display == (size[0] >= 100)


@pytest.mark.oldest
async def test_resizing_while_it_streams_loses_nothing():
    async with running() as (app, pilot):
        app.session.pause = 0.02
        await say(pilot, STORY)
        for width in (40, 100, 25, 160, 60, 120):
            await pilot.resize_terminal(width, 30)
            await pilot.pause(0.05)
        await ended(app, pilot)
        assert answer(app).startswith("Once upon a time")
        assert answer(app).rstrip().endswith(".")


async def test_quit_during_an_answer_is_quick_and_leaves_no_thread():
    async with running() as (app, pilot):
        await pilot.press("f2")
        app.session.pause = 0.05
        await say(pilot, STORY)
        await wait_until(pilot, lambda: app.chat.ledger.numbers.emitted > 2)
        start = perf_counter()
        await pilot.press("ctrl+q")
        await asyncio.to_thread(app.close)
        assert perf_counter() - start < 2.0
        assert app.session.close(0.0), "the decode thread has ended"


async def test_an_example_is_sent_by_its_number():
    async with running() as (app, pilot):
        await pilot.press("down")
        assert app.focused is app.chat.examples
        await pilot.press("3")
        await ended(app, pilot)
        assert answer(app).startswith("A draft model is a small")
        assert app.focused is app.chat.prompt


async def test_a_question_typed_while_loading_is_answered_when_ready():
    async with running(make=real_session(SETTINGS, load_models), ready=False) as (app, pilot):
        await write(pilot, "Hello!")
        await ended(app, pilot)
        assert answer(app).startswith("Hello!")


async def test_history_comes_back_also_in_the_next_run():
    async with running() as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        await pilot.press("up")
        assert app.chat.prompt.text == "Hello!"
    async with running(ready=False) as (app, pilot):
        await pilot.press("up")
        assert app.chat.prompt.text == "Hello!"


async def test_a_conversation_is_on_disk_when_its_answer_has_ended():
    async with running() as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        await wait_until(pilot, lambda: app.archive.newest()[0] and app.archive.archived().turns[0].reason)
        [records] = app.archive.records(app.archive.archived().answers)
        kinds = [type(record).__name__ for record in records]
        assert kinds[0] == "Ready"
        assert kinds[-1] == "EndText"


async def test_a_model_that_cannot_be_loaded_is_told_in_place():
    settings = SETTINGS.with_flags("model", model="dmeo")
    async with running(settings, ready=False) as (app, pilot):
        await wait_until(pilot, lambda: app.chat.failed)
        await pilot.pause(0.1)
        assert "did you mean demo" in screen_text(app)
        await pilot.press("ctrl+q")
    assert app.return_value == 1


async def test_new_begins_afresh():
    async with running() as (app, pilot):
        await say(pilot, "My name is Greta.")
        await ended(app, pilot)
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: app.chat.empty)
        await say(pilot, "What is my name?")
        await ended(app, pilot)
        assert "Greta" not in answer(app)


async def test_new_during_an_answer_leaves_nothing_of_it():
    async with running() as (app, pilot):
        await pilot.press("f2")
        app.session.pause = 0.05
        await say(pilot, STORY)
        await wait_until(pilot, lambda: len(answer(app)) > 10)
        await pilot.press("ctrl+n")
        await wait_until(pilot, lambda: not app.chat.busy)
        await pilot.pause(0.2)
        assert not app.chat.transcript.document.paragraphs
        assert app.chat.empty
        await say(pilot, "Hello!")
        await ended(app, pilot)
        assert answer(app).startswith("Hello!")


async def test_an_empty_prompt_and_a_second_question_are_gently_refused():
    async with running() as (app, pilot):
        await pilot.press("enter")
        assert not app.session.busy
        await pilot.press("f2")
        app.session.pause = 0.05
        await say(pilot, STORY)
        await say(pilot, "More")
        assert app.chat.prompt.text == "More"
        await pilot.press("escape")
        await ended(app, pilot)


@pytest.mark.oldest
async def test_views_help_and_a_chosen_step():
    async with running() as (app, pilot):
        await say(pilot, STORY)
        await ended(app, pilot)
        for view in ("trace", "clean", "colour"):
            await pilot.press("f7")
            assert app.chat.transcript.view == view
        await pilot.press("escape")
        assert app.focused is app.chat.transcript
        await pilot.press("comma")
        await pilot.pause(0.1)
        assert "pinned" in screen_text(app)
        await pilot.press("f1")
        await pilot.pause(0.1)
        assert "drafted and accepted" in screen_text(app)
        said = str(app.screen.query_one("#help Static").render())
        assert "doubtful, from less than" in said
        assert "unless --with-datastore was given" in said
        await pilot.press("escape")


async def test_keys_typed_just_before_enter_are_part_of_the_question():
    async with running() as (app, pilot):
        for character in "abcdefgh":
            app.post_message(Key(character, character))
        app.post_message(Key("enter", "\r"))
        app.post_message(Key("x", "x"))
        await wait_until(pilot, lambda: app.chat.prompt.past.entries == ["abcdefgh"])
        await wait_until(pilot, lambda: app.chat.prompt.text == "x")
        await ended(app, pilot)


async def test_without_colour_nothing_is_coloured(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    async with running() as (app, pilot):
        await say(pilot, "Hello!")
        await ended(app, pilot)
        await pilot.pause(0.1)
        assert app.theme == "spectui-ansi"
        for strip in app.screen._compositor.render_strips():
            for segment in strip:
                style = segment.style
                for colour in (style.color, style.bgcolor) if style else ():
                    assert colour is None or colour.is_default, (segment.text, colour)


@pytest.mark.oldest
async def test_a_key_that_two_actions_want_is_told(monkeypatch):
    settings = Settings(DEMO, keys={"chat.rerun": "ctrl+n", "chat.view": "f10", "chat.fly": "f11"})
    async with running(settings, ready=False) as (app, pilot):
        await wait_until(pilot, lambda: len(app.told) == 2)
        said = " ".join(app.told)
        assert "ctrl+n takes the key of chat.new" in said
        assert "chat.fly: there is no such binding" in said
        await pilot.press("f10")
        assert app.chat.transcript.view == "trace"


async def test_sssd_shows_its_sources_and_says_when_it_drafts_nothing():
    async with running() as (app, pilot):
        await pilot.press(MODE_KEYS["sssd"])
        app.chat.prompt.text = (
            "Repeat this text word for word. Clara is a pilot from Lyon. Clara has a cat called Belmina."
        )
        await pilot.press("enter")
        await ended(app, pilot)
        records = app.chat.ledger.steps.values()
        copied = next(
            record for record in records if record.step.nodes and record.step.nodes[0].source.kind == "prompt"
        )
        app.chat.step_pane.show(copied)
        assert "-gram" in str(app.chat.step_pane.render())
        assert "prompt" in str(app.chat.step_pane.render())
        await pilot.pause(0.5)

        def state():
            return str(app.chat.mode_bar.query_one(".state").render())

        idle = next((record for record in records if record.step.why_no_draft), None)
        app.chat.mode_bar.show_idle("nothing is known" if idle is None else idle.step.why_no_draft)
        await wait_until(pilot, lambda: NOT_DRAFTING in state(), timeout=5)
        pill = next(pill for pill in app.chat.mode_bar.query(Pill) if pill.mode.name == "sssd")
        assert str(pill.tooltip).startswith("not drafting: ")
        app.chat.mode_bar.show_idle(None)
        await wait_until(pilot, lambda: not state(), timeout=5)


@pytest.mark.parametrize(("kept", "words"), [(True, "This one stays saved"), (False, "This one is not saved")])
async def test_the_palette_says_what_becomes_of_the_conversation(kept, words):
    async with running(SETTINGS.with_flags("ui", save_conversations=kept)) as (app, _pilot):
        told = {command.title: command.help for command in app.get_system_commands(app.screen)}
        assert words in told["New"]
        assert "Forget" not in " ".join(told.values())
