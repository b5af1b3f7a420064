"""A tokenizer read while torch is being imported: reading it takes no Python, so that both go on at once."""

import json
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path
from threading import Thread
from typing import Any

from .registry import demo_folder
from .resolve import Place

NAME, CONFIG = "tokenizer.json", "tokenizer_config.json"
LEFT_OUT = ("backend", "tokenizer_class", "is_local", "local_files_only", "added_tokens_decoder")


def begin(place: Place) -> "Future[Any] | None":
    """Start to read the tokenizer of a folder that this program wrote; None for others, which transformers reads."""
    folder = _folder(place)
    if folder is None:
        return None
    from tokenizers import Tokenizer  # not in the thread: transformers imports it too

    made: Future[Any] = Future()
    Thread(target=_read, args=(Tokenizer.from_file, folder, made), name="tokenizer", daemon=True).start()
    return made


def finish(begun: "Future[Any]", place: Place) -> Any:
    """The same tokenizer that transformers' own loader would make; raises whatever is wrong with its files."""
    from transformers import PreTrainedTokenizerFast

    folder = Path(place.source)
    config = json.loads((folder / CONFIG).read_bytes())
    template = folder / "chat_template.jinja"
    if template.is_file():
        config["chat_template"] = template.read_text("utf-8")
    told = {name: value for name, value in config.items() if name not in LEFT_OUT}
    return PreTrainedTokenizerFast(tokenizer_object=begun.result(), name_or_path=str(folder), **told)


def _folder(place: Place) -> Path | None:
    if place.shape is not None or not place.local:
        return None
    if place.gguf:
        from .gguf.cache import found_folder

        return found_folder(Path(place.gguf))
    folder = Path(place.source)
    return folder if demo_folder() in folder.parents else None


def _read(read: Callable[[str], Any], folder: Path, made: "Future[Any]") -> None:
    try:
        made.set_result(read(str(folder / NAME)))
    except BaseException as error:  # told to whoever waits
        made.set_exception(error)
