"""Where a server is: a checked address, and the key that belongs to it."""

import os
from dataclasses import dataclass, field
from ipaddress import ip_address
from urllib.parse import urlsplit

from ..system.errors import UserError
from ..system.sanitise import sanitise_line

KEY_VARIABLE = "SPECTUI_SERVER_KEY"
"""The environment variable with the key of a server that has no name in the settings."""
SILENCE = 120.0
"""Seconds without a byte after which a server is given up."""
LEAST_KEY = 8
"""Characters of a key that is a secret; shorter ones are words such as ``none``."""
HUSHED = "[key]"
_ENDINGS = ("/chat/completions", "/v1")


@dataclass(frozen=True, slots=True)
class Server:
    """One server as a person named it."""

    name: str
    """What its lane is called."""
    url: str
    """Scheme, host, port and path, without ``/v1`` and without a key."""
    model: str = ""
    """The model to ask; empty takes the first that the server lists."""
    key_variable: str = KEY_VARIABLE
    silence: float = SILENCE
    key: str | None = field(default=None, repr=False, compare=False)
    """Never shown, never written."""

    @property
    def is_here(self) -> bool:
        """Whether it is this machine, which no proxy stands before."""
        return is_loopback(urlsplit(self.url).hostname or "")

    def hush(self, data: bytes) -> bytes:
        """What it sends, without the key, which some servers repeat where they refuse it."""
        return data.replace(self._secret.encode(), HUSHED.encode()) if self._secret else data

    def hush_text(self, text: str) -> str:
        """The same for a text read from JSON, where a key may have been written with escapes."""
        return text.replace(self._secret, HUSHED) if self._secret else text

    def hushing(self) -> "Hushing":
        """The same for a text that comes in pieces."""
        return Hushing(self._secret)

    @property
    def _secret(self) -> str:
        """The key, if it is one; empty where there is nothing to hide."""
        return self.key if self.key is not None and len(self.key) >= LEAST_KEY else ""

    @property
    def shown(self) -> str:
        """The address for people."""
        return sanitise_line(self.url)


class Hushing:
    """Text that comes in pieces, without a key: what may be the beginning of one waits for what follows."""

    def __init__(self, secret: str) -> None:
        self._secret, self._held = secret, ""

    def take(self, text: str) -> str:
        """What can be shown once this piece has come; only an end with which the key could begin is held back."""
        text = self._held + text
        if not self._secret:
            return text
        text = text.replace(self._secret, HUSHED)
        longest = min(len(self._secret) - 1, len(text))
        size = next((size for size in range(longest, 0, -1) if self._secret.startswith(text[-size:])), 0)
        text, self._held = text[: len(text) - size], text[len(text) - size :]
        return text

    def rest(self) -> str:
        """What is still held back when no more comes; most of a key is hidden as well."""
        held, self._held = self._held, ""
        return HUSHED if len(held) >= LEAST_KEY else held


def server_at(
    url: str, name: str = "", model: str = "", key_variable: str = KEY_VARIABLE, silence: float = SILENCE
) -> Server:
    """The server at an address, with the key from the environment; ``#MODEL`` behind the address names a model.

    Raises UserError for an address that cannot be used, or a key that would travel in the clear.
    """
    base, _, wanted = url.strip().partition("#")
    shown = sanitise_line(base)
    try:
        parts = urlsplit(base)
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise UserError(f"{shown} is no address of a server; write http://HOST:PORT") from error
    if parts.scheme not in ("http", "https") or not host or base != shown or " " in base:
        raise UserError(f"{shown} is no address of a server; write http://HOST:PORT, or a name from [servers.NAME]")
    if parts.username is not None or parts.password is not None or parts.query:
        raise UserError(f"an address holds no key; write {parts.scheme}://{host} and set {key_variable}")
    key = os.environ.get(key_variable) or None
    if key is not None and parts.scheme == "http" and not is_loopback(host):
        raise UserError(f"the key in {key_variable} is not sent to {host} in the clear; use https, or unset it")
    if key is not None and not (key.isascii() and key.isprintable()):
        raise UserError(f"the key in {key_variable} is no plain text; set it anew")
    path = parts.path.rstrip("/")
    for ending in _ENDINGS:
        path = path.removesuffix(ending)
    bare = f"[{host}]" if ":" in host else host
    place = bare if port is None else f"{bare}:{port}"
    return Server(name or place, f"{parts.scheme}://{place}{path}", wanted or model, key_variable, silence, key)


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def check_keys(servers: "list[Server]") -> None:
    """Raise UserError where one key would go to several hosts: each gets its own only under a name."""
    hosts = {urlsplit(one.url).netloc for one in servers if one.key is not None and one.key_variable == KEY_VARIABLE}
    if len(hosts) > 1:
        raise UserError(
            f"{KEY_VARIABLE} would be sent to {len(hosts)} hosts; name them in [servers.NAME], each with its key"
        )
