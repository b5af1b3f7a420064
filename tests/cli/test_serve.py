"""``spectui serve``: what it says, and what it starts."""

import os
import re
import sys
from subprocess import PIPE, Popen
from types import ModuleType, SimpleNamespace

import pytest
from typer.testing import CliRunner

from spectui.cli import serve
from spectui.cli.main import app
from spectui.cli.served_page import is_local, may_ask, without_foreign
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
    assert is_local(host)


PAGE = """<head>
    <link rel="stylesheet" href="http://127.0.0.1:8000/static/css/xterm.css" />
    <link
      rel="stylesheet"
      href="https://fonts.googleapis.com/css?family=Roboto%20Mono"
    />
    <script src="//cdn.example/x.js"></script>
    <script src="http://127.0.0.1:8000/static/js/textual.js"></script>
</head><body><svg xmlns="http://www.w3.org/2000/svg"></svg></body>"""
"""What textual-serve's page fetches, and more."""


def fetched(page):
    """Addresses that a browser asks when it opens a page."""
    return re.findall(r"""(?:href|src)\s*=\s*["']([^"']+)|url\(["']?([^"')]+)""", page)


def test_the_page_asks_no_other_host():
    page = without_foreign(PAGE, "http://127.0.0.1:8000/")
    asked = ["".join(one) for one in fetched(page)]
    own = "http://127.0.0.1:8000/static/"
    assert asked == [f"{own}css/xterm.css", f"{own}js/textual.js", "/static/fonts/RobotoMono-VariableFont_wght.ttf"]
    assert page.endswith('</style></head><body><svg xmlns="http://www.w3.org/2000/svg"></svg></body>')


@pytest.mark.parametrize(
    ("origin", "host", "listens_on", "may"),
    [
        ("http://localhost:8000", "localhost:8000", "127.0.0.1", True),
        (None, "[::1]:8000", "127.0.0.1", True),
        ("http://room-3:8000", "room-3:8000", "0.0.0.0", True),
        ("https://evil.example", "127.0.0.1:8000", "127.0.0.1", False),
        ("http://evil.example:8000", "evil.example:8000", "127.0.0.1", False),
        ("null", "127.0.0.1:8000", "127.0.0.1", False),
        ("https://evil.example", "room-3:8000", "0.0.0.0", False),
    ],
)
def test_a_page_that_is_open_elsewhere_cannot_use_the_program(origin, host, listens_on, may):
    assert may_ask(origin, host, listens_on) is may


class Page:
    """In place of textual-serve's server and of what it answers."""

    def __init__(self, _command="", host="", **_):
        self.host, self.public_url, self.text, self.headers = host, "http://0.0.0.0:8000", PAGE, {}

    async def handle_index(self, _request):
        """The page."""
        self.text = PAGE.replace("http://127.0.0.1:8000", self.public_url)
        return self


class Refused(Exception):
    """In place of aiohttp's answer."""

    def __init__(self, text):
        super().__init__(text)


async def test_a_class_gets_the_page_from_where_it_asked(monkeypatch):
    """Without textual-serve, which not every installation has."""
    names = ("aiohttp", "aiohttp.web", "textual_serve", "textual_serve.server")
    parts = {name: ModuleType(name) for name in names}
    parts["aiohttp.web"].HTTPForbidden, parts["textual_serve.server"].Server = Refused, Page
    for name, part in parts.items():
        monkeypatch.setitem(sys.modules, name, part)
    monkeypatch.delitem(sys.modules, "spectui.cli.page_server", raising=False)
    server = serve.server("spectui chat", "0.0.0.0", 8000)
    del sys.modules["spectui.cli.page_server"]  # or other tests would meet the stand-ins
    page = await server.handle_index(SimpleNamespace(scheme="http", host="room-3:8000", headers={}))
    assert [one.partition("static/")[0] for one, _ in fetched(page.text) if one] == ["http://room-3:8000/"] * 2
    assert "connect-src 'self' ws://room-3:8000" in page.headers["Content-Security-Policy"]
    with pytest.raises(Refused, match="only the page of this program"):
        await server.handle_websocket(
            SimpleNamespace(scheme="http", host="room-3:8000", headers={"Origin": "https://evil.example"})
        )


async def test_the_real_page_asks_no_other_host_and_serves_no_other_page():
    pytest.importorskip("textual_serve", reason="textual-serve is not installed")
    from aiohttp import WSServerHandshakeError
    from aiohttp.test_utils import TestClient, TestServer

    app = await serve.server("true", "127.0.0.1", 8000)._make_app()
    async with TestClient(TestServer(app)) as client:
        text = await (await client.get("/")).text()
        asked = ["".join(one) for one in fetched(text)]
        own = str(client.make_url("/"))
        assert len(asked) >= 3
        for one in asked:
            assert one.startswith((own, "/static/"))
            assert one.endswith("/") or (await client.get(one.removeprefix(own.rstrip("/")))).status == 200
        evil = {"Origin": "https://evil.example"}
        assert (await client.get("/", headers=evil)).status == 403
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect("/ws", headers=evil)


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
