"""Where files live; SPECTUI_HOME puts everything below one folder."""

import os
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from ..system.files import close_to_others

if TYPE_CHECKING:
    from platformdirs import PlatformDirs


@cache
def _dirs() -> "PlatformDirs":
    """Where the system wants them; not asked below SPECTUI_HOME, so that ``benchmarks.gpu`` needs no more packages."""
    from platformdirs import PlatformDirs

    return PlatformDirs("spectui", appauthor=False)


def _below_home(name: str) -> Path | None:
    home = os.environ.get("SPECTUI_HOME")
    return Path(home).expanduser() / name if home else None


def config_folder() -> Path:
    """Settings."""
    return _below_home("config") or _dirs().user_config_path


def config_file() -> Path:
    """The settings file, which need not exist."""
    return config_folder() / "settings.toml"


def user_themes() -> Path:
    """A person's own themes."""
    return config_folder() / "themes"


def data_folder() -> Path:
    """What people said, and what was made for them."""
    return _below_home("data") or _dirs().user_data_path


def conversations_file() -> Path:
    """Conversations that are kept."""
    return data_folder() / "conversations.db"


def old_conversations() -> Path:
    """What older versions kept: a trace for each conversation."""
    return data_folder() / "conversations"


def exports() -> Path:
    """Conversations as Markdown, and races."""
    return data_folder() / "exports"


def datastores() -> Path:
    """Datastores, one folder for each tokenizer."""
    return data_folder() / "datastores"


def heads() -> Path:
    """Trained heads of SpecBranch, one file for each pair of models."""
    return data_folder() / "heads"


def drafters() -> Path:
    """EAGLE-3 heads and draft models that were trained here, a folder for each."""
    return data_folder() / "drafters"


def cache_folder() -> Path:
    """What can be made again."""
    return _below_home("cache") or _dirs().user_cache_path


def timings_folder() -> Path:
    """Times that were measured at earlier starts."""
    return cache_folder() / "timings"


def gguf_folders() -> Path:
    """What GGUF files were made into, a model folder for each."""
    return cache_folder() / "gguf"


def quantised_weights() -> Path:
    """Models in int8 or int4, made from their own weights, a file for each."""
    return cache_folder() / "quantised"


def gguf_files() -> Path:
    """GGUF files that were made for llama.cpp."""
    return cache_folder() / "q8_0"


def state_folder() -> Path:
    """The log, and the history of prompts."""
    return _below_home("state") or _dirs().user_state_path


def log_file() -> Path:
    """Where unexpected failures are told in full."""
    return state_folder() / "spectui.log"


def prompts_file() -> Path:
    """Prompts that were sent, to be recalled."""
    return state_folder() / "prompts.jsonl"


def close_folders() -> None:
    """Close the folders of conversations to others; older versions left them open."""
    for folder in (data_folder(), old_conversations(), exports(), datastores(), heads(), state_folder()):
        close_to_others(folder)


def shipped_themes() -> Path:
    """The themes that come with the program, in a wheel or in a checkout."""
    package = Path(str(files("spectui")))
    return package / "themes" if (package / "themes").is_dir() else package.parent / "themes"
