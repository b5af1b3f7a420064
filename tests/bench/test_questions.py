"""Question files are read, never trusted."""

import json
from pathlib import Path

import pytest

from spectui.bench.questions import read_questions
from spectui.system.errors import UserError

GOOD = {"question_id": 81, "category": "writing", "turns": ["Hello?", "And now?"]}
BAD = ["{", "[]", '"text"', '{"question_id": 1}', '{"question_id": 1, "turns": []}', '{"question_id": 1, "turns": [7]}',
       '{"turns": ["x"]}', '{"question_id": [], "turns": ["x"]}', '{"question_id": 1, "turns": ["  "]}',
       "[" * 100_000]  # fmt: skip


def write(path: Path, *lines: str) -> str:
    path.write_text("\n".join(lines), "utf-8")
    return str(path)


def test_spec_bench_lines_are_read(tmp_path):
    one, two = read_questions(write(tmp_path / "q.jsonl", json.dumps(GOOD), "", '{"question_id": "b", "turns": ["x"]}'))
    assert (one.id, one.category, one.turns) == ("81", "writing", ("Hello?", "And now?"))
    assert (two.id, two.category) == ("b", "–")


@pytest.mark.parametrize("line", BAD, ids=range(len(BAD)))
def test_a_bad_line_is_named_with_file_and_number(tmp_path, line):
    file = write(tmp_path / "q.jsonl", json.dumps(GOOD), line)
    with pytest.raises(UserError, match=r"q\.jsonl, line 2: not a question .*--skip-bad-lines"):
        read_questions(file)
    skipped = []
    assert len(read_questions(file, skipped.append)) == 1
    assert len(skipped) == 1
    assert len(skipped[0]) < 300


def test_text_is_sanitised(tmp_path):
    line = json.dumps({"question_id": 1, "category": "\x1b[31mred", "turns": ["a\x1b]0;x\x07b"]})
    (question,) = read_questions(write(tmp_path / "q.jsonl", line))
    assert "\x1b" not in question.category + question.turns[0]


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_what_is_not_a_file_is_one_clear_line(name):
    with pytest.raises(UserError, match="cannot read questions"):
        read_questions(name)


def test_no_question_at_all(tmp_path):
    with pytest.raises(UserError, match="holds no question"):
        read_questions(write(tmp_path / "q.jsonl", "", ""))


def test_the_built_in_set_covers_its_families():
    questions = read_questions("demo")
    families = {question.category for question in questions}
    assert len(questions) == len({question.id for question in questions}) == 66
    assert {"copy", "rewrite", "extract", "json", "code edit", "math", "story", "translate", "conversation"} <= families
    assert any(len(question.turns) > 1 for question in questions)
