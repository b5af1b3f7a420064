"""Every bad server ends in one clear line, and the text that came before it is kept."""

import json
import os
import socket
import time
from contextlib import suppress
from dataclasses import replace
from threading import Event, Thread

import pytest

from spectui.servers.address import KEY_VARIABLE, Hushing, check_keys, server_at
from spectui.servers.answer import Asking, Piece
from spectui.servers.connection import Connection
from spectui.servers.drafts import read_drafts
from spectui.servers.engines import LLAMA_SERVER, OTHER
from spectui.servers.failures import Cancelled
from spectui.servers.probe import counters_of, probe
from spectui.servers.prometheus import DRAFTED, RATE
from spectui.system.errors import UserError

from ..hostile import FORBIDDEN, HOSTILE
from .fake import event, said, serving
from .test_drafts import HELLO

PATH = "/v1/chat/completions"
SECRET = "sk-very-secret"


def read(fake, silence=30.0):
    """The text until the answer failed, and the line that says why."""
    connection = Connection(server_at(fake.url, silence=silence))
    text = ""
    try:
        for one in Asking(connection, OTHER, "toy")(HELLO):
            text += one.text if isinstance(one, Piece) else ""
        pytest.fail("the answer came to its end")
    except UserError as failed:
        message = str(failed)
    connection.close()
    assert "\n" not in message
    assert not FORBIDDEN & set(message)
    return text, message


def delta(text):
    return event({"choices": [{"index": 0, "delta": {"content": text}}]})


@pytest.mark.parametrize(
    ("status", "body", "headers", "words"),
    [
        (401, {"error": {"message": "Invalid key"}}, {}, ["refuses", "Invalid key", KEY_VARIABLE]),
        (403, {}, {}, ["refuses", "403"]),
        (404, {"detail": "Not Found"}, {}, ["no /v1/chat/completions", "doctor --server"]),
        (429, {"error": "slow down"}, {"Retry_After": "7"}, ["busy", "slow down", "in 7 s"]),
        (429, {}, {"Retry_After": "9" * 500}, ["busy", "after 999"]),
        (429, {}, {"Retry_After": "Wed, 21 Oct 2026 07:28:00 GMT"}, ["after Wed, 21 Oct"]),
        (500, {"message": "CUDA error"}, {}, ["failed", "CUDA error", "log"]),
        (400, {"detail": [{"msg": "bad"}]}, {}, ["does not take", "bad"]),
    ],
)
def test_statuses(status, body, headers, words):
    with serving() as fake:
        fake.json(PATH, body, status, **headers)
        text, message = read(fake)
    assert text == ""
    assert all(word in message for word in words), message


def test_failure_in_mid_stream_keeps_the_text():
    with serving() as fake:
        fake.stream(delta("so far "), event({"error": {"message": "out of\nmemory", "code": 500}}))
        text, message = read(fake)
    assert text == "so far "
    assert "out of␊memory" in message


def test_a_cut_stream_keeps_the_text():
    with serving() as fake:
        fake.stream(delta("so far"))
        text, message = read(fake)
    assert text == "so far"
    assert "cut the answer off" in message


def test_an_end_without_a_reason_is_none():
    with serving() as fake:
        fake.stream(delta("so far"), b"data: [DONE]\n\n")
        text, message = read(fake)
    assert text == "so far"
    assert "cut the answer off; another request may have taken its place" in message


def test_a_chunked_stream_that_breaks():
    def reply(handler):
        handler.send_response(200)
        handler.send_header("Transfer-Encoding", "chunked")
        handler.end_headers()
        part = delta("so far")
        handler.wfile.write(f"{len(part):x}\r\n".encode() + part + b"\r\nff")
        handler.close_connection = True

    with serving() as fake:
        fake.routes[PATH] = reply
        text, message = read(fake)
    assert text == "so far"
    assert "broke the connection off; look whether it still runs" in message


@pytest.mark.parametrize("data", ["{broken", "[1]", "null", "[" * 100_000], ids=["cut", "a list", "null", "deep"])
def test_what_is_no_event(data):
    with serving() as fake:
        fake.stream(delta("so far"), f"data: {data}\n\n".encode())
        text, message = read(fake)
    assert text == "so far"
    assert "is it an OpenAI-compatible server?" in message


def test_characters_split_over_chunks_arrive_whole():
    whole = "data: " + json.dumps({"choices": [{"delta": {"content": "naïve 漢字 👩‍👧"}}]}, ensure_ascii=False)
    with serving() as fake:
        fake.stream(*(bytes([byte]) for byte in f"{whole}\r\n\r\n".encode()), said(""))
        connection = Connection(server_at(fake.url))
        pieces = [one for one in Asking(connection, OTHER, "toy")(HELLO) if isinstance(one, Piece)]
    assert "".join(piece.text for piece in pieces) == "naïve 漢字 👩‍👧"


def test_a_character_in_two_events_arrives_whole():
    halves = [delta("\ud83d"), delta("\ude00")]
    with serving() as fake:
        fake.stream(*halves, said("!"))
        connection = Connection(server_at(fake.url))
        pieces = [one for one in Asking(connection, OTHER, "toy")(HELLO) if isinstance(one, Piece)]
    assert "".join(piece.text for piece in pieces) == "😀!"


def test_endless_silence():
    with serving() as fake:
        over = Event()
        fake.stream(delta("so far"), lambda: over.wait(30))
        text, message = read(fake, silence=0.3)
        over.set()
    assert text == "so far"
    assert "silent for 0.3 s" in message


def test_silence_before_the_first_byte():
    with serving() as fake:
        over = Event()
        fake.routes[PATH] = lambda handler: over.wait(30)
        text, message = read(fake, silence=0.3)
        over.set()
    assert text == ""
    assert "silent" in message


def test_a_hundred_megabytes_without_a_newline_are_not_kept():
    with serving() as fake:
        fake.stream(delta("so far"), b"data: ", *[b"x" * (1 << 20)] * 100)
        text, message = read(fake)
        assert fake.gone.wait(10), "the rest is not taken"
    assert text == "so far"
    assert "without an end of line" in message


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_redirects_are_refused(status):
    with serving() as other, serving() as fake:
        fake.bytes(PATH, b"", status, Location=f"{other.url}{PATH}\x1b[31m")
        _, message = read(fake)
        assert other.asked == []
    assert "not followed" in message


def test_a_certificate_that_does_not_fit():
    with serving(secret=True) as fake:
        _, message = read(fake)
        assert fake.asked == []
    assert "certificate" in message


def test_nobody_there():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    connection = Connection(server_at(url))
    with pytest.raises(UserError, match="nothing answers"):
        probe(connection)


@pytest.mark.parametrize("text", HOSTILE)
def test_control_sequences_in_every_field(text):
    with serving() as fake:
        fake.json("/v1/models", {"data": [{"id": text, "owned_by": "llamacpp"}]})
        settings = {"params": {"speculative.types": text}}
        fake.json("/props", {"build_info": text, "default_generation_settings": settings})
        fake.bytes("/metrics", text.encode("utf-8", "replace"))
        facts = probe(Connection(server_at(fake.url)))
        for shown in (facts.shown_model, facts.title, facts.drafting, *facts.models):
            assert not FORBIDDEN & set(shown)
            assert "\n" not in shown
        fake.json(PATH, {"error": {"message": text}}, 500)
        read(fake)


@pytest.mark.parametrize("body", [b"", b"<html>", b"[]", b'{"data": 3}', b'{"data": []}', b"[" * 99_999])
def test_what_lists_no_models_is_no_server(body):
    with serving() as fake:
        fake.bytes("/v1/models", body)
        with pytest.raises(UserError, match="lists no model"):
            probe(Connection(server_at(fake.url)))


def test_a_model_that_is_not_there():
    with serving() as fake, pytest.raises(UserError, match="has no model other; it has toy"):
        probe(Connection(server_at(f"{fake.url}#other")))


@pytest.mark.parametrize("sent", [True, False], ids=["in mid-answer", "before the first byte"])
def test_taking_a_request_back_closes_it(sent):
    with serving() as fake:
        begun, over = Event(), Event()

        def endless():
            begun.set()
            while not over.wait(0.01):
                fake.routes["write"](b": ping\n\n")

        def reply(handler):
            if sent:
                fake.routes["write"] = lambda data: (handler.wfile.write(data), handler.wfile.flush())
                handler.send_response(200)
                handler.end_headers()
                handler.close_connection = True
                handler.wfile.write(delta("so far"))
                endless()
            else:
                begun.set()
                handler.connection.recv(1)  # returns when the client has closed
                fake.gone.set()

        fake.routes[PATH] = reply
        connection = Connection(server_at(fake.url))
        Thread(target=lambda: (begun.wait(10), time.sleep(0.1), connection.cancel()), daemon=True).start()
        with pytest.raises(Cancelled):
            list(Asking(connection, OTHER, "toy")(HELLO))
        assert fake.gone.wait(10), "the server sees that nobody reads any more"
        over.set()


@pytest.mark.parametrize(
    "url",
    ["ftp://host", "host:80", "http://", "http://a b", "http://[::1", "http://host:99999", "http://host\x1b[31m", ""],
)
def test_what_is_no_address(url):
    with pytest.raises(UserError, match="no address"):
        server_at(url)


def test_an_address_with_a_key_is_refused_without_showing_it():
    with pytest.raises(UserError) as failed:
        server_at(f"https://me:{SECRET}@host")
    assert SECRET not in str(failed.value)


def test_addresses_are_what_people_paste():
    for end in ("", "/", "/v1", "/v1/", "/v1/chat/completions"):
        assert server_at(f"http://localhost:8000/proxy{end}").url == "http://localhost:8000/proxy"
    assert server_at("http://[::1]:80#toy").model == "toy"


def test_the_key_goes_to_the_server_alone(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with serving() as fake:
        server = server_at(fake.url)
        fake.json(PATH, {"error": "no"}, 401)
        _, message = read(fake)
        assert fake.asked[0][1]["Authorization"] == f"Bearer {SECRET}"
    assert SECRET not in message + repr(server) + str(server)


def test_no_key_in_the_clear_and_none_to_several_hosts(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, SECRET)
    with pytest.raises(UserError, match="in the clear") as failed:
        server_at("http://example.org")
    assert SECRET not in str(failed.value)
    with pytest.raises(UserError, match="2 hosts"):
        check_keys([server_at("https://a.example"), server_at("https://b.example")])
    monkeypatch.setenv("OTHER", "x")
    check_keys([server_at("https://a.example"), server_at("https://b.example", key_variable="OTHER")])
    assert os.environ[KEY_VARIABLE] == SECRET


@pytest.mark.parametrize("ids", [[1 << 40], [-1], ["x"], [True], "12", {}])
def test_ids_that_no_vocabulary_has_are_left_out(ids):
    with serving() as fake:
        fake.stream(event({"choices": [{"delta": {"content": "so"}, "token_ids": ids}]}), said(" far"))
        connection = Connection(server_at(fake.url))
        pieces = [one for one in Asking(connection, OTHER, "toy")(HELLO) if isinstance(one, Piece)]
        connection.close()
    assert [(one.text, one.ids) for one in pieces] == [("so", ()), (" far", ())]


def test_a_draft_longer_than_any_method_makes_is_not_counted_pass_by_pass():
    told = {"num_draft_tokens": 1 << 50, "per_step_drafted": [1 << 50], "per_step_accepted": [1 << 50]}
    drafts = read_drafts({"metrics": {"speculative_decoding": told}})
    assert drafts is not None
    assert drafts.by_step == ()


LONG_KEY = "sk-0123456789-very-secret"


def test_a_key_that_the_server_repeats_is_not_shown(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, LONG_KEY)
    echo = {"error": {"message": f"Incorrect API key provided: {LONG_KEY}"}}
    with serving() as fake:
        fake.json(PATH, echo, 401)
        assert "provided: [key]" in read(fake)[1]
        fake.bytes(PATH, b"", 302, Location=f"http://elsewhere/?key={LONG_KEY}")
        assert "?key=[key]" in read(fake)[1]
        fake.stream(delta(f"so {LONG_KEY} far"), event(echo))
        text, message = read(fake)
        assert text == "so [key] far"
        assert "provided: [key]" in message
        fake.models([(LONG_KEY, LONG_KEY)])
        facts = probe(Connection(server_at(fake.url)))
        assert LONG_KEY not in str(facts)


@pytest.mark.parametrize("size", [1, 2, 5, 23])
def test_a_key_that_comes_in_pieces_is_not_shown(monkeypatch, size):
    monkeypatch.setenv(KEY_VARIABLE, LONG_KEY)
    pieces = [delta(LONG_KEY[start : start + size]) for start in range(0, len(LONG_KEY), size)]
    with serving() as fake:
        fake.stream(delta("so "), *pieces, delta(" far"))
        assert read(fake)[0] == "so [key] far"


@pytest.mark.parametrize(("end", "shown"), [(LONG_KEY[:5], LONG_KEY[:5]), (LONG_KEY[:-1], "[key]")])
def test_what_may_be_a_key_is_not_lost_where_the_answer_ends(monkeypatch, end, shown):
    monkeypatch.setenv(KEY_VARIABLE, LONG_KEY)
    with serving() as fake:
        fake.stream(delta(f"so {end}"))
        assert read(fake)[0] == f"so {shown}"
        fake.stream(said(f"so {end}"))
        pieces = [one for one in Asking(Connection(server_at(fake.url)), OTHER, "toy")(HELLO) if isinstance(one, Piece)]
        assert "".join(piece.text for piece in pieces) == f"so {shown}"


def test_only_what_may_be_a_key_waits_for_the_next_piece():
    hushing = Hushing(LONG_KEY)
    taken = [hushing.take(piece) for piece in ("It is", " the s", "ea, s", "k-0", "12 and ", "so on")]
    assert taken == ["It i", "s the ", "sea, ", "", "sk-012 and ", "so on"]
    assert hushing.rest() == ""


def test_a_key_written_with_escapes_is_not_shown(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, LONG_KEY)
    escaped = "".join(f"\\u{ord(one):04x}" for one in LONG_KEY)
    with serving() as fake:
        fake.bytes(PATH, f'{{"error": "wrong: {escaped}"}}'.encode(), 401)
        assert "wrong: [key]" in read(fake)[1]
        fake.stream(f'data: {{"choices": [{{"delta": {{"content": "so {escaped}"}}}}]}}\n\n'.encode())
        assert read(fake)[0] == "so [key]"


def test_a_word_in_place_of_a_key_is_no_secret(monkeypatch):
    monkeypatch.setenv(KEY_VARIABLE, "none")
    with serving() as fake:
        fake.stream(delta("none of it"), event({"error": "none"}))
        assert read(fake)[0] == "none of it"


@pytest.mark.parametrize("value", ["1e308", "NaN", "+Inf", "-5", "9" * 400, "x"])
def test_counters_that_cannot_be_are_unknown(value):
    with serving() as fake:
        lines = [f'{name}{{engine="{n}"}} {value}' for name in (*DRAFTED, *RATE) for n in range(3)]
        fake.bytes("/metrics", "\n".join(lines).encode())
        counters = counters_of(Connection(server_at(fake.url)))
    assert counters.drafted is None
    assert counters.acceptance_rate is None or counters.acceptance_rate == 1e308


@pytest.mark.parametrize("where", ["in a model's name", "in a question"])
def test_half_a_character_is_not_sent(where):
    broken = "\ud800"
    messages = [{"role": "user", "content": broken if where == "in a question" else "Hi"}]
    with serving() as fake:
        fake.stream(said("x"))
        asking = Asking(Connection(server_at(fake.url)), OTHER, broken if where != "in a question" else "toy")
        with pytest.raises(UserError, match="no UTF-8"):
            list(asking(replace(HELLO, messages=messages)))
        assert fake.asked == []


def test_an_error_without_a_reason():
    with serving() as fake:
        fake.stream(delta("so far"), event({"error": {"error": {}, "code": 500}}))
        text, message = read(fake)
    assert text == "so far"
    assert "it says no more" in message


@pytest.mark.parametrize(
    "raw",
    [
        '{"choices": [{"delta": {"content": "x"}}], "usage": {"completion_tokens": NaN, "prompt_tokens": Infinity}}',
        '{"choices": [{"delta": {"content": "x"}}], "timings": {"predicted_n": -5, "draft_n": NaN}}',
        '{"choices": [{"delta": {"content": "x"}}], "timings": {"draft_n": -3, "draft_n_accepted": -9}}',
        '{"choices": [{"delta": {"content": "x"}}], "timings": {"draft_n": 1e999, "draft_n_accepted": true}}',
        '{"choices": [{"delta": {"content": "x"}}], "sglext": {"spec_tokens_details": {"spec_verify_ct": -1}}}',
        '{"choices": [{"delta": {"content": "x", "role": 7}, "finish_reason": {}}]}',
    ],
)
def test_numbers_that_cannot_be_are_unknown(raw):
    with serving() as fake:
        fake.stream(f"data: {raw}\n\n".encode(), said("!"))
        came = list(Asking(Connection(server_at(fake.url)), LLAMA_SERVER, "toy")(HELLO))
    assert [one.text for one in came if isinstance(one, Piece)] == ["x", "!"]
    assert came[-1].tokens is None
    assert came[-1].drafts is None or (came[-1].drafts.drafted, came[-1].drafts.passes) == (None, None)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\x00\xff\r\n\r\n",
        b"SSH-2.0-x\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
        b"HTTP/1.1 999 \x1b[31mno\r\nContent-Length: 0\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1000,
    ],
    ids=["nothing", "noise", "ssh", "a long head", "a negative length", "no chunk", "an odd status", "go on for ever"],
)
def test_what_is_no_http_is_one_line(reply):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            with suppress(OSError):
                while True:
                    one, _ = listening.accept()
                    with one, suppress(OSError):
                        one.recv(1 << 16)
                        one.sendall(reply)

        Thread(target=answer, daemon=True).start()
        with pytest.raises(UserError) as failed:
            probe(Connection(server_at(f"http://127.0.0.1:{listening.getsockname()[1]}")))
    assert "\n" not in str(failed.value)
    assert not FORBIDDEN & set(str(failed.value))
