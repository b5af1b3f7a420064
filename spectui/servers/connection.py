"""One connection to a server: requests one after another, each of which may be taken back from another thread."""

import json
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import httpx2

from ..system.errors import UserError
from .address import Server
from .failures import Cancelled, Refused, refusal, unreachable

CONNECT, WRITE = 10.0, 30.0
"""Seconds."""
MOST_BODY = 8 << 20
"""Bytes of a body that is read at once."""
MOST_ERROR = 1 << 16


class Connection:
    """Talks to one server and nobody else: redirects are refused, certificates are verified."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self.cancelled = False
        """Whether the running request was taken back."""
        self._stream: Any = None
        """The network stream of the latest connection."""
        headers = {"Accept-Encoding": "identity", "User-Agent": "spectui"}
        if server.key is not None:
            headers["Authorization"] = f"Bearer {server.key}"
        try:
            self._client = httpx2.Client(
                headers=headers,
                timeout=httpx2.Timeout(connect=CONNECT, read=server.silence, write=WRITE, pool=CONNECT),
                follow_redirects=False,
                trust_env=not server.is_here,
                limits=httpx2.Limits(max_connections=1),
            )
        except (OSError, ValueError) as error:  # a proxy or a certificate file of the environment
            raise UserError(f"no connection to {server.shown} can be made: {error}") from error

    def get(self, path: str) -> "Reply":
        """A whole reply; raises UserError for anything but success."""
        with self._send("GET", path, None) as response:
            return Reply(response.headers, self._whole(response, path))

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send JSON; a context whose value are the parts of the reply as they come. Raises UserError or Cancelled."""
        return self._send_and_stream(path, body)

    def cancel(self) -> None:
        """Take the running request back, from any thread; its socket is shut, so that the server stops as well."""
        self.cancelled = True
        stream = self._stream
        with suppress(Exception):
            stream.get_extra_info("socket").shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """End the connection."""
        self.cancel()
        with suppress(Exception):
            self._client.close()

    @contextmanager
    def _send_and_stream(self, path: str, body: Mapping[str, Any]) -> Iterator[Iterator[bytes]]:
        with self._send("POST", path, body) as response:
            yield self._parts(response)

    @contextmanager
    def _send(self, method: str, path: str, body: Mapping[str, Any] | None) -> Iterator[httpx2.Response]:
        """A response whose status is a success."""
        self.cancelled = False
        url = self.server.url + path
        with self._failures():
            request = self._request(method, url, body)
            response = self._client.send(request, stream=True)
        try:
            if not 200 <= response.status_code < 300:
                raise self._refusal(response, path)
            if response.headers.get("content-encoding", "identity") != "identity":
                raise UserError(f"{self.server.shown} sends its reply compressed, which was not asked for")
            yield response
        finally:
            with suppress(Exception):
                response.close()

    def _request(self, method: str, url: str, body: Mapping[str, Any] | None) -> httpx2.Request:
        try:
            return self._client.build_request(method, url, json=body, extensions={"trace": self._note_stream})
        except UnicodeEncodeError as error:  # half a character, in a question or in a model's name
            raise UserError(f"{self.server.shown} is asked for what is no UTF-8; leave out what is no text") from error

    def _refusal(self, response: httpx2.Response, path: str) -> Refused:
        with suppress(UserError, Cancelled):
            body = bytearray()
            for part in self._parts(response):
                body += part
                if len(body) > MOST_ERROR:
                    break
        headers = {name: self.server.hush(value.encode()).decode() for name, value in response.headers.items()}
        return refusal(self.server, response.status_code, headers, self.server.hush(bytes(body[:MOST_ERROR])), path)

    def _whole(self, response: httpx2.Response, path: str) -> bytes:
        body = bytearray()
        for part in self._parts(response):
            body += part
            if len(body) > MOST_BODY:
                raise UserError(f"{self.server.shown} sends more than {MOST_BODY:,} bytes as {path}; is it a server?")
        return self.server.hush(bytes(body))

    def _parts(self, response: httpx2.Response) -> Iterator[bytes]:
        with self._failures():
            yield from response.iter_raw()
        if self.cancelled:
            raise Cancelled

    @contextmanager
    def _failures(self) -> Iterator[None]:
        """What the client raises, as UserError, or as Cancelled if that was why."""
        try:
            yield
        except (httpx2.HTTPError, httpx2.InvalidURL, httpx2.StreamError, OSError) as error:
            if self.cancelled:
                raise Cancelled from None
            raise unreachable(self.server, error) from error

    def _note_stream(self, event: str, info: Mapping[str, Any]) -> None:
        """Remember the socket of a new connection, by which a request that waits can be taken back."""
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._stream = info.get("return_value")


class Reply:
    """A whole reply."""

    def __init__(self, headers: Mapping[str, str], body: bytes) -> None:
        self.headers, self.body = headers, body

    @property
    def text(self) -> str:
        """As text."""
        return self.body.decode("utf-8", "replace")

    @property
    def json(self) -> Any:
        """As JSON; raises ValueError."""
        try:
            return json.loads(self.body)
        except RecursionError as error:
            raise ValueError("nested too deeply") from error
