"""HTTP servers of the tests, in a thread of their own."""

from contextlib import contextmanager
from threading import Thread

LOOK_SECONDS = 0.01
"""From one look whether the server should end to the next; the library's own half a second is waited for each time."""


@contextmanager
def running_server(server):
    """The server answers as long as the context lasts."""
    Thread(target=server.serve_forever, args=(LOOK_SECONDS,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
