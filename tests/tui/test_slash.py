"""Slash commands, files that go with a question, and digits on the start screen."""

import re
from pathlib import Path

import pytest

from spectui.system.errors import UserError
from spectui.tui.actions import ACTIONS
from spectui.tui.attaching import MOST_BYTES, mentioned, paths, read_attachment, with_attachments
from spectui.tui.slash import SLASHES, is_command, slash_action, suggestions

from ..demo import SETTINGS
from .helpers import running, say, wait_until, write
from .played import READY, PlayedSession
from .test_chat_real import screen_text


def played():
    return running(SETTINGS, lambda sink: PlayedSession(), (120, 36), ready=False)


# -- the registry


def test_no_two_actions_share_a_name_or_a_slash_command():
    names = [one.name for one in ACTIONS]
    words = [word for one in ACTIONS for word in one.words]
    assert len(set(names)) == len(names)
    assert len(set(words)) == len(words)
    assert {"mode", "race", "measure", "system", "seed", "temp", "attach", "export", "new", "help"} <= SLASHES.keys()


def test_help_of_an_action_is_a_sentence():
    wrong = [one.name for one in ACTIONS if not re.fullmatch(r"\S.*[.)]", one.help)]
    assert wrong == []


def test_what_is_a_command_and_what_is_a_question():
    assert is_command("/seed 7")
    assert is_command("  /help ")
    assert is_command("/")
    assert not is_command("/usr/bin is what?")
    assert not is_command("what is /help")
    assert not is_command("/seed 7\nand more")


def test_a_line_means_an_action_with_its_argument():
    action, argument = slash_action("/temp 0.8")
    assert action.called(argument) == "set('temperature', '0.8')"
    assert slash_action("/race")[0].called("") == "race"
    assert slash_action('/system it\'s "so"')[0].called('it\'s "so"').startswith("set('system', ")
    with pytest.raises(UserError, match="did you mean /race"):
        slash_action("/rcae")
    with pytest.raises(UserError, match="/mode needs NAME: ar, draft"):
        slash_action("/mode")[0].called("")
    with pytest.raises(UserError, match="takes nothing"):
        slash_action("/race")[0].called("now")


def test_suggestions_go_from_the_command_to_its_argument():
    assert [one.text for one in suggestions("/mea")] == ["/measure"]
    assert "/mode " in [one.text for one in suggestions("/mo")]
    assert [one.text for one in suggestions("/mode d")] == ["/mode draft"]
    assert [one.text for one in suggestions("/rule ")] == ["/rule coupled", "/rule classic"]
    assert suggestions("hello") == []


# -- files


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"%PDF-1.7 x", "is not text but PDF"),
        (b"\x89PNG\r\n", "is not text but PNG"),
        (b"\xff\xfe\x00", "is not text in UTF-8"),
        (b"a\0b", "is not text in UTF-8"),
        (b" \n", "is empty"),
        (b"x" * (MOST_BYTES + 1), r"has 131.1 kB; at most 131.1 kB"),
    ],
)
def test_what_cannot_be_attached_is_refused_with_the_reason(tmp_path, content, why):
    file = tmp_path / "file.bin"
    file.write_bytes(content)
    with pytest.raises(UserError, match=why):
        read_attachment(str(file))


def test_folders_and_missing_files_are_told(tmp_path):
    with pytest.raises(UserError, match="is a folder"):
        read_attachment(str(tmp_path))
    with pytest.raises(UserError, match="there is no file"):
        read_attachment(str(tmp_path / "nothing"))


def test_a_file_stands_in_a_fence_that_it_cannot_end_and_steers_no_terminal(tmp_path):
    file = tmp_path / "notes.md"
    file.write_text("```\ncode\n```\n\x1b[31mred")
    made = with_attachments("What?", [read_attachment(str(file))])
    assert made.startswith("notes.md\n````\n```\ncode")
    assert made.endswith("\n````\n\nWhat?")
    assert "\x1b" not in made


def test_only_files_that_are_there_are_mentioned(tmp_path):
    file = tmp_path / "a.txt"
    file.write_text("hello")
    assert [one.text for one in mentioned(f"read @{file}, please, @alice and me@b.c")] == ["hello"]
    with pytest.raises(UserError, match="is a folder"):
        mentioned(f"read @{tmp_path}")


def test_paths_are_offered(tmp_path):
    (tmp_path / "notes").mkdir()
    (tmp_path / "note.txt").write_text("x")
    (tmp_path / ".note").write_text("x")
    assert list(paths(f"{tmp_path}/no")) == [f"{tmp_path}/note.txt", f"{tmp_path}/notes/"]
    assert list(paths(f"{tmp_path}/none/")) == []


# -- in the chat


async def test_commands_are_completed_and_done():
    async with played() as (app, pilot):
        app.chat.apply([READY])
        await pilot.press("slash", "s", "e")
        await wait_until(pilot, lambda: app.chat.completion.display)
        assert "/seed" in screen_text(app)
        await pilot.press("tab")
        assert app.chat.prompt.text in ("/seed ", "/server", "/settings")
        app.chat.prompt.text = "/seed 7"
        await pilot.press("enter")
        await wait_until(pilot, lambda: app.session.options.sampling.seed == 7)
        assert app.chat.prompt.text == ""
        await write(pilot, "/mode sssd")
        await wait_until(pilot, lambda: app.session.mode == "sssd")
        assert app.session.commands == 0, "nothing was asked"


async def test_enter_takes_what_is_highlighted_and_escape_hides_it():
    async with played() as (app, pilot):
        app.chat.apply([READY])
        await pilot.press("slash", "v", "i", "enter")
        await wait_until(pilot, lambda: app.chat.transcript.view == "trace")
        await pilot.press("slash", "m", "o", "enter")
        assert app.chat.prompt.text == "/mode "
        await pilot.pause()
        assert app.chat.completion.display
        await pilot.press("down", "enter")
        await wait_until(pilot, lambda: app.chat.mode_bar.current == "draft")
        await pilot.press("slash")
        await pilot.pause()
        await pilot.press("escape")
        assert not app.chat.completion.display
        assert app.focused is app.chat.prompt


async def test_a_command_that_does_not_exist_stays_in_the_prompt():
    async with played() as (app, pilot):
        await write(pilot, "/rcae")
        assert any("did you mean /race?" in words for words in app.told)
        assert app.chat.prompt.text == "/rcae"


async def test_a_file_goes_with_the_question(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("Belmina is a cat.")
    asked = []
    async with played() as (app, pilot):
        app.chat.apply([READY])
        app.session.ask = lambda text, before=None: asked.append(text) or 1
        await say(pilot, f"/attach {file}")
        await wait_until(pilot, lambda: app.chat.attached.display)
        assert "notes.txt, 0.0 kB" in screen_text(app)
        await say(pilot, "Who is Belmina?")
        await wait_until(pilot, lambda: asked)
        assert asked == ["notes.txt\n```\nBelmina is a cat.\n```\n\nWho is Belmina?"]
        assert "+ notes.txt, 0.0 kB" in screen_text(app)
        assert not app.chat.attached.display


async def test_a_question_with_a_file_that_cannot_be_read_is_not_sent(tmp_path):
    (tmp_path / "a.pdf").write_bytes(b"%PDF-1.7")
    async with played() as (app, pilot):
        app.chat.apply([READY])
        await say(pilot, f"read @{tmp_path}/a.pdf")
        assert any("is not text but PDF" in words for words in app.told)
        assert app.session.commands == 0
        assert app.chat.prompt.text == f"read @{tmp_path}/a.pdf"


async def test_a_digit_on_the_start_screen_brings_its_example():
    async with played() as (app, pilot):
        app.chat.apply([READY])
        await pilot.press("3")
        assert app.chat.prompt.text == app.chat.examples.prompt(3)
        await pilot.press("space", "p", "l", "u", "s")
        assert app.chat.prompt.text == "3 plus"
        app.chat.prompt.text = ""
        await pilot.press("1", "enter")
        await wait_until(pilot, lambda: app.session.commands == 1)
        assert app.chat.prompt.text == ""
        await pilot.press("1")
        assert app.chat.prompt.text == "1", "a digit is a digit in a conversation"


async def test_a_picture_says_where_it_went(home):
    async with played() as (app, pilot):
        await pilot.press("f8")
        told = next(words for words in app.told if words.startswith("the picture is "))
        assert "<svg" in Path(told.removeprefix("the picture is ")).read_text("utf-8")[:200]
        (home / "data").rename(home / "aside")
        (home / "data").write_text("no folder")
        await pilot.press("f8")
        assert "data" in app.told[-1]
        assert "the picture is" not in app.told[-1]
