"""A whole report: where, what, and the numbers; as JSON and CSV."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .runs import Run, Skipped
from .summary import Summary, summarise

if TYPE_CHECKING:
    from .agreement import NextNextRank, PairAgreement

FORMAT = "spectui.bench/1"


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a bench or a race has found."""

    environment: dict[str, Any]
    runs: Sequence[Run]
    skipped: Sequence[Skipped] = ()
    left_out: dict[str, str] = field(default_factory=dict)
    """Mode or peer -> why it could not take part."""
    alpha: "PairAgreement | None" = None
    finished: bool = True
    """Whether every question was asked."""
    premise: "Sequence[NextNextRank]" = ()

    @property
    def summaries(self) -> list[Summary]:
        """Overall lines first, then those of each category."""
        return summarise(self.runs)

    def to_json(self) -> dict[str, Any]:
        """The one object that ``bench --format json`` prints; its schema is ``schema.json`` beside this file."""
        return {
            "format": FORMAT,
            "environment": self.environment,
            "finished": self.finished,
            "left_out": self.left_out,
            "skipped": [{"question_id": one.question_id, "reason": one.reason} for one in self.skipped],
            "pair": self.alpha.to_json() if self.alpha else None,
            "next_next": [one.to_json() for one in self.premise],
            "runs": [run.to_json() for run in self.runs],
            "summary": [summary.to_json() for summary in self.summaries],
        }


def json_text(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(report.to_json(), ensure_ascii=False, indent=1) + "\n"


def csv_text(report: Report) -> str:
    """The runs, a line each; lists are separated by spaces, unknown is empty."""
    out = io.StringIO()
    rows = [run.to_json() for run in report.runs]
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["lane"], lineterminator="\n")
    writer.writeheader()
    for row in rows:
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return out.getvalue()


def _cell(value: Any) -> Any:
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, dict):
        return " ".join(f"{key}:{count}" for key, count in value.items())
    if isinstance(value, str) and value[:1] in ("=", "+", "-", "@"):
        return f"'{value}"
    return value
