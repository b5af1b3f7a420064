"""What the page of ``spectui serve`` may fetch and who may use it: its own host alone, and people alone."""

import re
from ipaddress import ip_address
from urllib.parse import urlsplit

FOREIGN = re.compile(r"<(link|script)\b[^>]*\b(?:href|src)\s*=\s*[\"']?(?:https?:)?//[^>]*>(?:\s*</script>)?", re.I)
"""What is fetched from an address with a host when the page is opened."""
FONT = (
    '<style>@font-face { font-family: "Roboto Mono"; font-weight: 100 700; '
    "src: url(/static/fonts/RobotoMono-VariableFont_wght.ttf); }</style></head>"
)
"""The page's font as textual-serve brings it, in place of the one that its page fetches elsewhere."""
POLICY = "default-src 'self' 'unsafe-inline' data: blob:; connect-src 'self' ws://{host} wss://{host}"
"""What the browser itself holds the page to."""


def without_foreign(page: str, own: str) -> str:
    """The page without what it would fetch from others than its ``own`` address, and with a font from there."""
    return FOREIGN.sub(lambda found: found[0] if own in found[0] else "", page).replace("</head>", FONT, 1)


def may_ask(origin: str | None, host: str, listens_on: str) -> bool:
    """Whether a request comes from the page itself, and not from one that a browser has open elsewhere.

    ``origin`` and ``host`` are the headers of the request. A name of somebody else that leads to this machine is
    refused where only this machine is to be served.
    """
    if origin is not None and urlsplit(origin).netloc != host:
        return False
    return not is_local(listens_on) or is_local(urlsplit(f"//{host}").hostname or "")


def is_local(host: str) -> bool:
    """Whether only this machine can reach it."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
