"""Lessons: data files that say what to read, what to watch and what to ask; made of words alone, never executed."""

import math
import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

from ..engine.drafters.registry import MODES
from ..engine.values.option import with_values
from ..engine.values.options import Options
from ..record.events import Record, StepText
from ..system.errors import UserError, reason_of
from ..system.sanitise import sanitise, sanitise_line
from ..system.typed_json import read_as
from .inspection import choices
from .step_sentence import quoted

MOST_BYTES = 64 * 1024
MOST_LESSONS, MOST_CHOICES, MOST_MODES, MOST_TOKENS = 64, 6, 4, 2048
PICTURES = ("", "latency", "noise")
"""What may be drawn: nothing, this machine's T(m), the noise that several modes share."""
WIDTH = 32
"""Cells of the longest bar."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Question:
    """What a lesson asks when something was watched."""

    text: str
    choices: list[str]
    answer: int
    """Number of the right choice, from 1."""
    why: str = ""


@dataclass(frozen=True)
class Lesson:
    """One lesson."""

    title: str
    text: str
    """Paragraphs with an empty line between them."""
    look: str = ""
    """What to look at while it plays, in one line."""
    prompt: str = ""
    """What the demo pair is asked."""
    trace: str = ""
    """A trace beside the lesson's file, to be played in place of a prompt."""
    modes: list[str] = field(default_factory=lambda: ["draft"])
    """Who answers; several stand side by side."""
    settings: dict[str, int | float | str | bool] = field(default_factory=dict)
    """Options of decoding by their names."""
    speed: float = 0.05
    """Times as fast as it was."""
    picture: str = ""
    question: Question | None = None
    folder: Path = Path()
    """Where the trace lies."""

    @property
    def options(self) -> Options:
        """What it is decoded with; always recorded for inspection."""
        return with_values(Options(max_new_tokens=60), {**self.settings, "inspect": True})


def shipped() -> list[Lesson]:
    """The lessons of the program, in order."""
    return read_lessons(Path(__file__).parent / "lessons")


def read_lessons(path: Path) -> list[Lesson]:
    """The lesson in a file, or those of a folder in the order of their names, 10 behind 9.

    Raises UserError in one line.
    """
    if not path.is_dir():
        return [read_lesson(path)]
    files = sorted(path.glob("*.toml"), key=_order)[: MOST_LESSONS + 1]
    if not files:
        raise UserError(f"{path} holds no lesson; one is a file that ends in .toml")
    if len(files) > MOST_LESSONS:
        raise UserError(f"{path} holds more than {MOST_LESSONS} lessons; keep those that you teach in one folder")
    return [read_lesson(file) for file in files]


def _order(file: Path) -> tuple[int, str]:
    number = re.match(r"\d{1,9}", file.name)
    return int(number[0]) if number else 0, file.name


def read_lesson(file: Path) -> Lesson:
    """The lesson in a file; raises UserError that names file and key for anything that cannot be used."""
    try:
        with file.open("rb") as opened:
            data = opened.read(MOST_BYTES + 1)
    except OSError as error:
        raise UserError(f"cannot read {file}: {sanitise_line(reason_of(error))}") from None
    try:
        if len(data) > MOST_BYTES:
            raise ValueError("larger than 64 KiB")
        return _lesson(_clean(tomllib.loads(data.decode("utf-8"))), file.parent)
    except RecursionError:
        reason = "too deep"
    except UnicodeDecodeError:
        reason = "not UTF-8"
    except (ValueError, UserError) as error:
        reason = (str(error).splitlines() or ["not TOML"])[0]
    raise UserError(f"{file}: {sanitise_line(reason)[:200]}")


def _clean(value: Any) -> Any:
    """The same without anything that a terminal would obey."""
    if isinstance(value, str):
        return sanitise(value)
    if isinstance(value, list):
        return [_clean(one) for one in value]
    return {sanitise_line(key): _clean(one) for key, one in value.items()} if isinstance(value, dict) else value


def _lesson(tree: dict[str, Any], folder: Path) -> Lesson:
    asked = tree.get("question")
    _known(tree, Lesson, "", without=("folder",))
    if isinstance(asked, dict):
        _known(asked, Question, "question.")
    lesson = read_as(Lesson, tree | {"folder": folder})
    for name in ("title", "text"):
        _must(bool(getattr(lesson, name).strip()), f"{name} is empty")
    _must(bool(lesson.prompt.strip()) != bool(lesson.trace), "give either prompt or trace")
    _must(Path(lesson.trace).name == lesson.trace, "trace is the name of a file beside this one")
    _must(1 <= len(lesson.modes) <= MOST_MODES, f"modes: from 1 to {MOST_MODES} of them")
    for mode in lesson.modes:
        _must(mode in MODES, f"modes: there is no {mode!r}; choose from {', '.join(MODES)}")
    _must(len(set(lesson.modes)) == len(lesson.modes), "modes: each of them once")
    _must(math.isfinite(lesson.speed) and 0.05 <= lesson.speed <= 10, "speed is from 0.05 to 10")
    _must(lesson.picture in PICTURES, f"picture: choose from {', '.join(filter(None, PICTURES))}")
    for name in lesson.settings:
        _must(name in Options().by_name(), f"settings: there is no {name!r}{_near(name, Options().by_name())}")
    _must(lesson.options.max_new_tokens <= MOST_TOKENS, f"settings: max_new_tokens is at most {MOST_TOKENS}")
    if (one := lesson.question) is not None:
        _must(2 <= len(one.choices) <= MOST_CHOICES, f"question.choices: from 2 to {MOST_CHOICES} of them")
        _must(1 <= one.answer <= len(one.choices), "question.answer is the number of a choice, from 1")
    return lesson


def _known(tree: Mapping[str, Any], kind: Any, before: str, without: Iterable[str] = ()) -> None:
    names = [one.name for one in fields(kind) if one.name not in without]
    for name in tree:
        _must(name in names, f"there is no {before}{name}{_near(name, names)}")


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


def _near(name: str, names: Iterable[str]) -> str:
    found = get_close_matches(name, list(names), 1)
    return f"; did you mean {found[0]}?" if found else ""


def latency_picture(verify_ms: Mapping[int, float]) -> str:
    """T(m) as bars: what one pass over m tokens takes on this machine."""
    most = max(verify_ms.values(), default=0.0)
    if most <= 0.0:
        return "T(m) is known when the models are loaded."
    rows = [
        f"{m:>3} token{'s' if m > 1 else ' '} {'█' * max(1, round(WIDTH * ms / most))} {ms:.2f} ms"
        for m, ms in sorted(verify_ms.items())
    ]
    return "\n".join(["T(m): one pass over m tokens on this machine", *rows])


def noise_picture(lanes: Mapping[str, Sequence[Record]]) -> str:
    """One place of the text in each lane: log p, the noise and their sum; the same noise gives the same token."""
    found = {lane: _places(records) for lane, records in lanes.items()}
    common = set.intersection(*map(set, found.values())) if found else set()
    if not common:
        return "The noise is shown when you have watched it."
    surprising = (place for place in sorted(common) if _is_surprising(found, place))
    place = next(surprising, min(common))
    rows = [f"the noise at place {place} of the text"]
    for lane, places in found.items():
        record, node = places[place]
        rows.append(f"{lane}:")
        for one in choices(record, node)[:4]:
            sign, noise = "▸" if one.is_chosen else " ", one.noise or 0.0
            numbers = f"log p {one.score - noise:+6.2f}  noise {noise:+6.2f}  sum {one.score:+6.2f}"
            rows.append(f"{sign} {quoted(one.text):<14.14} {numbers}")
    return "\n".join(rows)


def _places(records: Sequence[Record]) -> dict[int, tuple[StepText, int]]:
    """Place in the text -> the step that chose its token, and the node behind which it did."""
    made: dict[int, tuple[StepText, int]] = {}
    for record in records:
        if isinstance(record, StepText) and record.step.target_top is not None:
            path = [index for index, node in enumerate(record.step.nodes) if node.fate == "accepted"]
            for depth, node in enumerate([-1, *path][: len(record.emitted)]):
                made[record.step.position + 1 + depth] = record, node
    return made


def _is_surprising(found: Mapping[str, Mapping[int, tuple[StepText, int]]], place: int) -> bool:
    """Whether the noise decided: the chosen token was not the likeliest."""
    record, node = next(iter(found.values()))[place]
    rows = choices(record, node)
    return len(rows) > 1 and rows[0].is_chosen and rows[0].probability < max(one.probability for one in rows)
