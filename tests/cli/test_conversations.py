"""Conversations from a shell, and what is meant where no command is named."""

import json
from html.parser import HTMLParser

import pytest

from spectui.config.paths import conversations_file
from spectui.record.events import Cleared
from spectui.session.archive.archive import Archive

from ..program import as_process, one_line, spectui
from ..session.archive.told import READY, said

HOSTILE = "<script>alert(1)</script> & \x1b[2J"


@pytest.fixture
def kept():
    archive = Archive(conversations_file(), pytest.fail)
    archive.start()
    for turns in ([("Tell me of a fox.", "A fox lived."), ("And then?", "It slept.")], [(HOSTILE, "`x` </p>")]):
        archive.put(READY)
        for before, (question, text) in enumerate(turns):
            for record in said(question, text, before):
                archive.put(record)
        archive.put(Cleared())
    assert archive.close(20)


@pytest.mark.usefixtures("kept")
def test_they_are_listed_the_latest_first():
    out = spectui("conversations").stdout.decode()
    assert out.index("<script>") < out.index("Tell me of a fox.")
    assert "\x1b" not in out
    assert "Tell me" not in spectui("conversations", "--limit", "1").stdout.decode()
    found = spectui("conversations", "--search", "slept").stdout.decode()
    assert "Tell me of a fox." in found
    assert "script" not in found


def test_a_long_question_cuts_no_number():
    archive = Archive(conversations_file(), pytest.fail)
    archive.start()
    for record in (
        READY,
        *said("Repeat this text word for word: " + "the bakery is closed. " * 20, "It is.", 0),
        Cleared(),
    ):
        archive.put(record)
    assert archive.close(20)
    head, row = spectui("conversations").stdout.decode().splitlines()
    assert head.split()[:5] == ["number", "date", "tokens", "speed-up", "model"]
    assert row.split()[0] == "1"
    assert row.rstrip().endswith("…")
    assert row.count("…") == 1


@pytest.mark.usefixtures("kept")
def test_one_is_exported():
    assert "**You:** And then?\n\nIt slept.\n" in spectui("conversations", "export", "1").stdout.decode()
    lines = spectui("conversations", "export", "1", "--format", "trace").stdout.decode().splitlines()
    kinds = [json.loads(line)["type"] for line in lines]
    assert (kinds.count("header"), kinds.count("turn"), kinds.count("end"), kinds.count("summary")) == (1, 2, 2, 2)


@pytest.mark.usefixtures("kept")
def test_the_page_runs_nothing_and_asks_for_nothing(tmp_path):
    file = tmp_path / "page.html"
    assert spectui("conversations", "export", "2", "-f", "html", "-o", str(file)).returncode == 0
    tags, words = [], []
    reader = HTMLParser()
    reader.handle_starttag = lambda tag, attributes: tags.append((tag, dict(attributes)))
    reader.handle_data = words.append
    reader.feed(file.read_text("utf-8"))
    assert {tag for tag, _ in tags} == {"html", "meta", "title", "style", "main", "h1", "p", "section"}
    assert not [name for _, own in tags for name in own if name in ("src", "href") or name.startswith("on")]
    assert HOSTILE.replace("\x1b", "␛") in "".join(words)
    assert "\x1b" not in file.read_text("utf-8")


@pytest.mark.usefixtures("kept")
def test_one_is_deleted_after_a_question():
    asked = spectui("conversations", "delete", "1", stdin=b"n\n")
    assert asked.returncode == 130
    assert "Tell me" in spectui("conversations").stdout.decode()
    assert spectui("conversations", "delete", "1", "--yes").stdout == b"1 deleted\n"
    assert "Tell me" not in spectui("conversations").stdout.decode()
    assert "there is no conversation 1" in one_line(spectui("conversations", "export", "1"))


def test_without_any_one_line_says_so():
    assert "no conversation is kept yet" in one_line(spectui("conversations"))
    assert "no conversation is kept yet" in one_line(spectui("chat", "--resume"))


@pytest.mark.usefixtures("kept")
@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (("--resume",), 1, "this needs a terminal"),
        (("chat", "--resume", "1"), 1, "this needs a terminal"),
        (("--resume", "--mode", "ar"), 1, "this needs a terminal"),
        (("--mode", "ar", "--resume"), 1, "this needs a terminal"),
        (("--mode", "ar"), 1, "this needs a terminal"),
        (("-m", "demo"), 1, "this needs a terminal"),
        (("--mode", "nonsense"), 2, "unknown mode 'nonsense'"),
        (("--resume", "9"), 1, "there is no conversation 9"),
        (("--resume", "fox"), 2, "--resume takes a number"),
        (("What is a draft model?",), 2, "did you mean `spectui run 'What is a draft model?'`?"),
        (("Say", "hi\x1b[2J"), 2, "did you mean `spectui run 'Say hi␛[2J'`?"),
        (("benhc",), 2, "did you mean `spectui bench`?"),
        (("--modle", "x"), 2, "No such option"),
    ],
)
def test_what_is_meant_where_no_command_is_named(words, code, told):
    done = spectui(*words)
    assert told in one_line(done)
    assert done.returncode == code


def test_version_and_help_stay_what_they_are():
    assert spectui("--version").stdout.startswith(b"spectui ")
    assert b"conversations" in as_process("--help").stdout
