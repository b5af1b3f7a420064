"""What can go wrong with a server, in one line that names the remedy."""

import json
from collections.abc import Mapping
from typing import Any

import httpx2

from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .address import Server

MOST_REASON = 200
"""Characters of a server's own words that are shown."""
GONE = ("closed connection", "disconnected")
"""What the client says of a server that ended in mid-answer."""
MOST_DIGITS = 6
"""Of the seconds after which a busy server may be asked again."""


class Cancelled(Exception):
    """The request was taken back."""


class Refused(UserError):
    """The server answered, but not with what was asked for."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def refusal(server: Server, status: int, headers: Mapping[str, str], body: bytes, path: str) -> Refused:
    """The error for a response that is none."""
    said = server.hush_text(said_in(body))
    words = f"HTTP {status}{f': {said}' if said else ''}"
    if 300 <= status < 400:
        other = sanitise_line(headers.get("location", "somewhere else"))[:MOST_REASON]
        message = f"{server.shown} sends on to {other}, which is not followed; give that address if you trust it"
    elif status in (401, 403):
        state = "the key in" if server.key is not None else "no key is in"
        message = f"{server.shown} refuses the request ({words}); {state} {server.key_variable}: set the right one"
    elif status == 404:
        message = f"{server.shown} has no {path} or no such model ({words}); `spectui doctor --server` lists models"
    elif status == 429:
        wait = sanitise_line(headers.get("retry-after", ""))[:40]
        when = f"in {wait} s" if wait.isdigit() and len(wait) <= MOST_DIGITS else f"after {wait}" if wait else "later"
        message = f"{server.shown} is busy ({words}); try again {when}"
    elif status >= 500:
        message = f"{server.shown} failed ({words}); look into its log"
    else:
        message = f"{server.shown} does not take the request ({words}); `spectui doctor --server` says what it is"
    return Refused(message, status)


def said_in(body: bytes) -> str:
    """The reason in the body of an error, in one line; empty if it holds none."""
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError):
        text = body.decode("utf-8", "replace")
        return "" if "<" in text[:200] else _short(text)
    return reason_in(parsed)


def reason_in(value: Any) -> str:
    """The reason in a parsed error, whichever of the usual shapes it has."""
    for name in ("error", "message", "detail"):
        if isinstance(value, dict) and name in value:
            return reason_in(value[name])
    return _short(value if isinstance(value, str) else json.dumps(value)) if value else ""


def _short(text: str) -> str:
    return sanitise_line(text.strip())[:MOST_REASON]


def unreachable(server: Server, error: Exception) -> UserError:
    """The error for a connection that failed or broke."""
    told = sanitise_line(str(error))[:MOST_REASON]
    if isinstance(error, httpx2.ReadTimeout):
        return UserError(f"{server.shown} was silent for {server.silence:g} s; it may be busy or gone: try again")
    if isinstance(error, httpx2.TimeoutException):
        return UserError(f"{server.shown} does not answer in time; is it running there?")
    if "CERTIFICATE" in told.upper():
        return UserError(f"the certificate of {server.shown} does not fit ({told}); nothing was sent to it")
    if isinstance(error, httpx2.ConnectError):
        return UserError(f"nothing answers at {server.shown} ({told}); is the server running there?")
    if isinstance(error, httpx2.ReadError) or any(words in told for words in GONE):
        return UserError(f"{server.shown} broke the connection off; look whether it still runs, then ask again")
    return UserError(f"the connection to {server.shown} broke ({told or type(error).__name__}); try again")
