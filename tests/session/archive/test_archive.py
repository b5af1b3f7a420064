"""Conversations are kept, found, changed, and survive what happens to a file."""

import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing, contextmanager
from threading import Thread
from time import monotonic, sleep

import pytest

from spectui.record.archived import MARK, UNMARK
from spectui.record.events import Cleared, EndText, Resumed, StepText, TurnText
from spectui.record.trace import TraceWriter
from spectui.session.archive import database as files
from spectui.session.archive import shelf
from spectui.session.archive.archive import Archive
from spectui.system.errors import UserError
from spectui.system.sanitise import sanitise

from ...hostile import FORBIDDEN, HOSTILE
from .told import READY, said


@contextmanager
def archive(file, traces=None, records=()):
    notes = []
    made = Archive(file, notes.append, traces)
    made.notes = notes
    made.start()
    try:
        for record in records:
            made.put(record)
        yield made
    finally:
        assert made.close(20)


def ids(kept):
    return [one.id for one in kept.newest()[0]]


def talk(*turns):
    """A conversation of questions with their answers, from its header on."""
    return [
        READY,
        *(record for before, (question, text) in enumerate(turns) for record in said(question, text, before)),
    ]


@pytest.fixture
def file(tmp_path):
    return tmp_path / "data" / "conversations.db"


def test_a_conversation_is_listed_and_comes_back_as_it_was(file):
    with archive(file, records=talk(("Why is the sky blue?\nIn short.", "Rayleigh."), ("And red?", "Dust."))) as kept:
        [one] = kept.write(lambda _: kept.newest())[0]
    assert (one.question, one.model, one.answers, one.speedup) == ("Why is the sky blue?", "demo target", 2, None)
    with archive(file) as kept:
        again = kept.archived(one.id)
        [records, _] = kept.records(again.answers)
    assert [(turn.question, turn.text) for turn in again.turns] == [
        ("Why is the sky blue?\nIn short.", "Rayleigh."), ("And red?", "Dust."),
    ]  # fmt: skip
    assert one.tokens == sum(len(turn.tokens) for turn in again.turns) > 2
    assert again.turns[0].reason == "eos"
    assert again.turns[0].numbers.emitted == len(again.turns[0].tokens)
    assert records == [READY, *said("Why is the sky blue?\nIn short.", "Rayleigh.")]


def test_only_its_owner_may_read_it(file):
    old = os.umask(0)
    try:
        with archive(file, records=talk(("Hello?", "Hello."))) as kept:
            kept.write(lambda _: None)
            modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in file.parent.iterdir()}
    finally:
        os.umask(old)
    assert set(modes.values()) == {0o600}
    assert {"conversations.db", "conversations.db-wal"} <= modes.keys()
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_new_conversation_begins_after_it_was_asked_for_and_an_old_one_goes_on(file):
    first, second = talk(("One?", "1.")), talk(("Two?", "2."))
    with archive(file, records=[*first, Cleared(), *second]) as kept:
        kept.write(lambda _: None)
        new, old = ids(kept)
        kept.put(Resumed(old, kept.archived(old).answers))
        for record in said("More?", "3.", before=1):
            kept.put(record)
        kept.write(lambda _: None)
        assert [turn.question for turn in kept.archived(old).turns] == ["One?", "More?"]
        assert [turn.question for turn in kept.archived(new).turns] == ["Two?"]
        assert ids(kept) == [old, new]
        assert kept.archived().id == old


def test_another_answer_stands_beside_the_first_one_and_both_are_kept(file):
    with archive(file, records=[*talk(("One?", "1."), ("Two?", "2.")), *said("Two?", "two.", 1, mode="ar")]) as kept:
        place = kept.place
        now = kept.archived(place[0])
        assert [(turn.text, turn.number, turn.of) for turn in now.turns] == [("1.", 1, 1), ("two.", 2, 2)]
        before = kept.branch(now.answers[-1], -1)
        assert [(turn.text, turn.mode, turn.number, turn.of) for turn in before.turns] == [
            ("1.", "draft", 1, 1), ("2.", "draft", 1, 2),
        ]  # fmt: skip
        assert kept.branch(before.answers[-1], -1) is None
        assert kept.archived(place[0]) == before, "what was chosen is shown again"
        assert kept.branch(before.answers[-1], 1) == now


def test_an_edited_question_begins_a_branch_and_the_old_one_stays(file):
    with archive(file, records=[*talk(("One?", "1."), ("Two?", "2.")), *said("Uno?", "uno.", 0)]) as kept:
        now = kept.archived(kept.place[0])
        assert [(turn.question, turn.number, turn.of) for turn in now.turns] == [("Uno?", 2, 2)]
        old = kept.branch(now.answers[0], -1)
        assert [turn.question for turn in old.turns] == ["One?", "Two?"], "with all that followed it"


def test_an_answer_that_failed_is_no_part_of_the_conversation(file):
    with archive(file, records=[*talk(("One?", "1.")), *said("Two?", "2.", 1, reason="error")]) as kept:
        assert [turn.question for turn in kept.archived(kept.place[0]).turns] == ["One?"]


def test_where_another_answer_failed_the_first_one_is_shown_again(file):
    records = [*talk(("One?", "1."), ("Two?", "2.")), *said("Two?", "two.", 1, reason="error")]
    with archive(file, records=records) as kept:
        assert [turn.text for turn in kept.archived(kept.place[0]).turns] == ["1.", "2."]


def test_what_was_said_is_found_with_an_excerpt(file):
    records = [*talk(("Tell me of Ember.", "A shy dragon lived above the sea."), ("And?", "The end.")), Cleared(),
               *talk(("Über 100%?", "Never_more.")), Cleared(), *talk(("你好吗", "我很好，谢谢"))]  # fmt: skip
    with archive(file, records=records) as kept:
        kept.write(lambda _: None)
        chinese, german, english = ids(kept)
        found = {
            text: kept.search(text)
            for text in ("drag sea", "uber", "很好", "100%", "%?", "_", "r_mo", "nothing of it", "?%")
        }
        kept.rename(german, "Percentages")
        assert [one.id for one in kept.search("percent")] == [german]
        assert [one.id for one in kept.search("  ")] == [chinese, german, english]
    assert {text: [one.id for one in hits] for text, hits in found.items()} == {
        "drag sea": [english], "uber": [german], "很好": [chinese], "100%": [german], "%?": [german],
        "_": [german], "r_mo": [], "nothing of it": [], "?%": [],
    }  # fmt: skip
    assert f"{MARK}dragon{UNMARK}" in found["drag sea"][0].excerpt
    assert found["很好"][0].excerpt == f"我{MARK}很好{UNMARK}，谢谢"


@pytest.mark.parametrize("text", ['"', "'", "*", "a OR", "NEAR(", "question:x", "(", "\\", "-", "^a", *HOSTILE])
def test_no_search_is_a_command(file, text):
    with archive(file, records=talk(("One?", "1."))) as kept:
        kept.write(lambda _: None)
        assert kept.search(text) == []


def test_it_is_found_too_where_sqlite_has_no_index_of_words(file, monkeypatch):
    for module in ("database", "recorder", "shelf", "changes"):
        monkeypatch.setattr(f"spectui.session.archive.{module}.has_words", lambda _: False)
    monkeypatch.setattr(files, "_WORDS", "CREATE VIRTUAL TABLE words USING nothing(x)")
    with archive(file, records=talk(("Tell me.", "A shy dragon lived above the sea."))) as kept:
        kept.write(lambda _: None)
        [one] = kept.search("DRAGON lived")
        assert f"{MARK}dragon lived{UNMARK}" in one.excerpt
        kept.delete(one.id)
        assert ids(kept) == []


def test_a_deleted_conversation_leaves_no_trace_in_the_files(file):
    with archive(
        file, records=[*talk(("Where is the treasure?", "Under the oak.")), Cleared(), *talk(("x?", "y."))]
    ) as kept:
        kept.write(lambda _: None)
        kept.rename(ids(kept)[1], "Gold")
        kept.delete(ids(kept)[1])
        assert [one.question for one in kept.newest()[0]] == ["x?"]
        assert kept.search("oak") == []
    stored = b"".join(path.read_bytes() for path in file.parent.iterdir())
    assert [word for word in (b"treasure", b"Under", b"Gold") if word in stored] == []


def test_the_rest_of_an_answer_whose_conversation_was_deleted_is_not_kept(file):
    records = talk(("One?", "one two three four five six seven eight"))
    with archive(file, records=records[:4]) as kept:
        kept.delete(kept.place[0])
        for record in records[4:]:
            kept.put(record)
        assert kept.place == (None, ())
        assert ids(kept) == []
        assert kept.notes == []


def test_two_programs_write_into_one_file(file):
    notes = []

    def work(name):
        with archive(file) as kept:
            for number in range(12):
                for record in [*talk((f"{name} {number}?", "yes.")), Cleared()]:
                    kept.put(record)
                kept.write(lambda _: None)
            notes.extend(kept.notes)

    both = [Thread(target=work, args=(name,)) for name in ("a", "b")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    with archive(file) as kept:
        assert len(ids(kept)) == 24
    assert notes == []


def test_a_database_whose_tables_another_program_makes_just_now_is_no_strangers(file, monkeypatch):
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as empty:
        empty.execute("PRAGMA journal_mode = WAL")
    number = files._number

    def meanwhile(database, name):
        found = number(database, name)
        monkeypatch.setattr(files, "_number", number)
        files.open_database(file)[0].close()
        return found

    monkeypatch.setattr(files, "_number", meanwhile)
    database, note = files.open_database(file)
    database.close()
    assert note == ""
    assert [one.name for one in file.parent.glob("*.damaged*")] == []


def test_a_conversation_that_another_program_deletes_harms_nothing(file):
    with archive(file, records=talk(("One?", "1."))) as kept, archive(file) as other:
        other.delete(kept.place[0])
        for record in said("Two?", "2.", 1):
            kept.put(record)
        kept.put(Cleared())
        for record in said("Three?", "3."):
            kept.put(record)
        kept.write(lambda _: None)
        assert [one.question for one in kept.newest()[0]] == ["Three?"]
        assert kept.notes == []


def test_texts_do_nothing_to_a_terminal(file):
    with archive(file, records=talk(*((sanitise(text), sanitise(text)) for text in HOSTILE))) as kept:
        number = kept.place[0]
        with closing(sqlite3.connect(file)) as raw:  # somebody has put them into the file
            raw.execute("UPDATE conversation SET question = ?, title = ?, model = ?", ("\x1b[31m", "\x9b2J\n", "a\x07"))
            raw.execute("UPDATE answer SET text = text || ?, mode = ?", ("\x1b]52;c;aGk=\x07", "\x1b"))
            raw.execute("UPDATE turn SET question = question || char(27)")
            raw.commit()
        [one], _ = kept.newest()
        kept.rename(number, "\x1b[2Jcleared\r\n" * 100)
        again = kept.archived(number)
        shown = [one.name, one.question, one.model, again.title, again.model]
        assert not {"\n"} & set("".join(shown))
        assert len(again.title) <= 200
        shown += [word for turn in again.turns for word in (turn.question, turn.text, turn.mode)]
        shown += [hit.excerpt for hit in kept.search("user")]
    assert not FORBIDDEN & set("".join(shown))


@pytest.mark.parametrize("content", [b"no database", b"SQLite format 3\0" + b"\xff" * 5000, b"\0" * 100])
def test_what_is_no_database_is_kept_aside(file, content):
    file.parent.mkdir(parents=True)
    for number in (1, 2):
        file.write_bytes(content)
        for end in ("-wal", "-shm"):
            file.with_name(file.name + end).unlink(missing_ok=True)
        with archive(file, records=talk(("One?", "1."))) as kept:
            kept.write(lambda _: None)
            assert len(ids(kept)) == 1
            [note] = kept.notes
        aside = file.with_name("conversations.db.damaged" + (".2" if number == 2 else ""))
        assert note.endswith(f"it is kept as {aside.name}")
        assert aside.read_bytes() == content


def test_a_database_that_is_cut_is_kept_aside(file):
    with archive(file, records=talk(*((f"{number}?", "words " * 300) for number in range(20)))):
        pass
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    with archive(file, records=talk(("One?", "1."))) as kept:
        kept.write(lambda _: None)
        assert len(ids(kept)) == 1
        assert "is damaged; it is kept as conversations.db.damaged" in kept.notes[0]
    assert file.with_name("conversations.db.damaged").read_bytes() == whole[: len(whole) // 2]


def test_a_database_of_another_program_is_kept_aside(file):
    file.parent.mkdir(parents=True)
    with closing(sqlite3.connect(file)) as other:
        other.execute("CREATE TABLE recipes (name)")
        other.commit()
    with archive(file) as kept:
        kept.write(lambda _: None)
    assert "is a database of another program" in kept.notes[0]
    with closing(sqlite3.connect(file.with_name("conversations.db.damaged"))) as other:
        assert other.execute("SELECT name FROM sqlite_master").fetchall() == [("recipes",)]


def test_one_of_a_newer_version_is_left_alone(file):
    with archive(file, records=talk(("One?", "1."))):
        pass
    with closing(sqlite3.connect(file)) as other:
        other.execute(f"PRAGMA user_version = {files.VERSION + 1}")
    before = file.read_bytes()
    with archive(file, records=talk(("Two?", "2."))) as kept:
        with pytest.raises(UserError, match="newer version of spectui; update spectui"):
            kept.rename(1, "x")
        with pytest.raises(UserError, match="not of this version"):
            kept.newest()
        assert len(kept.notes) == 1
    assert file.read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_cannot_be_written_is_said_once(file):
    file.parent.mkdir(parents=True)
    file.parent.chmod(0o500)
    with archive(file, records=talk(("One?", "1."), ("Two?", "2."))) as kept:
        with pytest.raises(UserError, match="conversations are not saved: "):
            kept.write(lambda _: None)
        assert len(kept.notes) == 1


def test_a_full_disk_is_said_once_and_what_was_kept_stays(file):
    with archive(file, records=talk(("One?", "1."))) as kept:
        kept.write(lambda database: database.execute("PRAGMA max_page_count = 1").fetchone())
        for record in said("Two?", " ".join(f"w{number}" for number in range(9000)), 1):
            kept.put(record)
        with pytest.raises(UserError, match="conversations are not saved: database or disk is full"):
            kept.write(lambda _: None)
        assert kept.notes == ["conversations are not saved: database or disk is full"]
    with archive(file) as kept:
        assert kept.archived().turns[0].text == "1."


@pytest.mark.parametrize("value", ["x", -1, 1e300, float("inf"), b"\xff\x00", None, 2**60])
def test_a_file_that_somebody_has_changed_gives_one_line_or_what_can_be_read(file, value):
    with archive(file, records=talk(("One?", "1."), ("Two?", "2."))) as kept:
        number = kept.place[0]
        with closing(sqlite3.connect(file)) as raw:
            columns = [
                (table, row[1])
                for table in ("conversation", "turn", "answer", "trace")
                for row in raw.execute(f"PRAGMA table_info({table})")
                if row[1] not in ("id", "conversation")
            ]
        for table, column in columns:
            with closing(sqlite3.connect(file)) as raw:
                try:
                    raw.execute(f"UPDATE {table} SET {column} = ?", (value,))
                except sqlite3.Error:
                    continue  # it takes no such value
                for read in (
                    lambda: shelf.newest(raw),
                    lambda: shelf.search(raw, "one"),
                    lambda: shelf.archived(raw, number),
                    lambda: [list(shelf.records(raw, answer)) for answer in (1, 2)],
                    lambda: shelf.end_of_branch(raw, 1),
                ):
                    try:
                        read()
                    except sqlite3.Error:
                        continue  # told in one line by who reads
                raw.rollback()


def test_old_traces_are_taken_in_once_and_go_with_their_conversation(file, tmp_path):
    traces = tmp_path / "conversations"
    for name, records in {
        "2025-03-04_101112_000001": [*talk(("One?", "1.")), *talk(("Two?", "2."))[1:]],
        "2025-03-05_101112_000001": [*talk(("Same?", "1.")), *talk(("Same?", "2."))[1:]],
    }.items():
        writer = TraceWriter(traces / f"{name}.jsonl")
        for record in records:
            writer.write(record)
        writer.close()
    old = traces / "2025-03-04_101112_000001.jsonl"
    lines = [json.loads(line) for line in old.read_text().splitlines()]
    for line in lines:
        line.pop("before", None)  # older versions did not count
    old.write_text("".join(json.dumps(line) + "\n" for line in lines))
    (traces / "cut.jsonl").write_text(old.read_text()[:-40])
    (traces / "damaged.jsonl").write_text("{}\n" + old.read_text())
    (traces / "empty.jsonl").write_text("")
    for _ in range(2):
        with archive(file, traces) as kept:
            kept.write(lambda _: None)
            end = monotonic() + 20
            while kept._old:
                assert monotonic() < end
                sleep(0.01)
            found = kept.write(lambda _: kept.newest()[0])
            assert [one.question for one in found] == ["One?", "Same?", "One?"]
            notes, kept.notes[:] = kept.notes[:], []
            assert notes == (
                ["1 damaged trace of older conversations cannot be listed; the files stay where they are"]
                if _ == 0
                else []
            )
    with archive(file, traces) as kept:
        assert [turn.question for turn in kept.archived(found[-1].id).turns] == ["One?", "Two?"]
        kept.delete(found[-1].id)
    assert sorted(path.name for path in traces.iterdir()) == [
        "2025-03-05_101112_000001.jsonl", "cut.jsonl", "damaged.jsonl", "empty.jsonl",
    ]  # fmt: skip


KILLED = """
import sys
from pathlib import Path
from time import sleep
from spectui.record.events import EndText
from spectui.session.archive.archive import Archive
from tests.session.archive.told import READY, said

kept = Archive(Path(sys.argv[1]), print)
kept.start()
for record in [READY, *said("First?", "whole."), *said("Second?", " ".join(f"w{n}" for n in range(4000)), 1)]:
    if isinstance(record, EndText) and kept._recorder.answers:
        break
    kept.put(record)
    sleep(0.005)
print("all", flush=True)
sleep(60)
"""


def test_a_kill_loses_at_most_the_last_second_of_the_running_answer(file):
    with subprocess.Popen([sys.executable, "-c", KILLED, str(file)], stdout=subprocess.PIPE) as program:
        end = monotonic() + 60
        while not file.exists() or _words(file) < 50:
            assert monotonic() < end
            assert program.poll() is None
            sleep(0.05)
        program.send_signal(signal.SIGKILL)
    with archive(file, records=talk(("After?", "still here."))) as kept:
        kept.write(lambda _: None)
        assert kept.notes == []
        one = kept.archived(1)
        assert [turn.reason for turn in one.turns] == ["eos", None]
        assert one.turns[1].text.startswith("w0 w1 w2")
        steps = [record for record in kept.records(one.answers)[1] if isinstance(record, StepText)]
        told = "".join(text for record in steps for text in record.emitted)
        assert one.turns[1].text.endswith(told)
        assert len(kept.newest()[0]) == 2


def _words(file):
    try:
        with closing(sqlite3.connect(file, timeout=5)) as raw:
            return sum(row[0] for row in raw.execute("SELECT emitted FROM answer"))
    except sqlite3.Error:
        return 0


def test_steps_reach_the_file_while_the_answer_runs(file):
    records = talk(("One?", " ".join(f"w{number}" for number in range(300))))
    with archive(file) as kept:
        for record in records[:2]:
            kept.put(record)
        end = monotonic() + 20
        while not (file.exists() and (found := _questions(file))):
            assert monotonic() < end
            sleep(0.01)
        assert found == ["One?"], "the question stands there at once"
        for record in records[2:-1]:
            kept.put(record)
        while _words(file) < 2:
            assert monotonic() < end
            sleep(0.01)
        assert isinstance(records[1], TurnText)
        assert isinstance(records[-1], EndText)


def _questions(file):
    try:
        with closing(sqlite3.connect(file, timeout=5)) as raw:
            return [row[0] for row in raw.execute("SELECT question FROM turn")]
    except sqlite3.Error:
        return []


def test_without_a_file_all_works_as_long_as_the_program_runs():
    with archive(None, records=[*talk(("One?", "1.")), *said("One?", "one.", 0)]) as kept:
        assert len(ids(kept)) == 1
        assert kept.branch(kept.place[1][-1], -1).turns[0].text == "1."
        assert [one.question for one in kept.search("one")] == ["One?"]


def test_a_measured_speedup_is_that_of_the_latest_answer(file):
    with archive(file, records=talk(("One?", "1."), ("Two?", "2."))) as kept:
        kept.measured(2.0)
        for record in said("Three?", "3.", 2):
            kept.put(record)
        kept.measured(1.0)
        [one] = kept.write(lambda _: kept.newest()[0])
        assert one.speedup == pytest.approx(1.5)


def test_nothing_is_kept_of_lanes_beside_the_chat(file):
    records = [*talk(("One?", "1.")), *(record for record in _race())]
    with archive(file, records=records) as kept:
        kept.write(lambda _: None)
        assert [one.answers for one in kept.newest()[0]] == [1]


def _race():
    from ...tui.scenes import lap

    return lap()
