"""Question sets: JSON Lines in the format of Spec-Bench, read and never executed."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field

from ..system.errors import UserError, reason_of
from ..system.json_lines import read_lines
from ..system.sanitise import sanitise_json, sanitise_line
from ..system.typed_json import read_as

BUILT_IN = ("demo", "practice")
"""``demo`` to measure with; ``practice`` to train with, so that what is measured was not learnt."""


@dataclass(frozen=True, slots=True)
class Question:
    """One question; several turns are asked one after the other in a growing conversation."""

    id: str
    category: str
    turns: tuple[str, ...]


def read_questions(name: str, skipped: Callable[[str], None] | None = None) -> list[Question]:
    """The questions of a built-in set or of a file ``{"question_id", "category", "turns": [...]}`` a line.

    ``skipped`` takes the message about each line that is not a question; without it the first such line raises
    UserError, as does a file that cannot be read or holds no question.
    """
    try:
        if name in BUILT_IN:
            text = files("spectui.bench").joinpath(f"{name}.jsonl").read_text("utf-8")
        else:
            text = Path(name).read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = sanitise_line(reason_of(error))
        raise UserError(
            f"cannot read questions from {name}: {reason}; name a JSONL file or one of: {', '.join(BUILT_IN)}"
        ) from error

    def refuse(number: int, reason: str) -> None:
        message = f"{name}, line {number}: not a question ({reason})"
        if skipped is None:
            raise UserError(f"{message}; mend the line, or pass --skip-bad-lines")
        skipped(message)

    questions = list(read_lines(text.split("\n"), lambda line: _question(json.loads(line)), refuse))
    if not questions:
        raise UserError(f"{name} holds no question; a line is "
                        '{"question_id": 1, "category": "chat", "turns": ["Hello"]}')  # fmt: skip
    return questions


@dataclass
class _Line:
    question_id: int | str
    turns: Annotated[tuple[Annotated[str, Field(pattern=r"\S")], ...], Field(min_length=1)]
    category: str = ""


def _question(value: Any) -> Question:
    line = read_as(_Line, sanitise_json(value))
    return Question(sanitise_line(str(line.question_id)), sanitise_line(line.category) or "–", line.turns)
