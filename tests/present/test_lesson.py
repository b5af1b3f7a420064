"""Lesson files: those that ship, those of teachers, and those that mean harm."""

from pathlib import Path

import pytest

from spectui.engine.drafters.registry import MODES
from spectui.present.lesson import latency_picture, noise_picture, read_lesson, read_lessons, shipped
from spectui.record.events import StepText
from spectui.record.trace import read_trace
from spectui.system.errors import UserError

from .test_inspection import TOLD

GOOD = 'title = "A"\ntext = "B"\nprompt = "C"\n'
ASKED = '[question]\ntext = "Q"\nchoices = ["a", "b"]\nanswer = '


def lesson_of(tmp_path: Path, text: str | bytes):
    file = tmp_path / "l.toml"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_lesson(file)


def test_ten_lessons_ship_and_each_asks_a_question():
    lessons = shipped()
    assert len(lessons) == 10
    assert all(one.question and one.look and one.options.inspect for one in lessons)
    assert {one.picture for one in lessons} == {"", "latency", "noise"}
    assert {mode for one in lessons for mode in one.modes} == set(MODES), "each mode has one"


def recorded(mode):
    """The steps of the lesson of a mode that is played from a trace."""
    (lesson,) = (one for one in shipped() if one.trace and one.modes == [mode])
    return [one for one in read_trace(lesson.folder / lesson.trace) if isinstance(one, StepText)]


def test_the_recorded_lesson_of_hybrid_shows_a_head_that_drafts_and_copies_that_spare_it():
    steps = recorded("hybrid")
    sources = [{node.source.kind for node in one.step.nodes} for one in steps]
    assert {"eagle"} in sources
    assert max(one.step.accepted for one, kinds in zip(steps, sources, strict=True) if kinds == {"output"}) >= 10
    assert {one.step.mode for one in steps} == {"hybrid"}
    assert all(one.step.target_top for one in steps)


def test_the_recorded_lesson_shows_what_a_head_drafted():
    steps = recorded("eagle")
    assert {node.source.kind for one in steps for node in one.step.nodes} == {"eagle"}
    assert all(one.step.target_top for one in steps), "the inspector can say what the target wanted"
    assert max(one.step.accepted for one in steps) >= 4
    assert any(not one.step.accepted for one in steps), "and where the head failed"
    assert any(len({node.parent for node in one.step.nodes}) < len(one.step.nodes) for one in steps), "trees"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("title = ", "l.toml: "),
        (b"\xff\xfe", "not UTF-8"),
        ("#" * 70_000, "larger than 64 KiB"),
        ("a = " + "[" * 9_000, "l.toml: "),
        ('text = "B"\nprompt = "C"', "title"),
        (GOOD.replace('"A"', '" "'), "title is empty"),
        (GOOD + 'promt = "x"', "there is no promt; did you mean prompt"),
        (GOOD + 'folder = "/"', "there is no folder"),
        (GOOD + 'trace = "t.jsonl"', "either prompt or trace"),
        ('title = "A"\ntext = "B"\ntrace = "../../etc/passwd"', "a file beside this one"),
        ('title = "A"\ntext = "B"\ntrace = "/etc/passwd"', "a file beside this one"),
        (GOOD + 'modes = ["medusa"]', "there is no 'medusa'; choose from ar"),
        (GOOD + "modes = []", "from 1 to 4"),
        (GOOD + 'modes = ["ar", "ar"]', "each of them once"),
        (GOOD + "speed = nan", "speed is from 0.05 to 10"),
        (GOOD + 'picture = "cat"', "choose from latency, noise"),
        (GOOD + "[settings]\ntemprature = 1.0", "did you mean temperature"),
        (GOOD + "[settings]\ntemperature = -1.0", "temperature"),
        (GOOD + "[settings]\nmax_new_tokens = 100000", "at most 2048"),
        (GOOD + ASKED + "3", "number of a choice"),
        (GOOD + ASKED + "0", "number of a choice"),
        (GOOD + ASKED + '1\nhint = "x"', "there is no question.hint"),
        (GOOD + 'title2 = "\\u001b]52;c;aGk=\\u0007"', "there is no title2"),
    ],
)
def test_a_lesson_that_cannot_be_used_says_why_in_one_line(tmp_path, text, reason):
    with pytest.raises(UserError) as caught:
        lesson_of(tmp_path, text)
    message = str(caught.value)
    assert reason in message
    assert "\n" not in message
    assert "\x1b" not in message


def test_what_a_terminal_would_obey_is_taken_out(tmp_path):
    lesson = lesson_of(tmp_path, GOOD.replace('"B"', '"\\u001b[2Jhello \\u202e"') + ASKED + "1")
    assert "\x1b" not in lesson.text
    assert "\u202e" not in lesson.text
    assert "hello" in lesson.text


def test_a_folder_holds_lessons_in_the_order_of_their_names(tmp_path):
    with pytest.raises(UserError, match="holds no lesson"):
        read_lessons(tmp_path)
    for name in "ba":
        (tmp_path / f"{name}.toml").write_text(GOOD.replace('"A"', f'"{name}"'))
    assert [one.title for one in read_lessons(tmp_path)] == ["a", "b"]
    for name in ("10-ten", "9-nine"):
        (tmp_path / f"{name}.toml").write_text(GOOD.replace('"A"', f'"{name}"'))
    assert [one.title for one in read_lessons(tmp_path)] == ["a", "b", "9-nine", "10-ten"]
    for number in range(70):
        (tmp_path / f"{number}.toml").write_text(GOOD)
    with pytest.raises(UserError, match="more than 64"):
        read_lessons(tmp_path)
    with pytest.raises(UserError, match="cannot read"):
        read_lessons(tmp_path / "none.toml")


def test_the_curve_of_this_machine_is_drawn_to_scale():
    rows = latency_picture({1: 1.0, 8: 2.0}).splitlines()
    assert rows[1].count("█") * 2 == rows[2].count("█") == 32
    assert "loaded" in latency_picture({})


def test_the_noise_picture_shows_a_place_where_the_noise_decided():
    picture = noise_picture({"ar": TOLD, "draft": TOLD})
    assert "the noise at place 7" in picture, "there the likeliest token was not chosen"
    assert picture.count('▸ " ran"') == 2
    assert "watched" in noise_picture({})
