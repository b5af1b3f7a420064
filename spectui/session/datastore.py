"""Which datastore belongs to a tokenizer, and opening it."""

from pathlib import Path
from typing import Any

from ..config.choice import StoreChoice
from ..engine.retrieval.datastore import Datastore
from ..engine.retrieval.live import LiveStore
from ..models.fingerprint import fingerprint
from ..system.errors import UserError, reason_of


def store_of(tokenizer: Any, vocabulary: int, title: str, folder: Path) -> Datastore:
    """The datastore of a tokenizer below ``folder``, which need not exist yet; ``title`` names the model."""
    mark = fingerprint(tokenizer)
    return Datastore(folder / mark, mark, vocabulary, title)


def open_store(
    tokenizer: Any, vocabulary: int, title: str, choice: StoreChoice | None
) -> tuple[LiveStore | None, tuple[str, ...]]:
    """The datastore that was chosen, or a note why it is not used."""
    if choice is None:
        return None, ()
    try:
        return LiveStore(store_of(tokenizer, vocabulary, title, choice.folder), choice.learns), ()
    except (OSError, UserError) as error:
        return None, (f"the datastore is not used: {reason_of(error)}; spectui datastore clear begins a new one",)
