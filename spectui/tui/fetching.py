"""A model comes from the hub in a thread of its own while the screen goes on."""

from importlib import invalidate_caches
from threading import Event, Thread

from ..models.resolve import Place, place
from ..system.errors import UserError
from ..system.sanitise import sanitise_line


class Fetching:
    """A download of one or several models; the screen reads how far it is. What came is kept for the next time."""

    def __init__(self, *wanted: str | Place) -> None:
        """Of names, which may come with a package meanwhile, or of places."""
        self.done = self.total = 0
        """Bytes; 0 in all as long as the hub has not answered."""
        self.here = False
        """Whether the model is on this machine."""
        self.failure = ""
        """Why it could not come, with the remedy."""
        self.title = ""
        """The model that comes now."""
        self._wanted, self._unwanted = wanted, Event()
        self._thread = Thread(target=self._run, name="fetch", daemon=True)
        self._thread.start()

    @property
    def runs(self) -> bool:
        """Whether it goes on."""
        return self._thread.is_alive()

    def stop(self) -> None:
        """End it soon."""
        self._unwanted.set()

    def _run(self) -> None:
        from ..models.fetch import Cancelled, fetch

        try:
            invalidate_caches()  # its package may have been installed meanwhile
            for one in self._wanted:
                found = place(one) if isinstance(one, str) else one
                self.title, self.done, self.total = sanitise_line(found.title), 0, 0
                fetch(found, self._progress, self._unwanted.is_set)
            self.here = True
        except Cancelled:
            pass
        except UserError as error:
            self.failure = sanitise_line(str(error))
        except Exception as error:
            self.failure = sanitise_line(f"unexpected {type(error).__name__}: {error}")

    def _progress(self, done: int, total: int) -> None:
        self.done, self.total = done, total
