"""``spectui datastore``: load texts into it, say what it holds, empty it."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..config.choice import ModelChoice
from ..engine.retrieval.datastore import Datastore, Entry, Manifest, read_manifest
from ..engine.retrieval.suffix_index import Text
from ..models.loading import load_tokenizer
from ..session.corpus import Piece, files_of, read_pieces
from ..session.datastore import store_of
from ..system.errors import UserError, reason_of
from ..system.sanitise import sanitise_line
from ..system.signals import interrupt, on_interrupt
from ..system.streams import messages


def build(choice: ModelChoice, paths: Sequence[Path], name: str, folder: Path, skip_bad: bool) -> int:
    """Load texts into the datastore of a model's tokenizer; nothing is added if it fails or is interrupted."""
    console = Console(file=messages(), highlight=False)
    files = files_of(paths)
    refused: list[str] = []
    title, tokenizer = load_tokenizer(choice)
    store = store_of(tokenizer, len(tokenizer), title, folder)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not messages().isatty(), refresh_per_second=4) as progress:
        task = progress.add_task("reading", total=sum(file.stat().st_size for file in files))

        def pieces() -> Iterator[Piece]:
            for file in files:
                yield from read_pieces(file, refused.append if skip_bad else None)
            progress.update(task, description="indexing")

        texts = encoded(pieces(), tokenizer, lambda size: progress.advance(task, size))
        try:
            with on_interrupt(interrupt):
                manifest = store.add(texts, sanitise_line(name or ", ".join(path.name for path in paths)))
        except OSError as error:
            raise UserError(f"the datastore could not be written: {reason_of(error)}; nothing was added") from error
    for message in refused:
        console.print(f"skipped: {message}", markup=False)
    print(f"{title}: {manifest.tokens:,} tokens in {len(manifest.corpus) + len(manifest.live)} sub-indexes")
    return 0


def encoded(pieces: Iterator[Piece], tokenizer: Any, done: Callable[[int], None]) -> Iterator[Text]:
    """Texts as ids; control tokens in them stay text."""
    for piece in pieces:
        ids = tokenizer(piece.text, add_special_tokens=False, split_special_tokens=True)["input_ids"]
        done(piece.size)
        if ids:
            yield np.array(ids, np.uint32), ""


def info(folder: Path, learns: bool) -> int:
    """Say what every datastore holds, having read all of it; 1 if one is damaged."""
    console = Console(highlight=False)
    folders = sorted(path for path in folder.glob("*") if path.is_dir()) if folder.is_dir() else []
    damaged = False
    for path in folders:
        manifest, trouble = _look(path)
        damaged = damaged or bool(trouble)
        if manifest is None and not trouble:
            continue
        title = manifest.title if manifest else "?"
        console.print(f"{sanitise_line(title)} (tokenizer {path.name})", style="bold", markup=False)
        console.print(sanitise_line(str(path)), style="dim", markup=False, soft_wrap=True)
        if manifest is not None:
            console.print(_table(manifest))
        console.print(f"damaged: {trouble}" if trouble else "every byte is as it was written", markup=False)
        console.print()
    if not folders:
        console.print("there is no datastore yet; chatting makes one, or spectui datastore build FILE", markup=False)
    console.print(f"finished answers are {'learnt' if learns else 'not learnt'} (datastore.learn, --no-learn)")
    return int(damaged)


def clear(folder: Path, choice: ModelChoice | None, learnt_only: bool) -> int:
    """Empty all datastores, or the one of a model's tokenizer."""
    if choice is not None:
        title, tokenizer = load_tokenizer(choice)
        folders = [store_of(tokenizer, len(tokenizer), title, folder).folder]
    else:
        folders = sorted(path for path in folder.glob("*") if path.is_dir()) if folder.is_dir() else []
    for path in folders:
        try:
            if path.is_dir():
                Datastore(path, path.name, 0).clear(learnt_only)
        except OSError as error:
            raise UserError(f"the datastore could not be emptied: {reason_of(error)}") from error
    print("what was learnt is forgotten" if learnt_only else "the datastore is empty")
    return 0


def _look(path: Path) -> tuple[Manifest | None, str]:
    """What a folder holds, and what is wrong with it, if anything."""
    manifest = None
    try:
        manifest = read_manifest(path)
        if manifest is not None:
            Datastore(path, path.name, manifest.vocabulary).open(check=True)
    except (OSError, UserError) as error:
        return manifest, f"{reason_of(error)}; spectui datastore clear begins a new one"
    return manifest, ""


def _table(manifest: Manifest) -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("what")
    for title in ("texts", "tokens", "MB"):
        table.add_column(title, justify="right")
    learnt = [entry for entry in manifest.live if entry.texts]
    for entry in manifest.corpus:
        table.add_row(*_row(sanitise_line(entry.name), [entry]))
    table.add_row(*_row("learnt answers", learnt))
    return table


def _row(name: str, entries: Sequence[Entry]) -> tuple[str, ...]:
    size = sum(entry.bytes for entry in entries) / 1e6
    return (
        name,
        f"{sum(entry.texts for entry in entries):,}",
        f"{sum(entry.tokens for entry in entries):,}",
        f"{size:,.1f}",
    )
