"""Writing one option into the settings file, which stays as a person has written it else."""

import re
import tomllib
from pathlib import Path
from typing import Any

from ..system.errors import UserError, reason_of
from ..system.files import write_text
from ..system.sanitise import sanitise_line


def save_option(file: Path, section: str, name: str, value: bool | int | float | str) -> None:
    """Set an option in the file; raises UserError, and changes nothing, if that cannot be done."""
    where = sanitise_line(str(file))
    try:
        old = file.read_text("utf-8") if file.exists() else ""
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {where}: {sanitise_line(reason_of(error))}; mend or remove the file") from error
    new = _with(old, section, name, value)
    if _value(new, section, name) != value:
        raise UserError(f"{where} could not be changed; write {section}.{name} = {_written(value)} into it")
    write_text(file, new)


def _with(text: str, section: str, name: str, value: object) -> str:
    """The text with the option in its section, in place of an older line if there is one."""
    lines = text.splitlines()
    own = f"{name} = {_written(value)}"
    begin = next((at for at, line in enumerate(lines) if re.fullmatch(rf"\s*\[{section}\]\s*(#.*)?", line)), None)
    if begin is None:
        space = [""] if lines and lines[-1].strip() else []
        return "\n".join([*lines, *space, f"[{section}]", own]) + "\n"
    end = next((at for at in range(begin + 1, len(lines)) if lines[at].lstrip().startswith("[")), len(lines))
    there = (at for at in range(begin + 1, end) if re.match(rf"\s*{name}\s*=", lines[at]))
    at = next(there, None)
    if at is None:
        lines.insert(begin + 1, own)
    else:
        lines[at] = own
    return "\n".join(lines) + "\n"


def _written(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        escaped = "".join(f"\\u{ord(c):04x}" if ord(c) < 32 or ord(c) == 127 or c in '"\\' else c for c in value)
        return f'"{escaped}"'
    return str(value)


def _value(text: str, section: str, name: str) -> Any:
    try:
        return tomllib.loads(text).get(section, {}).get(name)
    except (tomllib.TOMLDecodeError, AttributeError, RecursionError):
        return None
