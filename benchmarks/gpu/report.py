"""The report as JSON and as one page of Markdown."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from spectui.system.sanitise import sanitise_line

FORMAT = "spectui.gpu/1"
SMALL = "**A small run without a GPU: it shows that the command works, and nothing about a GPU.**"
MARKS = {True: "✓", False: "✗", None: ""}


@dataclass(slots=True)
class PartReport:
    """How one part went."""

    letter: str
    title: str
    state: str = "not run yet"
    """``done``, or why it did not come to its end."""
    seconds: float = 0.0
    figures: list[dict[str, Any]] = field(default_factory=list)


@dataclass(slots=True)
class Report:
    """All parts so far."""

    date: str
    small: bool
    seconds: float
    parts: dict[str, PartReport]

    def write(self, folder: Path) -> None:
        """Both files, whole as far as the report goes."""
        whole = {"format": FORMAT, **asdict(self)}
        (folder / "report.json").write_text(json.dumps(whole, indent=1), "utf-8")
        (folder / "report.md").write_text(self.markdown(), "utf-8")

    def markdown(self) -> str:
        """Each number beside what was expected."""
        lines = ["# spectui on a GPU", "", f"{self.date}, a limit of {self.seconds:.0f} s."]
        lines += ["", SMALL] if self.small else []
        every = [figure for part in self.parts.values() for figure in part.figures]
        missed = [figure for figure in every if figure["met"] is False]
        lines += ["", f"Figures: {len(every)}, {len(missed)} not as expected{':' if missed else '.'}"]
        lines += [
            f"- {cell(figure['what'])}: {shown(figure)}, expected {cell(figure['expected'])}" for figure in missed
        ]
        for part in self.parts.values():
            lines += ["", f"## ({part.letter}) {part.title}", "", f"{cell(part.state)}, {part.seconds:.0f} s"]
            if part.figures:
                lines += ["", "| what | measured | expected | |", "|---|---|---|---|"]
            lines += [
                f"| {cell(each['what'])} | {shown(each)} | {cell(each['expected'])} | {MARKS[each['met']]} |"
                for each in part.figures
            ]
        return "\n".join(lines) + "\n"


def shown(figure: dict[str, Any]) -> str:
    """A value with its unit."""
    value = figure["value"]
    text = f"{value:.4g}" if isinstance(value, float) else cell(str(value))
    return f"{text} {cell(figure['unit'])}".strip()


def cell(text: str) -> str:
    """Text that a table and a terminal can hold."""
    return sanitise_line(text).replace("|", "/")
