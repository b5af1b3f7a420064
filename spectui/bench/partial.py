"""What a bench has done so far, on disk line by line, so that it can go on after an interrupt or a crash."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..present.runs import Place, Run
from ..system.errors import UserError, reason_of
from ..system.json_lines import read_lines
from ..system.sanitise import sanitise_line
from ..system.typed_json import as_json, read_as


class Partial:
    """The file beside the output: a line that says which bench it is, then a line a run."""

    def __init__(self, output: Path, identity: Mapping[str, Any]) -> None:
        self.path = output.with_name(output.name + ".partial")
        self._identity = fingerprint(identity)
        self.done: dict[Place, Run] = {}
        """Runs of an earlier start of the same bench."""
        self._read()
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"cannot write {output}: {reason_of(error)}; choose another output") from error
        if not self._file.tell():
            self._put({"bench": self._identity})

    def _read(self) -> None:
        try:
            lines = self.path.read_text("utf-8").split("\n")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            raise UserError(f"cannot read {self.path}: {sanitise_line(str(error))}; remove it") from error
        if not any(lines):
            return
        if lines[0] != json.dumps({"bench": self._identity}):
            raise UserError(f"{self.path} belongs to another bench; remove it or choose another output")
        if lines[-1]:  # without its end: it was being written when the program died
            with self.path.open("r+b") as file:
                file.truncate(len("\n".join(lines[:-1]).encode()) + 1)

        def refuse(number: int, _reason: str) -> None:
            raise UserError(f"{self.path}, line {number + 1} is damaged; remove the file")

        runs = read_lines(lines[1:-1], lambda line: read_as(Run, json.loads(line)), refuse)
        self.done = {run.place: run for run in runs}

    def add(self, run: Run) -> None:
        """Keep a run; it survives the program."""
        if run.place not in self.done:
            self._put(as_json(run))

    def _put(self, value: Mapping[str, Any]) -> None:
        try:
            self._file.write(json.dumps(value, ensure_ascii=False) + "\n")
            self._file.flush()
        except OSError as error:
            raise UserError(f"cannot write {self.path}: {reason_of(error)}; what was done before is kept") from error

    def close(self) -> None:
        """Keep the file for the next start."""
        self._file.close()

    def remove(self) -> None:
        """The report is written; nothing is left to resume."""
        self.close()
        self.path.unlink(missing_ok=True)


def fingerprint(identity: Mapping[str, Any]) -> str:
    """A short name for everything that two benches must share to be the same."""
    text = json.dumps(identity, sort_keys=True, ensure_ascii=False, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
