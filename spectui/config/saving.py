"""Settings that are kept: single values are written into the settings file, and all else in it stays as it is."""

import json
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..system.errors import UserError
from ..system.files import private_folder, write_text

_HEADER = re.compile(r"\s*\[([^\[\]]+)\]\s*(#.*)?")


def save_settings(file: Path, changes: Mapping[str, Mapping[str, Any]]) -> None:
    """Write ``section -> key -> value`` into a settings file, which need not exist.

    Raises UserError if the file cannot be written, or not without touching something else.
    """
    try:
        text = file.read_text("utf-8") if file.exists() else ""
        wanted = _merged(tomllib.loads(text), changes)
        for section, values in changes.items():
            for key, value in values.items():
                text = _with_line(text, section, key, f"{key} = {_literal(value)}")
        if tomllib.loads(text) != wanted:
            raise UserError(f"{file} cannot be changed safely; write the values yourself")
        private_folder(file.parent)
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError, RecursionError) as error:
        raise UserError(f"{file} cannot be changed: {str(error).splitlines()[0]}; mend it") from error
    write_text(file, text)


def _merged(tree: dict[str, Any], changes: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    merged = dict(tree)
    for section, values in changes.items():
        merged[section] = {**merged.get(section, {}), **values}
    return merged


def _literal(value: Any) -> str:
    """A value in TOML."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") if isinstance(value, str) else repr(value)


def _with_line(text: str, section: str, key: str, line: str) -> str:
    """The text with one line of a section, in place of the one with this key if there is one."""
    lines = text.splitlines()
    heads = [(index, found[1].strip()) for index, one in enumerate(lines) if (found := _HEADER.fullmatch(one))]
    start = next((index for index, name in heads if name == section), None)
    if start is None:
        return "\n".join([*lines, *([""] if lines else []), f"[{section}]", line]) + "\n"
    end = next((index for index, _ in heads if index > start), len(lines))
    same = re.compile(rf"\s*{re.escape(key)}\s*=")
    place = next((index for index in range(start + 1, end) if same.match(lines[index])), None)
    if place is None:
        lines.insert(start + 1, line)
    else:
        lines[place] = line
    return "\n".join(lines) + "\n"
