"""A hub of one folder, on this machine, that can be told to stop in the middle of a file."""

import json
from contextlib import contextmanager
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Event

from ..loopback import running_server

COMMIT = "0123456789abcdef0123456789abcdef01234567"
BLOCK = 1 << 14


class Hub(ThreadingHTTPServer):
    """Serves ``owner/tiny``; ``stalls`` names a file of which half is sent until ``go`` is set."""

    daemon_threads = True

    def __init__(self, folder):
        super().__init__(("127.0.0.1", 0), Handler)
        self.folder, self.stalls, self.stalled, self.go, self.ranges = folder, None, Event(), Event(), []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(BaseHTTPRequestHandler):
    """Just what the hub's client asks for."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def do_HEAD(self):
        self.answer(body=False)

    def do_GET(self):
        self.answer(body=True)

    def answer(self, body):
        path = self.path.partition("?")[0]
        files = sorted(file for file in self.server.folder.iterdir() if file.is_file())
        if path == "/":
            self.send(b"{}", {}, body)
        elif path.startswith("/api/models/owner/tiny/tree"):
            listed = [{"type": "file", "path": f.name, "size": f.stat().st_size, "oid": etag(f)[:40]} for f in files]
            self.send(json.dumps(listed).encode(), {}, body)
        elif path.startswith("/api/models/owner/tiny"):
            siblings = [{"rfilename": file.name, "size": file.stat().st_size, "blobId": etag(file)} for file in files]
            self.send(json.dumps({"id": "owner/tiny", "sha": COMMIT, "siblings": siblings}).encode(), {}, body)
        elif path.startswith("/owner/tiny/resolve/") and (self.server.folder / path.split("/")[-1]).is_file():
            self.file(self.server.folder / path.split("/")[-1], body)
        else:
            self.send_response(404)
            self.send_header("X-Error-Code", "RepoNotFound" if "tiny" not in path else "EntryNotFound")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def send(self, data, headers, body, status=200):
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if body:
            self.wfile.write(data)

    def file(self, file, body):
        data = file.read_bytes()
        headers = {"ETag": f'"{etag(file)}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        begin, status = 0, 200
        if "Range" in self.headers:
            begin, status = int(self.headers["Range"].removeprefix("bytes=").split("-")[0]), 206
            self.server.ranges.append((file.name, begin))
            headers["Content-Range"] = f"bytes {begin}-{len(data) - 1}/{len(data)}"
        if file.name != self.server.stalls or not body:
            self.send(data[begin:], headers, body, status)
            return
        self.send_response(status)
        for name, value in {"Content-Length": str(len(data) - begin), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data[begin : len(data) // 2])
        self.wfile.flush()
        self.server.stalled.set()
        self.server.go.wait(60)


def etag(file):
    return sha256(file.read_bytes()).hexdigest()


@contextmanager
def hub(folder):
    """The hub while it runs."""
    with running_server(Hub(folder)) as served:
        try:
            yield served
        finally:
            served.go.set()
