"""Races: servers against each other, and beside modes of our own, in one table."""

import json

import pytest

from spectui.record.trace import read_trace

from ..program import one_line, spectui
from .fake import event, llama_server, said, serving


@pytest.fixture
def two():
    with serving() as drafts, serving() as plain:
        llama_server(drafts)
        plain.stream(said("One", " two", usage={"completion_tokens": 2, "prompt_tokens": 11}))
        yield drafts, plain


def race(*words):
    return spectui("compare", "Count", "--headless", "--rounds", "2", *words)


def test_two_servers_in_one_table(two, tmp_path):
    file = tmp_path / "race.jsonl"
    done = race("--server", two[0].url, "--server", two[1].url, "--record", str(file))
    text = done.stdout.decode()
    assert done.returncode == 0, done.stderr
    assert "servers: one after another" in text
    names = [fake.url.removeprefix("http://") for fake in two]
    rows = {line.split()[0]: line.split() for line in text.splitlines() if line.startswith("127.0.0.1")}
    assert set(names) <= set(rows)
    assert f"{names[0]}: 2 of 10 drafted tokens were not accepted; a server sends none" in text
    asked = [body["messages"] for fake in two for path, _, body in fake.asked if path.endswith("completions")]
    assert asked == [[{"role": "user", "content": "Count"}]] * 6, "the same prompt; a warm-up and two rounds"
    lanes = {getattr(one, "lane", None) for one in read_trace(file)}
    assert set(names) <= lanes


def test_at_once_is_said(two):
    done = race("--server", two[0].url, "--server", two[1].url, "--at-once")
    assert "servers: all at once" in done.stdout.decode()


def test_a_mode_and_a_server_in_one_table(two):
    done = race("--modes", "pld", "--max-new-tokens", "12", "--server", two[0].url, "--format", "json")
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    name = two[0].url.removeprefix("http://")
    lanes = {run["lane"]: run for run in report["runs"]}
    assert set(lanes) == {"ar", "pld", name}
    server = lanes[name]
    assert (server["server"], server["mode"], server["new_tokens"], server["drafted"]) == (name, None, 7, 5)
    assert (server["rejected"], server["verify_ms"], server["identical_to_ar"]) == (None, None, None)
    assert server["text"] == "One two three four five six seven"
    assert lanes["pld"]["text"] is None
    (told,) = report["environment"]["servers"]
    assert told["what"].startswith("llama.cpp's server b9000-abcdef, toy.gguf, at http://127.0.0.1")
    assert report["environment"]["servers_at_once"] is False


def test_one_server_is_no_race(two):
    assert "a race takes 2 to 6 lanes, not 1" in one_line(race("--server", two[0].url))


def test_a_server_that_breaks_ends_the_race_in_one_line(two):
    two[1].stream(event({"choices": [{"delta": {"content": "so"}}]}))
    done = race("--server", two[0].url, "--server", two[1].url)
    assert done.returncode == 1
    assert f"{two[1].url} cut the answer off" in one_line(done)


def test_two_lanes_of_one_name(two):
    done = race("--server", two[0].url, "--server", two[0].url)
    assert "two servers are called" in one_line(done)
