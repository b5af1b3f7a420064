"""``spectui datastore`` and ``spectui doctor`` as a shell runs them."""

import json

import pytest

from ..program import one_line, spectui


def out(done):
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


@pytest.fixture
def talks(tmp_path):
    file = tmp_path / "talks.jsonl"
    lines = [
        {"messages": [{"role": "user", "content": "Where?"}, {"role": "assistant", "content": "In a garden of Oslo."}]},
        {"conversations": [{"from": "human", "value": "When?"}, {"from": "gpt", "value": "On a sunny Friday."}]},
        {"turns": ["First question", "Second question"]},
        {"text": "A text that stands alone. <|im_end|>"},
    ]  # fmt: skip
    file.write_text("\n".join(json.dumps(line) for line in lines))
    return file


def test_texts_are_loaded_shown_and_cleared(tmp_path, talks):
    notes = tmp_path / "notes"
    (notes / ".hidden").mkdir(parents=True)
    (notes / ".hidden" / "x.txt").write_text("not this")
    (notes / "a.txt").write_text("The bakery of Oslo is closed on Friday.\n" * 40)
    assert "tokens in 1 sub-index" in out(spectui("datastore", "build", str(talks), str(notes), "--name", "mine"))
    shown = out(spectui("datastore", "info"))
    assert "mine" in shown
    row = next(line for line in shown.splitlines() if "mine" in line)
    assert row.split()[1] == "8", "seven texts of the talks, one of the notes"
    assert "integrity check passed" in shown
    assert "finished answers are learnt" in shown
    lines = out(spectui("run", "Where is the bakery?", "--mode", "sssd", "--json")).splitlines()
    steps = [json.loads(line) for line in lines if json.loads(line)["type"] == "step"]
    assert any(node["source"]["kind"] == "datastore" for step in steps for node in step["nodes"])
    assert "learnt answers 1" in " ".join(out(spectui("datastore", "info")).split())
    out(spectui("datastore", "clear", "--learnt", "--yes"))
    assert "learnt answers 0" in " ".join(out(spectui("datastore", "info")).split())
    assert "mine" in out(spectui("datastore", "info"))
    out(spectui("datastore", "clear", "--yes", "--model", "demo"))
    assert "mine" not in out(spectui("datastore", "info"))


def test_an_answer_is_not_learnt_when_a_person_says_so():
    out(spectui("run", "Hello!", "--no-learn"))
    out(spectui("run", "Hello!", "--no-datastore"))
    out(spectui("run", "Hello!", SPECTUI_DATASTORE__LEARN="no"))
    assert "there is no datastore yet" in out(spectui("datastore", "info"))


BAD = {
    "not there": lambda path: None,
    "not a conversation": lambda path: path.write_text('{"messages": 3}\n'),
    "no JSON": lambda path: path.write_text("{\n"),
    "bytes": lambda path: path.write_bytes(b'{"text": "\xff\xfe"}'),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_texts_are_one_line_and_nothing_is_added(tmp_path, talks, name):
    bad = tmp_path / "bad.jsonl"
    BAD[name](bad)
    done = spectui("datastore", "build", str(talks), str(bad))
    assert done.returncode == 1
    assert "bad.jsonl" in one_line(done)
    assert "mine" not in out(spectui("datastore", "info"))
    if name != "not there":
        assert "tokens in 1 sub-index" in out(spectui("datastore", "build", str(talks), str(bad), "--skip-bad"))


def test_a_damaged_store_is_told_and_chatting_goes_on(home, talks):
    out(spectui("datastore", "build", str(talks)))
    next(home.rglob("*.index")).write_bytes(b"nothing")
    done = spectui("datastore", "info")
    assert done.returncode == 1
    assert "damaged" in done.stdout.decode()
    assert out(spectui("run", "What are you?", "--mode", "sssd")).startswith("I am the spectui demo model")
    out(spectui("datastore", "clear", "--yes"))
    assert spectui("datastore", "info").returncode == 0


def test_the_doctor_tells_what_was_measured():
    told = out(spectui("doctor", "--draft", "none"))
    for words in (
        "demo · no draft model",
        "T(m)",
        "datastore",
        "no draft model is loaded",
        "seven drafted tokens pay",
        "settings",
    ):
        assert words in " ".join(told.split()), "wherever the lines are broken"
    rows = [line.split() for line in told.splitlines() if line.split()[:1] and line.split()[0] in ("1", "16", "64")]
    assert [row[0] for row in rows] == ["1", "16", "64"]
    assert float(rows[0][1]) <= float(rows[1][1]) <= float(rows[2][1])


def test_the_doctor_cannot_load_what_is_not_there():
    done = spectui("doctor", "--model", "./nowhere")
    assert done.returncode == 1
    one_line(done)


def test_without_a_draft_model_the_mode_is_sssd():
    lines = out(spectui("run", "Hello!", "--draft", "none", "--json")).splitlines()
    assert json.loads(lines[1])["mode"] == "sssd"
