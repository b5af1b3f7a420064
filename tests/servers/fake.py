"""A real HTTP server on loopback that answers as it is told, well or badly."""

import json
import ssl
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Event

from ..loopback import running_server

HERE = Path(__file__).parent
CERTIFICATE = HERE / "elsewhere.pem"
"""Of a host that is nowhere, with its key; made for these tests."""
STREAM = {"Content-Type": "text/event-stream"}


class Fake:
    """What the server was told, and what it was asked."""

    def __init__(self):
        self.routes = {}
        self.asked = []
        """(path, headers, body) of each request."""
        self.gone = Event()
        """Set when a client has left in mid-answer."""
        self.models([("toy", "somebody")])

    def models(self, names, **headers):
        data = [{"id": name, "object": "model", "owned_by": owner} for name, owner in names]
        self.json("/v1/models", {"object": "list", "data": data}, **headers)

    def json(self, path, value, status=200, **headers):
        self.bytes(path, json.dumps(value).encode(), status, **headers)

    def bytes(self, path, body, status=200, **headers):
        def reply(handler):
            handler.send_response(status)
            for name, one in {"Content-Length": str(len(body)), **headers}.items():
                handler.send_header(name.replace("_", "-"), one)
            handler.end_headers()
            handler.wfile.write(body)

        self.routes[path] = reply

    def stream(self, *parts, path="/v1/chat/completions"):
        """Answer with these parts, bytes or functions that are called between them; then the connection ends."""

        def reply(handler):
            handler.send_response(200)
            handler.send_header("Content-Type", "text/event-stream")
            handler.send_header("Connection", "close")
            handler.end_headers()
            handler.close_connection = True
            try:
                for part in parts:
                    if callable(part):
                        part()
                    else:
                        handler.wfile.write(part)
                        handler.wfile.flush()
            except OSError:
                self.gone.set()

        self.routes[path] = reply

    def recorded(self, name):
        """Answer with a stream of ``streams/``."""
        self.stream((HERE / "streams" / name).read_bytes())


def said(*texts, finish="stop", **more):
    """The bytes of a plain answer."""
    events = [event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}]}) for text in texts]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": finish}], **more}
    return b"".join([*events, event(last), b"data: [DONE]\n\n"])


def event(value):
    return f"data: {json.dumps(value)}\n\n".encode()


def timed(text, predicted, drafted, accepted):
    """An event of llama.cpp's server with ``timings_per_token``."""
    timings = {"predicted_n": predicted, "draft_n": drafted, "draft_n_accepted": accepted}
    return event({"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": None}], "timings": timings})


def llama_server(fake):
    """An answer of llama.cpp's server: a pass that accepts two of three, one that accepts all of two."""
    fake.models([("toy.gguf", "llamacpp")], Server="llama.cpp")
    fake.json("/props", {"build_info": "b9000-abcdef", "default_generation_settings": {"n_ctx": 4096}})
    pieces = [("One", 1, 0, 0), (" two", 2, 3, 2), (" three", 3, 3, 2), (" four", 4, 3, 2)]
    pieces += [(" five", 5, 5, 4), (" six", 6, 5, 4), (" seven", 7, 5, 4)]
    last = {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
    timings = {"predicted_n": 7, "draft_n": 5, "draft_n_accepted": 4}
    usage = {"completion_tokens": 7, "prompt_tokens": 11}
    ends = [event(last), event({"choices": [], "usage": usage, "timings": timings}), b"data: [DONE]\n\n"]
    fake.stream(*(timed(*piece) for piece in pieces), *ends)


@contextmanager
def serving(secret=False):
    """A server and its address."""
    fake = Fake()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *args):
            pass

        def do_GET(self):
            body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
            fake.asked.append((self.path, dict(self.headers), json.loads(body) if body else None))
            reply = fake.routes.get(self.path)
            try:
                if reply is not None:
                    reply(self)
                else:
                    self.send_response(404)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
            except OSError:
                fake.gone.set()

        do_POST = do_GET  # noqa: N815 (the library names it so)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.block_on_close = False
    if secret:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(CERTIFICATE)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    fake.url = f"{'https' if secret else 'http'}://127.0.0.1:{server.server_port}"
    with running_server(server):
        yield fake
