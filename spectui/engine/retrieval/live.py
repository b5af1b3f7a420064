"""The datastore of a running program: what can be looked up now, and a thread that learns finished answers."""

from collections.abc import Callable, Sequence
from functools import partial
from queue import Empty, SimpleQueue
from threading import Event, Thread

from ...system.errors import UserError, reason_of
from .datastore import Datastore
from .snapshot import Reader, learnt
from .suffix_index import SuffixIndex, Text


class LiveStore:
    """Sub-indexes that decoding only reads, and that are exchanged as a whole when new ones are ready.

    ``failed`` gets one line when learning has to end; it is called in the thread that learns. May raise OSError and
    DamagedStore when it is made.
    """

    def __init__(self, store: Datastore, learns: bool, failed: Callable[[str], None] = lambda _: None) -> None:
        self.store = store
        self.indexes: Sequence[SuffixIndex] = tuple(store.open())
        self.learns = learns
        """Whether finished answers are learnt."""
        self.failed = failed
        self._queue: SimpleQueue[Text | None] = SimpleQueue()
        self._may_run = Event()
        self._may_run.set()
        self._thread: Thread | None = None

    def reader(self) -> Reader:
        """A reader that follows what is learnt."""
        return Reader(lambda: self.indexes)

    def learn(self, prompt: Sequence[int], answer: Sequence[int]) -> None:
        """Learn an answer, soon; returns at once."""
        if not self.learns or not answer:
            return
        self._queue.put(learnt(prompt, answer))
        if self._thread is None:
            thread = Thread(target=self._run, name="learn", daemon=True)
            thread.start()
            self._thread = thread

    def pause(self) -> None:
        """Leave the processor alone until ``resume``; what is being indexed is still finished."""
        self._may_run.clear()

    def resume(self) -> None:
        """Go on learning."""
        self._may_run.set()

    def close(self, timeout: float) -> bool:
        """Learn what is waiting and end the thread; whether that was done within ``timeout`` seconds."""
        self.resume()
        if self._thread is None:
            return True
        self._queue.put(None)
        self._thread.join(timeout)
        if self._thread.is_alive():
            return False
        self._thread = None
        return True

    # -- in the thread

    def _run(self) -> None:
        ended = False
        while not ended:
            waiting = [self._queue.get()]
            self._may_run.wait()
            try:
                while True:
                    waiting.append(self._queue.get_nowait())
            except Empty:
                ended = None in waiting
            texts = [text for text in waiting if text is not None]
            if texts and self.learns:
                briefly(partial(self._take_in, texts))

    def _take_in(self, texts: Sequence[Text]) -> None:
        try:
            self.store.learn(texts)
            self.indexes = tuple(self.store.open())
        except (OSError, UserError) as error:
            self.learns = False
            self.failed(f"the datastore learns no more in this session: {reason_of(error)}")


def briefly(work: Callable[[], None]) -> None:
    """Do something in a thread that ends with it.

    Sorting suffixes brings a team of OpenMP threads into being, which lasts as long as the thread that sorts. While
    there are more of them than cores, the threads of the model's passes no longer wait for each other awake but asleep,
    and a pass of a small model takes more than twice as long.
    """
    thread = Thread(target=work, name="index", daemon=True)
    thread.start()
    thread.join()
