"""``spectui replay`` and ``spectui export`` as a shell meets them; no model is loaded."""

import json
from xml.etree import ElementTree

import pytest

from spectui.record.events import StepText
from spectui.record.recording import TraceFile
from spectui.record.replay import Replay
from spectui.record.trace import TraceWriter, read_trace

from ..program import spectui
from ..tui.played import READY, STORY, STORY_TOLD, WIDE, WIDE_TOLD, answer
from ..tui.scenes import lap
from .test_cli import one_line


@pytest.fixture(scope="module")
def trace(tmp_path_factory):
    """Two answers and a race."""
    path = tmp_path_factory.mktemp("trace") / "t.jsonl"
    writer = TraceWriter(path)
    for record in [READY, *answer("draft", STORY_TOLD, STORY), *answer("sssd", WIDE_TOLD, WIDE), *lap()]:
        writer.write(record)
    writer.close()
    return path


def out(*words):
    made = spectui(*map(str, words))
    assert made.returncode == 0, made.stderr
    return made.stdout.decode()


def test_text_has_every_token_with_its_mark(trace):
    text = out("replay", trace, "--format", "text", "--take", "1")
    assert text.startswith("— 1 of 3 · 242 of 242 ms · demo target ← demo draft, float32, cpu\n❯ Tell me a story")
    assert "Once[+ upon a time][* there][+ was][x so][. of][= a]" in text
    assert "382.0 tok/s" in text.replace("\xa0", " ")
    assert "x rejected" in text


def test_all_answers_or_one_at_any_moment(trace):
    assert out("replay", trace, "-f", "text").count("❯ ") == 3
    early = out("replay", trace, "-f", "text", "--take", "1", "--at", "21")
    assert "Once[+ upon a time][* there]" in early
    assert "was" not in early
    frames = out("replay", trace, "-f", "text", "--take", "3", "--frames", "4")
    assert frames.count("● Draft model") == 4


def test_markdown_and_svg_escape_what_models_say(trace, tmp_path):
    text = out("replay", trace, "-f", "markdown", "--take", "1")
    assert "**You:** Tell me a story about a shy dragon\\." in text
    assert "<u><sup>\\+</sup> upon a time</u>" in text
    picture = ElementTree.fromstring(out("replay", trace, "-f", "svg", "--take", "2", "--at", "60"))
    assert picture.attrib["role"] == "img"
    assert any("こんにちは" in (one.text or "") for one in picture.iter())
    bad = spectui("replay", str(trace), "-f", "svg")
    assert bad.returncode == 2
    out("replay", trace, "-f", "svg", "--take", "3", "--frames", "3", "-o", tmp_path / "f.svg")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["f-0001.svg", "f-0002.svg", "f-0003.svg"]
    for file in tmp_path.iterdir():
        ElementTree.fromstring(file.read_text())


def test_export_writes_what_is_asked_for(trace, tmp_path):
    files = {name: tmp_path / f"x.{name}" for name in ("html", "markdown", "svg", "text", "trace")}
    out("export", trace, "--take", "2", *(word for name, file in files.items() for word in (f"--{name}", file)))
    assert "こんにちは" in files["html"].read_text()
    alone = Replay(TraceFile(files["trace"]))
    assert (len(alone.takes), alone.question(0), alone.models) == (1, WIDE, READY)
    mine = [one for one in read_trace(files["trace"]) if isinstance(one, StepText)]
    assert mine == [one for one in answer("sssd", WIDE_TOLD, WIDE) if isinstance(one, StepText)]
    last = tmp_path / "last.html"
    out("export", trace, "--html", last)
    assert last.read_text().count('<section class="lane">') == 6


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("replay", "nowhere.jsonl"), 1, "cannot read nowhere.jsonl"),
        (("replay", "TRACE"), 1, "needs a terminal; add --format text"),
        (("replay", "TRACE", "--format", "gif"), 2, "unknown format 'gif'"),
        (("replay", "TRACE", "--frames", "3"), 2, "--frames and --output need --format"),
        (("replay", "TRACE", "--speed", "99"), 2, "speed"),
        (("replay", "TRACE", "-f", "text", "--take", "9"), 1, "there is no answer 9; this trace holds 3"),
        (("replay", "TRACE", "-f", "text", "--at", "1", "--frames", "2"), 2, "choose one of them"),
        (("export", "TRACE"), 2, "say what to write"),
        (("export", "TRACE", "--html", "/dev/null/x"), 1, "cannot write /dev/null/x"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_line(trace, words, code, what):
    made = spectui(*(str(trace) if word == "TRACE" else word for word in words))
    assert made.returncode == code
    assert what in one_line(made)


def test_a_trace_of_another_version_says_so(tmp_path):
    path = tmp_path / "t.jsonl"
    path.write_text(json.dumps({"type": "header", "format": "spectui.trace/9"}) + "\n")
    made = spectui("replay", str(path), "--format", "text")
    assert made.returncode == 1
    assert "this is spectui.trace/9; this version reads spectui.trace/1" in one_line(made)
