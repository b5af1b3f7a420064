"""Past prompts on disk: nothing a file holds does harm, and nothing that was typed is lost."""

import json
import stat
import subprocess
import sys
import tracemalloc

import pytest

from spectui.config.paths import prompts_file
from spectui.tui import history as module
from spectui.tui.history import LONGEST_LINE, MOST_KEPT, History
from spectui.tui.pasting import MOST_PASTED

from ..hostile import FORBIDDEN, HOSTILE
from .helpers import running
from .test_pasting import unloaded

DAMAGED = {
    "torn": b'"to',
    "no JSON": b"hello",
    "no text": b'{"a": 1}',
    "not UTF-8": b'"\xff\xfe"',
    "NUL": b"\x00" * 4096,
    "NUL in a text": b'"a\x00b"',
    "deep": b"[" * 100_000,
    "a huge number": b"9" * 10_000,
    "longer than a prompt can be": json.dumps("x" * (MOST_PASTED + 1)).encode(),
    "longer than a line can be": b'"' + b"x" * (3 * LONGEST_LINE) + b'"',
    "just as long": b"x" * LONGEST_LINE,
}


@pytest.fixture
def file(tmp_path):
    return tmp_path / "state" / "prompts.jsonl"


def filled(file, *lines, end=b"\n"):
    file.parent.mkdir(exist_ok=True)
    file.write_bytes(b"\n".join(lines) + end)
    return file


@pytest.mark.parametrize("name", DAMAGED)
def test_a_damaged_line_is_skipped_told_once_and_kept_aside(file, name):
    before = filled(file, b'"first"', DAMAGED[name], b'"last"').read_bytes()
    past = History(file)
    assert past.entries == ["first", "last"]
    aside = file.with_name("prompts.jsonl.damaged")
    assert past.take_note() == f"1 damaged line of the prompt history skipped; the file as it was is {aside}"
    assert not past.take_note()
    assert aside.read_bytes() == before
    again = History(file)
    assert again.entries == ["first", "last"]
    assert not again.take_note()


def test_what_was_kept_aside_before_stays(file):
    for number in range(3):
        filled(file, b'"good"', b"bad %d" % number)
        assert History(file).entries == ["good"]
    kept = sorted(path.read_bytes() for path in file.parent.glob("prompts.jsonl.damaged*"))
    assert kept == [b'"good"\nbad %d\n' % number for number in range(3)]


def test_a_line_after_a_torn_one_is_not_glued_to_it(file):
    filled(file, b'"whole"', end=b"")
    History(file).add("next")
    assert History(file).entries == ["whole", "next"]
    past = History(file)
    with file.open("ab") as other:
        other.write(b'"torn by another pro')
    past.add("after")
    past = History(file)
    assert past.entries == ["whole", "next", "after"]
    assert "1 damaged line" in past.take_note()


@pytest.mark.parametrize("text", [*HOSTILE, "\ud800", "\x9b31m\u202e"])
def test_what_is_read_is_harmless(file, text):
    filled(file, json.dumps(text).encode())
    past = History(file)
    (entry,) = past.entries
    assert not set(entry) & FORBIDDEN
    assert not past.take_note()
    past.add(text)
    assert History(file).entries == [entry, entry]


def test_old_entries_go_and_the_file_stays_small(file):
    filled(file, *(json.dumps(str(number)).encode() for number in range(3 * MOST_KEPT)))
    past = History(file)
    assert past.entries == [str(number) for number in range(2 * MOST_KEPT, 3 * MOST_KEPT)]
    assert not past.take_note()
    assert len(file.read_bytes().splitlines()) == MOST_KEPT
    assert sorted(path.name for path in file.parent.iterdir()) == ["prompts.jsonl", "prompts.jsonl.lock"]


def test_a_line_of_100_mb_takes_neither_memory_nor_the_others(file):
    filled(file, b'"before"')
    with file.open("ab") as out:
        for _ in range(100):
            out.write(b"x" * 1_000_000)
        out.write(b'\n"after"\n')
    tracemalloc.start()
    past = History(file)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert past.entries == ["before", "after"]
    assert peak < 32e6
    assert file.stat().st_size < 100
    assert file.with_name("prompts.jsonl.damaged").stat().st_size > 100e6


def test_of_a_larger_file_the_end_is_read(file, monkeypatch):
    monkeypatch.setattr(module, "MOST_READ", 1000)
    filled(file, *(json.dumps(f"{number:096}").encode() for number in range(100)))
    past = History(file)
    assert past.entries == [f"{number:096}" for number in range(90, 100)]
    assert "prompts.jsonl.damaged" in past.take_note()


def test_many_programs_may_add_at_once(file):
    code = f"""
import sys
from pathlib import Path
from spectui.tui.history import History
past = History(Path({str(file)!r}))
for number in range(50): past.add(f"{{sys.argv[1]}} {{number}} " + "x" * 5000)
"""
    programs = [subprocess.Popen([sys.executable, "-c", code, name]) for name in "abc"]
    assert [program.wait() for program in programs] == [0, 0, 0]
    past = History(file)
    assert sorted(entry.rstrip("x ") for entry in past.entries) == sorted(
        f"{name} {number}" for name in "abc" for number in range(50)
    )
    assert not past.take_note()


def test_what_is_no_file_or_cannot_be_written_only_loses_the_memory(tmp_path):
    for path in (tmp_path / "folder", tmp_path / "file" / "below"):
        tmp_path.joinpath("folder").mkdir(exist_ok=True)
        tmp_path.joinpath("file").write_text("")
        past = History(path)
        past.add("kept in memory")
        assert past.entries == ["kept in memory"]


def test_the_file_is_for_its_owner(file):
    History(file).add("secret")
    filled(file, b'"x"', b"bad")
    file.chmod(0o644)
    file.parent.chmod(0o755)
    History(file).add("more")
    for path in (file.parent, *file.parent.iterdir()):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


async def test_damage_is_told_once_per_start_and_hostile_entries_are_shown_harmless():
    prompts_file().parent.mkdir(parents=True)
    prompts_file().write_bytes(b'"torn\n"a\\u001b]52;c;aa\\u0007\\u202e"\n')
    async with running(make=unloaded(), ready=False) as (app, pilot):
        await pilot.press("up")
        assert app.chat.prompt.text == "a␛]52;c;aa␇�"
        assert [told.split(";")[0] for told in app.told] == ["1 damaged line of the prompt history skipped"]
    async with running(make=unloaded(), ready=False) as (app, pilot):
        await pilot.pause()
        assert not app.told
