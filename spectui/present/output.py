"""Where a report goes, and how it is written there."""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from io import StringIO
from pathlib import Path
from typing import TypeVar

from rich.console import Console

from ..system.errors import UserError
from ..system.files import write_text
from .plot import svg
from .report import Report, csv_text, json_text
from .tables import markdown_text, print_report, width_of_report

T = TypeVar("T")


def table_text(report: Report) -> str:
    """The tables without colour, as wide as they are: nothing in a file is cut."""
    out = StringIO()
    print_report(report, Console(file=out, width=width_of_report(report), color_system=None))
    return out.getvalue()


FORMATS: dict[str, Callable[[Report], str]] = {
    "table": table_text,
    "json": json_text,
    "csv": csv_text,
    "markdown": markdown_text,
}


@dataclass(frozen=True, slots=True)
class Output:
    """A format, and the files that were asked for."""

    format: str = "table"
    path: Path | None = None
    """None is standard output."""
    plot: Path | None = None
    private: bool = False
    """Whether only the owner may read the report; what people ask for by name is meant to be shared."""

    def check(self) -> None:
        """Raise UserError now if a file could not be written later."""
        for path in (self.path, self.plot):
            if path is None:
                continue
            folder = path.absolute().parent
            while not folder.exists():
                folder = folder.parent
            if path.is_dir() or not os.access(path if path.exists() else folder, os.W_OK) or not folder.is_dir():
                raise UserError(f"cannot write {path}; choose another output")

    def write(self, report: Report) -> None:
        """Write the report and its plot; on a terminal the tables are coloured."""
        title = f"{report.environment.model}, {report.environment.processor}"
        self.deliver(report, FORMATS, print_report, lambda made: svg(title, made.summary))

    def deliver(
        self,
        report: T,
        formats: Mapping[str, Callable[[T], str]],
        show: Callable[[T, Console], None],
        plot: Callable[[T], str],
    ) -> None:
        """The same for any kind of report: its texts by format, how a terminal shows it, and its plot."""
        if self.plot is not None:
            write_text(self.plot, plot(report))
        if self.path is not None:
            write_text(self.path, formats[self.format](report), self.private)
        elif self.format == "table" and sys.stdout.isatty():
            show(report, Console())
        else:
            sys.stdout.write(formats[self.format](report))
