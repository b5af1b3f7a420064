"""The commands: words in, text and an exit code out."""

import json
import os
import subprocess
import sys
from dataclasses import asdict

import pytest

from spectui.record.recording import TraceFile
from spectui.record.replay import Replay
from spectui.record.trace import read_trace

from ..program import as_process, one_line, spectui


@pytest.mark.oldest
def test_an_answer_in_a_pipe_is_the_text_and_nothing_else():
    done = as_process("run", "What are you?")
    assert done.returncode == 0
    assert done.stdout.decode().startswith("I am the spectui demo model")
    assert b"\x1b" not in done.stdout
    assert done.stderr == b""


def test_standard_input_json_and_a_record_are_the_same_trace(tmp_path):
    file = tmp_path / "t.jsonl"
    done = as_process("run", "-", "--json", "--record", str(file), stdin=b"Hello!\n")
    assert done.returncode == 0
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [line["type"] for line in lines[:3]] == ["header", "turn", "prefill"]
    assert lines[0]["format"] == "spectui.trace/1"
    assert lines[-1]["type"] == "end"
    saved = [json.loads(line) for line in file.read_text().splitlines()]
    assert [line for line in saved if line["type"] != "summary"] == lines
    assert len(list(read_trace(file))) == len(lines)
    replay = Replay(TraceFile(file))
    replay.until(replay.length)
    numbers = asdict(replay.lanes["chat"].meter.numbers)
    assert numbers.pop("unknown") == ()
    assert {name: saved[-1][name] for name in numbers} == numbers, "the summary that was written live"
    step = next(line for line in lines if line["type"] == "step")
    assert {"nodes", "accepted", "emitted", "ms", "spans", "limit", "why_no_draft", "target_top"} <= set(step)


def test_the_same_seed_gives_the_same_text_in_both_modes():
    texts = {
        spectui("run", "Tell me a story.", "--mode", mode, "-t", "1.1", "--seed", "5", "--max-new-tokens", "40").stdout
        for mode in ("ar", "draft")
    }
    assert len(texts) == 1


@pytest.mark.oldest
@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["run", ""], 2, "the prompt is empty"),
        (["run"], 2, "Missing argument"),
        (["run", "x", "--mode", "warp"], 2, "choose from ar, draft"),
        (["run", "x", "--rule", "hopeful"], 2, "coupled or classic"),
        (["run", "x", "--temperature", "-1"], 2, "temperature must be"),
        (["run", "x", "--draft-tokens", "99"], 2, "draft tokens must be"),
        (["run", "x", "--top-p", "0"], 2, "top-p must be"),
        (["run", "x", "--model", "dmeo"], 1, "did you mean demo"),
        (["run", "x", "--model", "./nowhere"], 1, "does not exist"),
        (["run", "x", "--mode", "draft", "--draft", "none"], 1, "no draft model is loaded"),
        (["run", "x", "--record", "/proc/nope/x.jsonl"], 1, "cannot write"),
        (["fly"], 2, "fly"),
    ],
)
def test_a_mistake_is_one_line_and_the_right_exit_code(words, code, said):
    done = spectui(*words)
    assert done.returncode == code
    assert said in one_line(done)
    assert done.stdout == b""


def test_standard_input_that_is_not_utf8():
    done = as_process("run", "-", stdin=b"\xff\xfehello")
    assert done.returncode == 1
    assert "not UTF-8" in one_line(done)


def test_a_damaged_settings_file_is_one_line(home):
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text("[decoding]\nsede = 1\n")
    done = spectui("run", "x")
    assert done.returncode == 1
    assert "did you mean seed" in one_line(done)


def test_a_closed_pipe_is_quiet():
    command = f"{sys.executable} -m spectui run 'Tell me a story.' | head -c 1"
    done = subprocess.run(command, shell=True, capture_output=True, timeout=120)
    assert len(done.stdout) == 1
    assert done.stderr == b""


def test_marks_for_screen_readers():
    done = spectui("run", "Hello!", "--plain")
    text = done.stdout.decode()
    assert text.startswith("first ")
    assert '+ "' in text
    assert "accepted" in text.splitlines()[-1]


@pytest.mark.oldest
def test_version_models_and_help():
    assert spectui("--version").stdout.startswith(b"spectui ")
    models = spectui("models", COLUMNS="200").stdout.decode()
    assert "llama-3-8b" in models
    assert "meta-llama/Llama-3.2-1B-Instruct" in models
    for command in ("chat", "run", "models"):
        assert b"Example" in spectui(command, "--help").stdout


def test_chat_without_a_terminal_is_one_line():
    done = as_process("chat", stdin=b"")
    assert done.returncode == 1
    assert "needs a terminal" in one_line(done)


@pytest.mark.oldest
def test_compare_prints_a_table_with_the_promise(tmp_path):
    file = tmp_path / "race.jsonl"
    done = spectui(
        "compare", "Hello!", "--modes", "draft", "--headless", "--rounds", "2", "--record", str(file)
    )  # fmt: skip
    assert done.returncode == 0
    text = done.stdout.decode()
    assert "same text ✓" in text
    assert "T(m) in ms" in text
    lanes = [record.lane for record in read_trace(file) if hasattr(record, "turn")]
    assert lanes == ["ar", "draft"] * 2, "the warm-up is not recorded"
    assert [take.lanes for take in Replay(TraceFile(file)).takes] == [("ar", "draft")] * 2


def test_compare_repeats_what_is_short_and_marks_what_is_too_little(tmp_path):
    words = ("compare", "Hello!", "--modes", "draft", "--headless")
    once = spectui(*words, "--rounds", "1").stdout.decode()
    assert "? n=1" in once
    assert "?: doubtful, from less than 100 ms or 20 steps" in once
    assert "datastore: empty" in once
    file = tmp_path / "race.jsonl"
    done = spectui(*words, "--record", str(file))
    text = done.stdout.decode()
    rounds = len([record for record in read_trace(file) if hasattr(record, "turn")]) // 2
    assert rounds >= 3
    assert f"n={rounds}" in text


def test_a_comparison_says_what_it_remembers(home, tmp_path):
    words = ("compare", "Hello!", "--modes", "sssd", "--headless", "--rounds", "1")
    assert spectui("run", "Hello!", "--mode", "sssd").returncode == 0
    assert "remembers" not in spectui(*words).stdout.decode()
    text = spectui(*words, "--with-datastore").stdout.decode()
    assert "sssd, remembers " in text
    assert "tokens remembered" in text
    assert "--with-datastore needs the datastore" in one_line(spectui(*words, "--with-datastore", "--no-datastore"))


def test_bench_writes_a_report_and_a_plot(tmp_path):
    questions = tmp_path / "q.jsonl"
    questions.write_text('{"question_id": 1, "category": "chat", "turns": ["Hello!"]}\nnonsense\n')
    report, plot = tmp_path / "r.json", tmp_path / "p.svg"
    words = ("bench", "--questions", str(questions), "--format", "json", "-o", str(report), "--plot", str(plot))
    bad = spectui(*words)
    assert bad.returncode == 1
    assert "q.jsonl, line 2: not a question" in one_line(bad)
    trace = tmp_path / "t.jsonl"
    done = spectui(*words, "--skip-bad-lines", "--max-new-tokens", "20", "--record", str(trace))
    assert done.returncode == 0, done.stderr
    assert json.loads(report.read_text())["summary"][1]["identical_to_ar"] == 1
    assert plot.read_text().startswith("<svg")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["p.svg", "q.jsonl", "r.json", "t.jsonl"]
    replay = Replay(TraceFile(trace))
    assert len(replay.takes) == 1, "no warm-up"
    replay.until(replay.length)
    runs = {run["lane"]: run for run in json.loads(report.read_text())["runs"]}
    assert set(replay.take.lanes) == set(runs)
    for lane, state in replay.lanes.items():
        assert state.meter.tokens == runs[lane]["tokens"]
        assert state.meter.numbers.decode_ms == runs[lane]["decode_ms"]


@pytest.mark.parametrize(
    ("words", "code", "what"),
    [
        (("bench", "--modes", "ar,magic"), 2, "unknown mode 'magic'"),
        (("bench", "--peers", "vllm"), 2, "unknown peer 'vllm'; choose from hf, hf-assisted, hf-pld"),
        (("bench", "--format", "xml"), 2, "unknown format 'xml'"),
        (("bench", "--questions", "nowhere.jsonl"), 1, "cannot read questions from nowhere.jsonl"),
        (("bench", "--questions", os.devnull), 1, "holds no question"),
        (("bench", "-o", "/dev/null/x.json"), 1, "cannot write /dev/null/x.json"),
        (("compare", "--headless"), 2, "--headless needs a prompt"),
        (("compare", "Hello!", "--headless", "--draft", "none", "--modes", "draft"), 1, "a race takes 2 to 6 lanes"),
        (("compare", "Hello!"), 1, "needs a terminal"),
    ],
)
def test_what_cannot_be_measured_is_one_line(words, code, what):
    done = spectui(*words)
    assert done.returncode == code
    assert what in one_line(done)
