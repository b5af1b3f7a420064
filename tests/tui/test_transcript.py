"""The transcript on a terminal: looks, moving, growing."""

import pytest
from textual.events import MouseScrollDown, MouseScrollUp

from spectui.present.answer_line import AnswerLine
from spectui.present.token_looks import LOOKS
from spectui.system.sanitise import sanitise
from spectui.tui.widgets.transcript import Transcript
from tests.hostile import FORBIDDEN, HOSTILE

from .conversations import conversation, one_of_each
from .records import chain, end, random_steps, step, text_of
from .stage import look_of, on_stage, rows, segments

pytestmark = pytest.mark.oldest

GOLDEN = {
    "spectui-dark": {
        "target": "#d8d8d8",
        "accepted": "#56b4e9",
        "rejected": "#e8702a strike",
        "correction": "#d8d8d8 bold",
        "bonus": "#d8d8d8 bold",
        "unreached": "{muted}",
        "cut": "{muted} strike",
        "seam": "#e0c070",
    },
    "spectui-light": {
        "target": "#1e1e1e",
        "accepted": "#005a91",
        "rejected": "#9a4400 strike",
        "correction": "#1e1e1e bold",
        "bonus": "#1e1e1e bold",
        "unreached": "{muted}",
        "cut": "{muted} strike",
        "seam": "#7a5c00",
    },
    "spectui-ansi": {
        "target": "default",
        "accepted": "color(12) underline",
        "rejected": "color(9) strike",
        "correction": "default bold",
        "bonus": "default bold underline2",
        "unreached": "default dim",
        "cut": "default dim strike",
        "seam": "default reverse",
    },
    "NO_COLOR": {
        "target": "default",
        "accepted": "default underline",
        "rejected": "default strike",
        "correction": "default bold",
        "bonus": "default bold underline2",
        "unreached": "default dim",
        "cut": "default dim strike",
        "seam": "default reverse",
    },
}


@pytest.mark.parametrize("theme", GOLDEN)
async def test_each_kind_of_token_looks_as_it_should(theme, monkeypatch):
    plain = theme == "NO_COLOR"
    if plain:
        monkeypatch.setenv("NO_COLOR", "1")
    transcript = Transcript()
    name = "spectui-ansi" if plain else theme
    async with on_stage(transcript, (120, 6), name, ansi_color=plain or None) as pilot:
        transcript.view = "trace"
        one_of_each(transcript)
        await pilot.pause()
        muted = pilot.app.theme_variables["token-muted"].lower()
        looks = {kind: look_of(transcript, kind) for kind in GOLDEN[theme]}
        assert looks == {kind: look.format(muted=muted) for kind, look in GOLDEN[theme].items()}


async def test_no_colour_reaches_the_terminal_under_no_color(monkeypatch):
    monkeypatch.setenv("NO_COLOR", "1")
    transcript = Transcript()
    async with on_stage(transcript, (60, 12), "spectui-ansi", ansi_color=True) as pilot:
        transcript.view = "trace"
        conversation(transcript)
        await pilot.pause()
        styles = [segment.style for segment in segments(transcript) if segment.style]
        assert styles
        assert all(style.color is None or style.color.is_default for style in styles)
        assert all(style.bgcolor is None or style.bgcolor.is_default for style in styles)


async def test_the_clean_view_shows_all_tokens_alike():
    transcript = Transcript()
    async with on_stage(transcript, (80, 6)) as pilot:
        one_of_each(transcript)
        transcript.view = "clean"
        await pilot.pause()
        assert rows(transcript)[:2] == ["● Draft model", "  targetacceptedcorrection bonus"]
        assert look_of(transcript, "targetaccepted") == "#d8d8d8"


async def test_rows_of_a_conversation():
    transcript = Transcript()
    async with on_stage(transcript, (34, 16)) as pilot:
        transcript.document.begin_question("Explain entropy,\nplease, with an example.")
        transcript.document.begin_answer("Draft model", "seed 7")
        transcript.document.add_step(chain(0, [" Entropy", " measures"], [" how"], " disorder:\n\n"))
        transcript.document.seam("Autoregressive")
        transcript.document.add_step(step(1, [], [("it is the mean of the log.", "target")]))
        transcript.document.end_answer(end("stopped"), AnswerLine(("31 tokens", "stopped")))
        transcript.document.error("out of memory")
        await pilot.pause()
        assert rows(transcript) == [
            "❯ Explain entropy,",
            "  please, with an example.",
            "",
            "● Draft model  seed 7 ⇢",
            "  Autoregressive",
            "   Entropy measures how disorder:",
            "",
            "⇢ it is the mean of the log.",
            "  31 tokens · stopped",
            "  accepted  rejected  correction",
            "  bonus  unreached",
            "! out of memory",
            "",
            "",
            "",
            "",
        ]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("view", ["colour", "trace"])
async def test_hostile_text_reaches_the_terminal_as_text_only(text, view):
    clean = sanitise(text)
    transcript = Transcript()
    async with on_stage(transcript, (30, 40)) as pilot:
        transcript.view = view
        transcript.document.begin_question(clean)
        transcript.document.begin_answer("Draft model", clean.replace("\n", " "))
        transcript.document.add_step(chain(0, [clean], [clean, clean], clean))
        transcript.document.seam(clean.replace("\n", " ").replace("\t", " "))
        transcript.document.end_answer(end("error", clean, clean))
        await pilot.pause()
        sent = "".join(segment.text for segment in segments(transcript))
        assert not FORBIDDEN & set(sent)
        assert not {"\n", "\t"} & set(sent)
        assert transcript.document.answer_text() == clean * 3


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (3, 1), (5, 20), (17, 4), (300, 80)])
async def test_any_size_will_do(size):
    transcript = Transcript()
    async with on_stage(transcript, size) as pilot:
        conversation(transcript)
        transcript.document.add_step(step(99, [], [("漢字👍", "target")]))
        await pilot.pause()
        strips = [transcript.render_line(y) for y in range(size[1])]
        assert all(strip.cell_length == size[0] for strip in strips)


async def test_steps_that_come_are_shown_and_followed():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        transcript.document.begin_answer("Draft model")
        for record in random_steps(60):
            transcript.document.add_step(record)
            await pilot.pause()
        transcript.document.add_step(step(60, [], [(" the very last", "target")]))
        await pilot.pause()
        assert "last" in " ".join(rows(transcript)[-2:])
        painted = [strip.text.rstrip() for strip in transcript.render_lines(transcript.size.region)]
        assert painted == rows(transcript)
        assert transcript.document.answer_text() == text_of(random_steps(60)) + " the very last"


async def test_what_is_on_the_screen_is_always_what_would_be_painted_anew():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        transcript.document.begin_answer("Draft model")
        for index, record in enumerate(random_steps(40, seed=3)):
            transcript.document.add_step(record)
            if index == 25:
                transcript.action_scroll_by(-4)
            await pilot.pause()
            painted = [strip.text for strip in transcript.render_lines(transcript.size.region)]
            assert painted == [transcript.render_line(y).text for y in range(8)]


async def test_keys_move_and_release_and_take_up_following():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        conversation(transcript)
        transcript.focus()
        await pilot.pause()
        bottom = rows(transcript)
        await pilot.press("k", "up", "k", "k")
        assert not transcript.viewport.follow
        assert rows(transcript)[-1].endswith("↓")
        await pilot.press("g")
        assert rows(transcript)[0].startswith("❯ Why?")
        await pilot.press("pagedown", "pageup")
        assert rows(transcript)[0].startswith("❯ Why?")
        await pilot.press("j")
        assert not rows(transcript)[0].startswith("❯ Why?")
        await pilot.press("G")
        assert transcript.viewport.follow
        assert rows(transcript) == bottom
        assert sum(isinstance(message, Transcript.FollowChanged) for message in pilot.app.heard) == 2


async def test_the_wheel_scrolls():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        conversation(transcript)
        await pilot.pause()
        bottom = rows(transcript)
        transcript.post_message(MouseScrollUp(transcript, 2, 2, 0, -1, 0, False, False, False))
        await pilot.pause()
        assert [row[:29].rstrip() for row in rows(transcript)[3:7]] == [row[:29].rstrip() for row in bottom[:4]]
        assert not transcript.viewport.follow
        transcript.post_message(MouseScrollDown(transcript, 2, 2, 0, 1, 0, False, False, False))
        await pilot.pause()
        assert rows(transcript) == bottom


async def test_a_pause_holds_the_display_and_loses_nothing():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        conversation(transcript, 20)
        transcript.focus()
        await pilot.press("space")
        held = [strip.text for strip in transcript.render_lines(transcript.size.region)]
        assert held[-1].endswith("‖")
        transcript.document.add_step(chain(20, [" more"] * 40, [], " end"))
        await pilot.pause()
        assert [strip.text for strip in transcript.render_lines(transcript.size.region)] == held
        await pilot.press("space")
        await pilot.pause()
        assert "end" in rows(transcript)[-1]


async def test_resizing_while_text_comes_shows_the_end():
    transcript = Transcript()
    async with on_stage(transcript, (60, 12)) as pilot:
        transcript.document.begin_answer("Draft model")
        for index, record in enumerate(random_steps(60)):
            transcript.document.add_step(record)
            if index % 5 == 0:
                await pilot.resize_terminal(20 + index, 4 + index % 7)
        transcript.document.add_step(step(60, [], [(" end", "target")]))
        await pilot.pause()
        assert "end" in rows(transcript)[-1]
        assert transcript.document.answer_text() == text_of(random_steps(60)) + " end"


async def test_another_theme_repaints_everything():
    transcript = Transcript()
    async with on_stage(transcript, (80, 6)) as pilot:
        one_of_each(transcript)
        await pilot.pause()
        assert look_of(transcript, "accepted") == "#56b4e9"
        pilot.app.theme = "spectui-light"
        await pilot.pause()
        assert look_of(transcript, "accepted") == "#005a91"


async def test_dropping_and_clearing():
    transcript = Transcript()
    async with on_stage(transcript, (30, 8)) as pilot:
        conversation(transcript, 40)
        transcript.action_scroll_by(-5)
        await pilot.pause()
        transcript.drop_answer()
        await pilot.pause()
        assert rows(transcript) == ["❯ Why?", *[""] * 7]
        transcript.document.begin_answer("Draft model")
        transcript.document.add_step(step(0, [], [("again", "target")]))
        await pilot.pause()
        assert rows(transcript)[:4] == ["❯ Why?", "", "● Draft model", "  again"]
        transcript.clear()
        await pilot.pause()
        assert rows(transcript) == [""] * 8
        assert transcript.viewport.follow


def test_every_look_has_a_component_class():
    assert {f"token--{kind}" for kind in LOOKS} <= Transcript.COMPONENT_CLASSES
