"""textual-serve's server with a page that keeps to itself; imports what not every installation has."""

from typing import Any

from aiohttp.web import HTTPForbidden
from textual_serve.server import Server

from .served_page import POLICY, may_ask, without_foreign


class PageServer(Server):  # type: ignore[misc, unused-ignore]
    """Serves the program to people who open its address, and to nobody else."""

    async def handle_index(self, request: Any) -> Any:
        """The page; its addresses are below the one by which it was reached."""
        self._check(request)
        self.public_url = f"{request.scheme}://{request.host}"
        page: Any = await super().handle_index(request)
        page.text = without_foreign(page.text, f"{self.public_url}/")
        page.headers["Content-Security-Policy"] = POLICY.format(host=request.host)
        return page

    async def handle_websocket(self, request: Any) -> Any:
        """The program of one page."""
        self._check(request)
        return await super().handle_websocket(request)

    def _check(self, request: Any) -> None:
        if not may_ask(request.headers.get("Origin"), request.host, self.host):
            raise HTTPForbidden(text="only the page of this program may use it, at the address that spectui has told")
