"""``spectui datastore``: load texts into it, say what it holds, empty it."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..config.choice import ModelChoice
from ..config.paths import config_file, datastores
from ..config.settings import load_settings
from ..system.errors import UserError, reason_of
from ..system.sanitise import sanitise_line
from ..system.signals import interrupt, on_interrupt
from ..system.streams import messages

if TYPE_CHECKING:
    from ..engine.retrieval.datastore import Entry, Manifest
    from ..engine.retrieval.suffix_index import Text
    from ..session.corpus import Piece

ModelFlag = Annotated[str | None, typer.Option("--model", "-m", help="The model whose tokenizer counts.")]
store_app = typer.Typer(help="Texts that sssd looks up in: load, show, empty.", no_args_is_help=True)


@store_app.command(
    "build",
    epilog="Examples: spectui datastore build notes.txt src/ · spectui datastore build talks.jsonl --name talks",
)
def store_build(
    paths: Annotated[list[Path], typer.Argument(help="Text files, .jsonl conversations, or folders with them.")],
    model: ModelFlag = None,
    name: Annotated[str, typer.Option("--name", help="What info calls it; default is the names of the files.")] = "",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be read.")] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let the tokenizer run code of its own.")
    ] = False,
) -> None:
    """Load texts for sssd to look up in; all of them, or none if it fails or is interrupted."""
    choice = replace(_chosen(model), trust_remote_code=trust_remote_code)
    raise typer.Exit(build(choice, paths, name, datastores(), skip_bad))


@store_app.command("info", epilog="Example: spectui datastore info")
def store_info() -> None:
    """Say what the datastores hold, and check every byte."""
    raise typer.Exit(info(datastores(), load_settings(config_file()).datastore.learn))


@store_app.command("clear", epilog="Examples: spectui datastore clear · spectui datastore clear --learnt --yes")
def store_clear(
    model: ModelFlag = None,
    learnt: Annotated[bool, typer.Option("--learnt", help="Forget learnt answers only, keep loaded texts.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Empty the datastores: all of them, or with --model the one of its tokenizer."""
    if not yes:
        typer.confirm("Forget what was learnt?" if learnt else "Empty the datastore?", abort=True)
    raise typer.Exit(clear(datastores(), _chosen(model) if model else None, learnt))


def _chosen(model: str | None) -> ModelChoice:
    return load_settings(config_file()).with_flags("model", model=model).model


def build(choice: ModelChoice, paths: Sequence[Path], name: str, folder: Path, skip_bad: bool) -> int:
    """Load texts into the datastore of a model's tokenizer; nothing is added if it fails or is interrupted."""
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

    from ..session.corpus import files_of, read_pieces

    console = Console(file=messages(), highlight=False)
    files = files_of(paths)
    refused: list[str] = []
    from ..models.loading import load_tokenizer
    from ..session.datastore import store_of

    title, tokenizer = load_tokenizer(choice)
    store = store_of(tokenizer, len(tokenizer), title, folder)
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not messages().isatty(), refresh_per_second=4) as progress:
        task = progress.add_task("reading", total=sum(file.stat().st_size for file in files))

        def pieces() -> "Iterator[Piece]":
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


def encoded(pieces: "Iterator[Piece]", tokenizer: Any, done: Callable[[int], None]) -> "Iterator[Text]":
    """Texts as ids; control tokens in them stay text."""
    import numpy as np

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
        console.print(f"damaged: {trouble}" if trouble else "integrity check passed", markup=False)
        console.print()
    if not folders:
        console.print("there is no datastore yet; chatting makes one, or spectui datastore build FILE", markup=False)
    console.print(f"finished answers are {'learnt' if learns else 'not learnt'} (datastore.learn, --no-learn)")
    return int(damaged)


def clear(folder: Path, choice: ModelChoice | None, learnt_only: bool) -> int:
    """Empty all datastores, or the one of a model's tokenizer."""
    from ..engine.retrieval.datastore import Datastore
    from ..models.loading import load_tokenizer
    from ..session.datastore import store_of

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


def _look(path: Path) -> "tuple[Manifest | None, str]":
    """What a folder holds, and what is wrong with it, if anything."""
    from ..engine.retrieval.datastore import Datastore, read_manifest

    manifest = None
    try:
        manifest = read_manifest(path)
        if manifest is not None:
            Datastore(path, path.name, manifest.vocabulary).open(check=True)
    except (OSError, UserError) as error:
        return manifest, f"{reason_of(error)}; spectui datastore clear begins a new one"
    return manifest, ""


def _table(manifest: "Manifest") -> Table:
    table = Table(box=None, header_style="bold")
    table.add_column("what")
    for title in ("texts", "tokens", "MB"):
        table.add_column(title, justify="right")
    learnt = [entry for entry in manifest.live if entry.texts]
    for entry in manifest.corpus:
        table.add_row(*_row(sanitise_line(entry.name), [entry]))
    table.add_row(*_row("learnt answers", learnt))
    return table


def _row(name: str, entries: "Sequence[Entry]") -> tuple[str, ...]:
    size = sum(entry.bytes for entry in entries) / 1e6
    return (
        name,
        f"{sum(entry.texts for entry in entries):,}",
        f"{sum(entry.tokens for entry in entries):,}",
        f"{size:,.1f}",
    )
