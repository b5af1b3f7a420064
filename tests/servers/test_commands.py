"""Servers in commands: run in a pipe, doctor, and what a person is told."""

import json
import os
import signal
import subprocess
import sys
from threading import Event

import pytest

from spectui.record.trace import read_trace
from spectui.servers.address import KEY_VARIABLE

from ..program import as_process, one_line, spectui
from ..tui.terminal import Terminal
from .fake import event, llama_server, said, serving

SECRET = "sk-very-secret"


def test_run_in_a_pipe():
    with serving() as fake:
        fake.stream(said("Hello ", "you"))
        done = spectui("run", "Hi", "--server", fake.url, "--system", "Be brief", "--max-new-tokens", "9")
        body = fake.asked[-1][2]
    assert (done.returncode, done.stdout.decode()) == (0, "Hello you\n")
    assert body["messages"] == [{"role": "system", "content": "Be brief"}, {"role": "user", "content": "Hi"}]
    assert (body["model"], body["max_tokens"], body["stream"]) == ("toy", 9, True)


def test_run_as_a_trace_without_the_key(tmp_path, monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    file = tmp_path / "trace.jsonl"
    with serving() as fake:
        llama_server(fake)
        done = spectui("run", "Hi", "--server", fake.url, "--json", "--record", str(file))
        assert fake.asked[-1][1]["Authorization"] == f"Bearer {SECRET}"
    lines = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert [line["type"] for line in lines] == ["header", "turn", *["served"] * 7, "told", "end"]
    assert lines[-2]["drafted"], lines[-2]["accepted"] == (5, 4)
    assert lines[3]["kind"] == "accepted"
    written = [json.loads(line) for line in file.read_text().splitlines()]
    summary = written[-1]
    assert (summary["emitted"], summary["drafted"], summary["accepted"], summary["steps"]) == (7, 5, 4, 2)
    assert summary["rejected"] is None
    assert summary["mean_accepted_tokens"] == 3.0
    assert len(list(read_trace(file))) == len(lines)
    assert SECRET not in file.read_text() + done.stdout.decode() + done.stderr.decode()


def test_what_nobody_told_is_null(tmp_path):
    file = tmp_path / "trace.jsonl"
    with serving() as fake:
        fake.stream(said("Hello ", "you"))
        spectui("run", "Hi", "--server", fake.url, "--record", str(file))
    summary = json.loads(file.read_text().splitlines()[-1])
    unknown = ("emitted", "drafted", "accepted", "steps", "rejected", "tokens_per_second", "acceptance_rate")
    assert {summary[name] for name in unknown} == {None}


def test_marks_of_pieces(capsys):
    with serving() as fake:
        llama_server(fake)
        done = spectui("run", "Hi", "--server", fake.url, "--plain")
    lines = done.stdout.decode().splitlines()
    assert lines[:3] == ['- "One"', '+ " two"', '+ " three"']
    numbers = lines[-1].replace("\xa0", " ")
    assert "accepted 4/5 (80 %)" in numbers
    assert "1 drafted in vain (never sent)" in numbers
    assert lines[-2] == "+ accepted  = correction  * bonus", "no server sends what it rejected"


def test_no_marks_are_explained_where_nothing_is_told():
    with serving() as fake:
        fake.stream(said("Hello ", "you"))
        done = spectui("run", "Hi", "--server", fake.url, "--plain")
    assert done.stdout.decode().splitlines()[-2] == "which tokens were drafted was not told as they came"


def test_marks_that_only_the_end_tells():
    with serving() as fake:
        fake.models([("toy", "vllm")])
        fake.recorded("vllm.sse")
        done = spectui("run", "Hi", "--server", fake.url, "--plain")
    lines = done.stdout.decode().splitlines()
    assert "told at the end: - + = + =" in lines
    assert lines[-2] == "+ accepted  = correction  * bonus"


def test_a_failure_in_mid_answer_keeps_the_text(tmp_path):
    file = tmp_path / "trace.jsonl"
    with serving() as fake:
        fake.stream(event({"choices": [{"delta": {"content": "so far"}}]}))
        done = spectui("run", "Hi", "--server", fake.url, "--record", str(file))
    assert done.returncode == 1
    assert done.stdout.decode() == "so far"
    assert "cut the answer off" in one_line(done)
    assert '"so far"' in file.read_text()


@pytest.mark.parametrize(
    ("words", "said_why"),
    [
        (["--server", "nowhere"], "no server has a name yet"),
        (["--server", "http://127.0.0.1:9"], "nothing answers at http://127.0.0.1:9"),
        (["--server", "http://a:1", "--server", "http://b:1"], "run asks one server"),
    ],
)
def test_what_cannot_be_asked(words, said_why):
    done = spectui("run", "Hi", *words)
    assert done.returncode in (1, 2)
    assert said_why in one_line(done)


def test_a_server_with_a_name(home, monkeypatch):
    monkeypatch.setenv("OTHER_KEY", SECRET)
    with serving() as fake:
        fake.models([("big", "x"), ("small", "x")])
        fake.stream(said("Hello"))
        (home / "config").mkdir()
        settings = f'[servers.lab]\nurl = "{fake.url}/v1"\nmodel = "small"\nkey_variable = "OTHER_KEY"\n'
        (home / "config" / "settings.toml").write_text(settings)
        done = spectui("run", "Hi", "--server", "lab")
        assert fake.asked[-1][2]["model"] == "small"
        assert fake.asked[-1][1]["Authorization"] == f"Bearer {SECRET}"
    assert done.stdout.decode() == "Hello\n"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('servers.lab = "http://x"', "a server is a section"),
        ('[servers.lab]\nurl = "http://x"\nkey = "sk"', "a key stands in no file"),
        ('[servers.ar]\nurl = "http://x"', "a name that something else has"),
        ("[servers.lab]\nmodel = 'x'", "a server is a section"),
    ],
)
def test_bad_names_in_the_settings(home, text, why):
    (home / "config").mkdir()
    (home / "config" / "settings.toml").write_text(text)
    assert why in one_line(spectui("run", "Hi", "--server", "lab"))


def test_doctor_says_what_a_server_is():
    with serving() as fake:
        llama_server(fake)
        counters = (
            b"llamacpp:spec_decode_num_draft_tokens_total 50\nllamacpp:spec_decode_num_accepted_tokens_total 40\n"
        )
        fake.bytes("/metrics", counters)
        done = spectui("doctor", "--server", fake.url)
    text = " ".join(done.stdout.decode().split())
    assert done.returncode == 0, done.stderr
    for words in ("llama.cpp's server b9000-abcdef", "toy.gguf", "4,096 tokens", "yes", "accepted 40/50",
                  "rejected tokens: no server sends them", "accepted 4/5 (80 %)", "told in timings"):  # fmt: skip
        assert words in text, words


def test_doctor_says_what_is_unknown():
    with serving() as fake:
        fake.stream(said("one two"))
        text = spectui("doctor", "--server", fake.url).stdout.decode()
    assert "an OpenAI-compatible server" in text
    assert "not told before an answer" in text
    assert "accepted – (not told)" in " ".join(text.split())


def test_what_came_before_a_kill_is_on_disk(tmp_path):
    file, sent, over = tmp_path / "trace.jsonl", Event(), Event()
    with serving() as fake:
        pieces = (event({"choices": [{"delta": {"content": f"word{n} "}}]}) for n in range(20))
        fake.stream(*pieces, sent.set, lambda: over.wait(60))
        words = [sys.executable, "-m", "spectui", "run", "Hi", "--server", fake.url, "--record", str(file)]
        program = subprocess.Popen(words, stdout=subprocess.PIPE, env=os.environ)
        read = b""
        while b"word19" not in read:
            read += os.read(program.stdout.fileno(), 4096)
        program.send_signal(signal.SIGKILL)
        program.wait()
        assert fake.gone.is_set() or sent.is_set()
        over.set()
    assert "word19" in "".join(getattr(one, "text", "") for one in read_trace(file))


@pytest.mark.slow
def test_a_chat_that_was_killed_goes_on_with_what_had_come(tmp_path):
    over = Event()
    with serving() as fake:
        pieces = (event({"choices": [{"delta": {"content": f"word{n} "}}]}) for n in range(20))
        fake.stream(*pieces, lambda: over.wait(120))
        words = ("chat", "--server", fake.url)
        with Terminal(*words, home=tmp_path) as terminal:
            terminal.until("Ask something").until("toy")
            terminal.type(b"Go on for ever\r")
            terminal.until("word19").until(lambda _: holds(tmp_path, b"word19"))
            terminal.process.send_signal(signal.SIGKILL)
            terminal.process.wait()
        with Terminal(*words, "--resume", home=tmp_path) as terminal:
            terminal.until("word19").until("the program ended in the middle of this answer")
        over.set()


def holds(folder, text):
    """Whether a file of a folder holds a text."""
    return any(text in file.read_bytes() for file in folder.rglob("*") if file.is_file())


def test_no_model_is_loaded_for_a_server():
    code = (
        "import sys\nfrom spectui.cli.main import main\n"
        "try: main()\nexcept SystemExit: print(sorted(set(sys.modules) & {'torch', 'transformers', 'textual'}))"
    )
    with serving() as fake:
        fake.stream(said("Hello"))
        words = [sys.executable, "-c", code, "run", "Hi", "--server", fake.url]
        done = subprocess.run(words, capture_output=True, text=True, env=os.environ)
    assert done.stdout.splitlines() == ["Hello", "[]"]


def test_the_key_stands_in_no_file_of_the_program(home):
    with serving() as fake:
        fake.stream(event({"choices": [{"delta": {"content": "so far"}}]}), event({"error": "out of memory"}))
        words = ("run", "Hi", "--server", fake.url, "--record", str(home / "trace.jsonl"))
        done = as_process(*words, **{KEY_VARIABLE: SECRET})
        assert fake.asked[-1][1]["Authorization"] == f"Bearer {SECRET}"
    assert "out of memory" in one_line(done)
    written = [file.read_bytes() for file in home.rglob("*") if file.is_file()]
    assert b"so far" in b"".join(written)
    assert SECRET.encode() not in b"".join(written) + done.stdout + done.stderr


def test_a_key_that_comes_in_two_events_reaches_neither_screen_nor_trace(home):
    with serving() as fake:
        fake.stream(said(f"Yours is {SECRET[:6]}", f"{SECRET[6:]}, is it not?"))
        words = ("run", "Hi", "--server", fake.url, "--record", str(home / "trace.jsonl"))
        done = as_process(*words, **{KEY_VARIABLE: SECRET})
    assert done.stdout.decode() == "Yours is [key], is it not?\n"
    written = b"".join(file.read_bytes() for file in home.rglob("*") if file.is_file())
    told = "".join(getattr(one, "text", "") for one in read_trace(home / "trace.jsonl"))
    assert told == "Yours is [key], is it not?"
    assert SECRET.encode() not in written + done.stderr
