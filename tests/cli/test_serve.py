"""``spectui serve``: what it says, and what it starts."""

import os
import sys
from subprocess import PIPE, Popen

import pytest
from typer.testing import CliRunner

from spectui.cli import serve
from spectui.cli.main import app
from spectui.record.trace import TraceWriter
from spectui.system.errors import UserError

from ..tui.played import READY, STORY, STORY_TOLD, answer


class Started:
    """In place of textual-serve's server."""

    made: tuple = ()

    def __init__(self, *given):
        Started.made = given

    def serve(self):
        """Nothing."""


def run(monkeypatch, *words, installed=True):
    monkeypatch.setattr(serve, "find_spec", lambda _: object() if installed else None)
    monkeypatch.setattr(serve, "server", Started)
    return CliRunner().invoke(app, ["serve", *words])


def test_it_shows_the_chat_to_this_machine_alone(monkeypatch):
    result = run(monkeypatch)
    assert result.exit_code == 0
    command, host, port = Started.made
    assert (host, port) == ("127.0.0.1", 8000)
    assert command.endswith("-m spectui chat")
    assert command.startswith(sys.executable)
    assert "anyone" not in result.output


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.5", "::", "my-machine"])
def test_another_address_says_what_it_exposes(monkeypatch, host):
    result = run(monkeypatch, "tour", "--host", host)
    assert "anyone who can reach" in result.output
    assert "no password" in result.output
    assert Started.made[1] == host


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_this_machine_alone_needs_no_word(host):
    assert serve.is_local(host)


def test_a_missing_extra_is_one_clear_line(monkeypatch):
    result = run(monkeypatch, installed=False)
    assert isinstance(result.exception, UserError)
    assert str(result.exception) == serve.MISSING
    assert "pip install 'spectui[web]'" in serve.MISSING


def test_no_shell_takes_part_in_the_command(monkeypatch):
    run(monkeypatch, "chat --system '$(id); rm -rf /'")
    assert Started.made[0].endswith("""chat --system '$(id); rm -rf /'""")
    assert run(monkeypatch, "rm -rf /").exit_code == 2
    assert run(monkeypatch, "chat 'open").exit_code == 2


def test_the_program_draws_for_a_browser_without_a_terminal(tmp_path):
    """As textual-serve starts it: bytes for the page on standard output, keys and the end on standard input."""
    trace = tmp_path / "told.jsonl"
    writer = TraceWriter(trace)
    for record in [READY, *answer("draft", STORY_TOLD, STORY)]:
        writer.write(record)
    writer.close()
    drawn = {"TEXTUAL_DRIVER": "textual.drivers.web_driver:WebDriver", "SPECTUI_HOME": str(tmp_path)}
    words = [sys.executable, "-m", "spectui", "replay", str(trace)]
    with Popen(words, stdin=PIPE, stdout=PIPE, stderr=PIPE, env=os.environ | drawn) as program:
        begun = program.stdout.readline()
        told = b'{"type": "quit"}'
        rest, errors = program.communicate(b"M" + len(told).to_bytes(4, "big") + told, timeout=60)
    assert (begun, errors) == (b"__GANGLION__\n", b"")
    assert rest.startswith(b"D")
    assert program.returncode == 0
