"""A datastore on disk: texts loaded by a person and answers learnt in use, as a few sub-indexes behind a manifest."""

import json
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from ...system.files import FILE, open_private, private_folder, write_whole
from .index_file import DamagedStore, read_index, write_index
from .suffix_index import SuffixIndex, Text, pack, token_width

FORMAT = "spectui.datastore/1"
MANIFEST = "manifest.json"
PATIENCE = 20.0
"""Seconds to wait for another program that is writing."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large sub-indexes become, in tokens, and how many there are of each kind; the oldest goes first."""

    tail: int = 2**16
    """The newest answers are indexed anew with every answer; this many take some 10 ms."""
    live: int = 2**21
    corpus: int = 2**27
    """The published code takes 2**29; building then needs 9 GB of memory instead of 2."""
    count: int = 8


@dataclass(frozen=True, slots=True)
class Entry:
    """A sub-index in the manifest."""

    file: str
    tokens: int
    texts: int
    bytes: int
    name: str = ""
    """What it was made from; empty for learnt answers."""


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a datastore consists of; replaced as a whole, so that a kill at any moment leaves the old or the new."""

    tokenizer: str
    vocabulary: int
    title: str = ""
    """The model for which it was made first, for people."""
    corpus: tuple[Entry, ...] = ()
    live: tuple[Entry, ...] = ()
    next: int = 1
    """Number of the next file: no name is used twice."""

    @property
    def tokens(self) -> int:
        """Tokens in all, end marks included."""
        return sum(entry.tokens for entry in (*self.corpus, *self.live))


class Datastore:
    """A folder with sub-indexes for one tokenizer, which several programs may read and extend.

    Methods raise OSError, and DamagedStore (a UserError) for what is damaged or foreign; nothing is changed then.
    """

    def __init__(
        self, folder: Path, tokenizer: str, vocabulary: int, title: str = "", bounds: Bounds | None = None
    ) -> None:
        self.folder = folder
        self.bounds = bounds or Bounds()
        self._empty = Manifest(tokenizer, vocabulary, title)
        self._width = token_width(vocabulary)
        self._mapped: dict[str, SuffixIndex] = {}

    def read(self) -> Manifest:
        """The manifest as it is now; an empty one if there is no datastore."""
        manifest = read_manifest(self.folder) or self._empty
        if manifest.tokenizer != self._empty.tokenizer:
            raise DamagedStore(
                f"the datastore was made with another tokenizer ({manifest.tokenizer}, of {manifest.title or '?'}; "
                f"this model has {self._empty.tokenizer})"
            )
        return manifest

    def open(self, check: bool = False) -> list[SuffixIndex]:
        """All sub-indexes, mapped; those that were open already are kept."""
        for _ in range(3):
            manifest = self.read()
            files = [entry.file for entry in (*manifest.corpus, *manifest.live)]
            try:
                self._mapped = {file: self._map(file, check) for file in files}
                return list(self._mapped.values())
            except FileNotFoundError:
                continue  # another program has replaced it meanwhile
        raise DamagedStore("a file of the datastore is missing")

    def _map(self, file: str, check: bool) -> SuffixIndex:
        known = None if check else self._mapped.get(file)
        return known or read_index(self.folder / file, self._empty.tokenizer, check)

    def learn(self, texts: Sequence[Text]) -> None:
        """Add answers; the newest ones are indexed with them, older ones now and then, the oldest dropped."""
        with self._lock():
            manifest = self.read()
            live = list(manifest.live)
            texts = [text for text in texts if not self._knows(live, text)]
            if not texts:
                return
            size = sum(len(tokens) + 1 for tokens, _ in texts)
            new: list[Text] = list(texts)
            if live and live[-1].tokens + size <= self.bounds.tail:
                new = [*self._texts(live.pop()), *new]
            elif len(live) > 1 and live[-2].tokens + live[-1].tokens <= self.bounds.live:
                tail, body = live.pop(), live.pop()
                entry, manifest = self._write(manifest, [*self._texts(body), *self._texts(tail)])
                live.append(entry)
            entry, manifest = self._write(manifest, new)
            self._replace(replace(manifest, live=(*live, entry)[-self.bounds.count :]))

    def add(self, texts: Iterable[Text], name: str) -> Manifest:
        """Add a corpus, in as many sub-indexes as it needs; nothing is added if it fails or is interrupted."""
        with self._lock():
            manifest = self.read()
            entries: list[Entry] = []
            try:
                for chunk in _chunks(texts, self.bounds.corpus):
                    entry, manifest = self._write(manifest, chunk, name)
                    entries.append(entry)
            except BaseException:
                self._sweep(self.read())
                raise
            return self._replace(replace(manifest, corpus=(*manifest.corpus, *entries)[-self.bounds.count :]))

    def clear(self, learnt_only: bool = False) -> None:
        """Forget everything, or what was learnt; works on a damaged store, too."""
        with self._lock():
            try:
                manifest = self.read()
            except DamagedStore:
                manifest, learnt_only = self._empty, False
            self._replace(replace(manifest, live=(), corpus=manifest.corpus if learnt_only else ()))

    @contextmanager
    def _lock(self) -> Iterator[None]:
        private_folder(self.folder)
        lock = FileLock(self.folder / "lock", timeout=PATIENCE, mode=FILE)
        try:
            lock.acquire()
        except Timeout:
            raise OSError(f"another program has been writing to it for more than {PATIENCE:.0f} s") from None
        try:
            yield
        finally:
            lock.release()

    def _knows(self, live: Sequence[Entry], text: Text) -> bool:
        """Whether the very same answer to the same prompt is there already."""
        tokens, key = text
        raw = pack(tokens, self._width)
        indexes = (self._map(entry.file, check=False) for entry in live)
        return any(
            raw == index.after(a.start, a.stop - a.start) for index in indexes for a in index.answers if a.key == key
        )

    def _texts(self, entry: Entry) -> list[Text]:
        return list(self._map(entry.file, check=False).texts())

    def _write(self, manifest: Manifest, texts: Sequence[Text], name: str = "") -> tuple[Entry, Manifest]:
        index = SuffixIndex.build(texts, self._width)
        file = f"{manifest.next:06}.index"
        size = write_index(self.folder / file, index, manifest.tokenizer)
        return Entry(file, len(index), len(texts), size, name), replace(manifest, next=manifest.next + 1)

    def _replace(self, manifest: Manifest) -> Manifest:
        text = json.dumps({"format": FORMAT, **asdict(manifest)}, indent=1)
        write_whole(self.folder / MANIFEST, text.encode())
        self._sweep(manifest)
        return manifest

    def _sweep(self, manifest: Manifest) -> None:
        """Remove files that nothing names any more; who has them mapped keeps them."""
        used = {entry.file for entry in (*manifest.corpus, *manifest.live)}
        for path in (*self.folder.glob("*.index"), *self.folder.glob("*.tmp")):
            if path.name not in used:
                try:
                    path.unlink()
                except OSError:
                    continue  # mapped by another program on a system that does not allow it; the next one sweeps


def read_manifest(folder: Path) -> Manifest | None:
    """The manifest of a folder; None if it has none; raises DamagedStore and OSError."""
    try:
        with open_private(folder / MANIFEST, "r", encoding="utf-8") as file:
            text = file.read()
    except FileNotFoundError:
        return None
    except UnicodeDecodeError as error:
        raise DamagedStore(f"{MANIFEST} is damaged") from error
    try:
        value: dict[str, Any] = json.loads(text)
        if value.pop("format") != FORMAT:
            raise ValueError("another format")
        corpus, live = (tuple(_entry(entry) for entry in value.pop(kind)) for kind in ("corpus", "live"))
        made = Manifest(**value, corpus=corpus, live=live)
        if not isinstance(made.next, int) or not isinstance(made.vocabulary, int):
            raise ValueError("not a number")
        return made
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise DamagedStore(f"{MANIFEST} is damaged or of another version") from error


def _entry(value: dict[str, Any]) -> Entry:
    entry = Entry(**value)
    if Path(entry.file).name != entry.file or not isinstance(entry.tokens, int):
        raise ValueError("not an entry")
    return entry


def _chunks(texts: Iterable[Text], most: int) -> Iterable[list[Text]]:
    """Texts in groups of at most ``most`` tokens; a longer text is cut."""
    group: list[Text] = []
    size = 0
    for tokens, key in texts:
        for start in range(0, len(tokens), most - 1):
            piece = tokens[start : start + most - 1]
            if group and size + len(piece) + 1 > most:
                yield group
                group, size = [], 0
            group.append((piece, key))
            size += len(piece) + 1
    if group:
        yield group
