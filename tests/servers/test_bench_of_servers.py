"""Servers in the bench: alone, beside modes, and under load."""

import csv
import io
import json
from importlib.resources import files
from threading import Lock

import jsonschema
import pytest

from spectui.bench.load import levels_up_to
from spectui.present.load_report import Level, Request, percentiles
from spectui.record.events import ServedText
from spectui.record.recording import TraceFile
from spectui.record.replay import Replay
from spectui.session.served import connect

from ..program import one_line, spectui
from .fake import event, llama_server, said, serving

SCHEMA = json.loads(files("spectui.bench").joinpath("schema.json").read_text("utf-8"))


@pytest.fixture
def two():
    with serving() as drafts, serving() as plain:
        llama_server(drafts)
        plain.stream(said("One", " two", usage={"completion_tokens": 2, "prompt_tokens": 11}))
        yield drafts, plain


@pytest.fixture
def questions(tmp_path):
    file = tmp_path / "questions.jsonl"
    asked = [{"question_id": n, "category": "chat", "turns": [f"Question {n}?", "And then?"]} for n in range(2)]
    file.write_text("".join(json.dumps(one) + "\n" for one in asked))
    return str(file)


def name_of(fake):
    return fake.url.removeprefix("http://")


def messages(fake):
    return [body["messages"] for path, _, body in fake.asked if path.endswith("completions")]


def test_servers_alone(two, questions):
    words = ["--server", two[0].url, "--server", two[1].url]
    done = spectui("bench", "--questions", questions, *words, "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    jsonschema.validate(report, SCHEMA)
    assert len(report["runs"]) == 2 * 2 * 2
    first = report["runs"][0]
    assert (first["lane"], first["drafted"], first["accepted"], first["rejected"]) == (name_of(two[0]), 5, 4, None)
    assert (first["prompt_tokens"], first["new_tokens"], first["steps"]) == (11, 7, 2)
    assert report["runs"][1]["drafted"] is None
    whole = {one["lane"]: one for one in report["summary"]}
    assert whole[name_of(two[0])]["acceptance_rate"] == 0.8
    assert whole[name_of(two[1])]["drafted"] is None
    assert report["environment"]["forward"] is None
    second_turn = messages(two[1])[2]
    said_before = "One two three four five six seven"
    assert [one["content"] for one in second_turn] == ["Question 0?", said_before, "And then?"], (
        "the same prompt for all"
    )


def test_the_record_of_a_bench_holds_modes_and_servers_side_by_side(two, questions, tmp_path):
    path = tmp_path / "bench.jsonl"
    words = ["--modes", "ar", "--server", two[0].url, "--max-new-tokens", "8", "--record", str(path)]
    done = spectui("bench", "--questions", questions, *words, "--limit", "1")
    assert done.returncode == 0, done.stderr
    replay = Replay(TraceFile(path))
    assert [replay.question(number) for number in range(2)] == ["Question 0?", "And then?"], "no warm-up"
    assert {lane for take in replay.takes for lane in take.lanes} == {"ar", name_of(two[0])}
    assert replay.models.servers[name_of(two[0])].startswith("llama.cpp's server")
    pieces = [one for one in replay.records(1) if isinstance(one, ServedText)]
    assert "".join(one.text for one in pieces) == "One two three four five six seven"


def test_the_record_of_servers_alone(two, questions, tmp_path):
    path = tmp_path / "bench.jsonl"
    words = ["--server", two[0].url, "--server", two[1].url, "--at-once", "--record", str(path)]
    assert spectui("bench", "--questions", questions, *words).returncode == 0
    takes = Replay(TraceFile(path)).takes
    assert [set(take.lanes) for take in takes] == [{name_of(two[0]), name_of(two[1])}] * 4
    load = spectui("bench", *words, "--concurrency", "2")
    assert load.returncode == 2
    assert "no --modes, --peers or --record" in " ".join(load.stderr.decode().replace("│", " ").split())


def test_servers_beside_a_mode(two, questions):
    words = ["--modes", "ar", "--server", two[0].url, "--max-new-tokens", "8", "--limit", "1"]
    text = spectui("bench", "--questions", questions, *words).stdout.decode()
    assert "servers: one after another" in text
    assert f"{name_of(two[0])}: 2 of 10 drafted tokens were not accepted" in text
    assert messages(two[0])[-1][1]["role"] == "assistant"


def test_at_once_servers_answer_together(two, questions):
    words = ["--server", two[0].url, "--server", two[1].url, "--at-once", "--limit", "1"]
    text = spectui("bench", "--questions", questions, *words).stdout.decode()
    assert "servers: all at once" in text


def test_a_server_that_breaks_leaves_the_bench_and_the_others_go_on(two, questions):
    two[1].stream(event({"choices": [{"delta": {"content": "so"}}]}))
    done = spectui("bench", "--questions", questions, "--server", two[0].url, "--server", two[1].url)
    assert done.returncode == 0
    assert f"{name_of(two[1])} left out: {two[1].url} cut the answer off" in " ".join(done.stdout.decode().split())


def test_a_bench_of_which_nothing_is_left_fails_in_one_line(two, questions):
    two[1].json("/v1/chat/completions", {}, 500)
    done = spectui("bench", "--questions", questions, "--server", two[1].url)
    assert done.returncode == 1
    assert "failed (HTTP 500)" in one_line(done)


def test_it_goes_on_where_it_was(two, questions, tmp_path):
    file = tmp_path / "report.json"
    words = ["bench", "--questions", questions, "--server", two[0].url, "--format", "json", "-o", str(file)]
    assert spectui(*words).returncode == 0
    report = json.loads(file.read_text())
    assert {run["text"] for run in report["runs"]} == {"One two three four five six seven"}


def test_levels():
    assert levels_up_to(1) == [1]
    assert levels_up_to(16) == [1, 2, 4, 8, 16]
    assert levels_up_to(6) == [1, 2, 4, 6]


def test_percentiles_are_by_nearest_rank_and_unknown_where_one_is():
    assert percentiles([float(n) for n in range(1, 11)]) == {50: 5.0, 90: 9.0, 99: 10.0}
    assert percentiles([7.0]) == {50: 7.0, 90: 7.0, 99: 7.0}
    assert percentiles([7.0, None]) == dict.fromkeys((50, 90, 99))
    assert percentiles([]) == dict.fromkeys((50, 90, 99))


def test_a_level_counts_what_failed_apart():
    good = Request(None, 100.0, 10.0, 50.0, 5, 4, 2)
    level = Level.of("x", 2, 2.0, [good, good, Request("busy", 1.0, None, None, None, None, None)], 99, 98)
    assert (level.requests, level.failed, level.first_failure) == (3, 1, "busy")
    assert (level.tokens, level.total_tokens_per_second, level.acceptance_rate) == (10, 5.0, 0.5)
    untold = Level.of("x", 1, 1.0, [Request(None, 1.0, 1.0, None, None, None, None)], 10, 5)
    assert (untold.tokens, untold.drafted, untold.acceptance_rate) == (None, 10, 0.5), "the server's own counters"


@pytest.mark.parametrize("form", ["table", "json", "csv", "markdown"])
def test_load_in_every_format(two, questions, tmp_path, form):
    plot = tmp_path / "load.svg"
    words = ["--questions", questions, "--server", two[0].url, "--concurrency", "2", "--plot", str(plot)]
    done = spectui("bench", *words, "--format", form)
    assert done.returncode == 0, done.stderr
    text = done.stdout.decode()
    if form == "json":
        report = json.loads(text)
        assert report["format"] == "spectui.load/1"
        assert [level["concurrency"] for level in report["levels"]] == [1, 2]
        assert report["levels"][1]["requests"] == 4
        assert report["levels"][0]["acceptance_rate"] == 0.8
        assert report["levels"][0]["latency_ms_p90"] > 0
    elif form == "csv":
        rows = list(csv.DictReader(io.StringIO(text)))
        assert [row["accepted"] for row in rows] == ["8", "16"]
    else:
        assert "8/10 80%" in text
        assert "percentiles over requests" in text
    assert "<svg" in plot.read_text()


def test_so_many_requests_are_under_way_at_a_time(questions):
    lock, now, most = Lock(), [0], [0]

    def begin():
        with lock:
            now[0] += 1
            most[0] = max(most[0], now[0])

    def end():
        with lock:
            now[0] -= 1

    with serving() as fake:
        from time import sleep

        fake.stream(begin, lambda: sleep(0.05), said("x", usage={"completion_tokens": 1}), end)
        done = spectui("bench", "--questions", questions, "--server", fake.url, "--concurrency", "4")
    assert done.returncode == 0, done.stderr
    assert most[0] == 4


def test_load_is_for_servers():
    assert "it takes --server" in one_line(spectui("bench", "--concurrency", "2"))


def test_every_request_of_a_level_failing_is_one_line(questions):
    with serving() as fake:
        answers = iter([said("ok")])
        fake.routes["/v1/chat/completions"] = lambda handler: reply_once(handler, answers)
        done = spectui("bench", "--questions", questions, "--server", fake.url, "--concurrency", "1")
    assert done.returncode == 1
    assert "all 2 requests failed" in one_line(done)


def reply_once(handler, answers):
    body = next(answers, b"")
    handler.send_response(200 if body else 429)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body)


def test_lanes_may_be_asked_again(two):
    (lane,) = connect([_choice(two[0])]).values()
    assert lane.another().facts is lane.facts


def _choice(fake):
    from spectui.config.choice import ServerChoice

    return ServerChoice(url=fake.url)
