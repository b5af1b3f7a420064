"""What the families know: the files of questions, answers, functions and stories."""

import tomllib
from functools import cache
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).parent / "facts"


@cache
def facts(name: str) -> dict[str, Any]:
    """The file of this name, without its suffix."""
    return tomllib.loads((_FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
