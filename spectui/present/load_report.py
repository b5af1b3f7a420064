"""What a load has shown: a line for each server and number of requests at a time: as tables, JSON and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from io import StringIO
from typing import Any

from rich.console import Console

from .grid import Grid, number, rich_table
from .tables import ORDERS

FORMAT = "spectui.load/1"
SHARES = (50, 90, 99)
"""Percentiles."""
DEFINITIONS = (
    "concurrency: requests at a time; as soon as one ends the next is asked. latency: from a request to its last "
    "piece. first token: to its first piece. tok/s: of one request, (tokens - 1) / time after the first; total tok/s: "
    "all tokens of a level / its time. p50, p90, p99: percentiles over requests, by nearest rank. All on the clock of "
    "whoever asks, the network included."
)


@dataclass(frozen=True, slots=True)
class Request:
    """One request; unknown is None."""

    failed: str | None
    latency_ms: float
    ttft_ms: float | None
    tokens_per_second: float | None
    emitted: int | None
    drafted: int | None
    accepted: int | None


@dataclass(frozen=True, slots=True)
class Level:
    """One server with so many requests at a time; unknown is None."""

    lane: str
    concurrency: int
    requests: int
    failed: int
    first_failure: str | None
    seconds: float
    tokens: int | None
    """Of all answers that did not fail."""
    total_tokens_per_second: float | None
    latency_ms: Mapping[int, float | None]
    """Percentile -> milliseconds."""
    ttft_ms: Mapping[int, float | None]
    tokens_per_second: Mapping[int, float | None]
    drafted: int | None
    accepted: int | None
    acceptance_rate: float | None
    """As the answers tell, or else the counters of the server."""

    @classmethod
    def of(
        cls, lane: str, concurrency: int, seconds: float, requests: Sequence[Request], drafted: int | None,
        accepted: int | None,
    ) -> "Level":  # fmt: skip
        """The sums and percentiles of these requests; ``drafted`` and ``accepted`` are the server's own counters."""
        good = [one for one in requests if one.failed is None]
        bad = [one.failed for one in requests if one.failed is not None]
        tokens = _sum([one.emitted for one in good])
        told = _sum([one.drafted for one in good]), _sum([one.accepted for one in good])
        drafted, accepted = told if None not in told else (drafted, accepted)
        return cls(
            lane, concurrency, len(requests), len(bad), bad[0] if bad else None, seconds, tokens,
            tokens / seconds if tokens is not None and seconds else None,
            percentiles([one.latency_ms for one in good]),
            percentiles([one.ttft_ms for one in good]),
            percentiles([one.tokens_per_second for one in good]),
            drafted, accepted, accepted / drafted if drafted and accepted is not None else None,
        )  # fmt: skip


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The whole of it."""

    environment: Mapping[str, Any]
    levels: Sequence[Level] = field(default_factory=tuple)
    finished: bool = True
    format: str = FORMAT


def percentiles(values: Sequence[float | None]) -> dict[int, float | None]:
    """By nearest rank; None where a value is unknown or there is none."""
    known = sorted(value for value in values if value is not None)
    if not known or len(known) < len(values):
        return dict.fromkeys(SHARES)
    return {share: known[max(0, -(-share * len(known) // 100) - 1)] for share in SHARES}


def _sum(values: Sequence[int | None]) -> int | None:
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def load_grids(report: LoadReport) -> list[Grid]:
    """A table for each server."""
    made = []
    for lane in dict.fromkeys(level.lane for level in report.levels):
        levels = [level for level in report.levels if level.lane == lane]
        rows = [_row(level) for level in levels]
        notes = [f"{one.failed} of {one.requests} requests failed at {one.concurrency}: {one.first_failure}"
                 for one in levels if one.failed]  # fmt: skip
        made.append(Grid(lane, COLUMNS, rows, notes))
    return made


COLUMNS = ("concurrency", "requests", "total tok/s", "tok/s p50", "first token ms p50", "p90", "p99",
           "latency ms p50", "p90 ", "p99 ", "accepted/drafted")  # fmt: skip


def _row(level: Level) -> list[str]:
    told = level.drafted is not None and level.accepted is not None
    share = f" {level.acceptance_rate:.0%}" if level.acceptance_rate is not None else ""
    return [
        str(level.concurrency),
        f"{level.requests - level.failed}/{level.requests}",
        number(level.total_tokens_per_second, 1),
        number(level.tokens_per_second[50], 1),
        *(number(level.ttft_ms[share], 0) for share in SHARES),
        *(number(level.latency_ms[share], 0) for share in SHARES),
        f"{level.accepted}/{level.drafted}{share}" if told else "–",
    ]


def _heads(report: LoadReport) -> list[str]:
    where = report.environment
    lines = [f"{one['name']}: {one['what']}" for one in where["servers"]]
    settings = where["settings"]
    lines.append(
        f"temperature {settings['temperature']:g}, at most {settings['max_new_tokens']} tokens; {ORDERS[False]}"
    )
    return lines if report.finished else [*lines, "interrupted: these are the levels that were done"]


def print_load(report: LoadReport, console: Console) -> None:
    """The tables on a terminal."""
    for head in _heads(report):
        console.print(head, style="dim", markup=False, highlight=False)
    for grid in load_grids(report):
        console.print()
        console.print(grid.title, style="italic", markup=False, highlight=False)
        console.print(rich_table(grid))
    console.print()
    console.print(DEFINITIONS, style="dim", markup=False, highlight=False)


def _table(report: LoadReport) -> str:
    out = StringIO()
    print_load(report, Console(file=out, width=160, color_system=None))
    return out.getvalue()


def _json(report: LoadReport) -> str:
    made = {"format": report.format, "environment": dict(report.environment), "finished": report.finished}
    return json.dumps(made | {"levels": [_flat(level) for level in report.levels]}, ensure_ascii=False, indent=1) + "\n"


def _flat(level: Level) -> dict[str, Any]:
    """With a field for each percentile."""
    made: dict[str, Any] = {}
    for entry in fields(level):
        value = getattr(level, entry.name)
        if isinstance(value, Mapping):
            made |= {f"{entry.name}_p{share}": one for share, one in value.items()}
        else:
            made[entry.name] = value
    return made


def _csv(report: LoadReport) -> str:
    out = io.StringIO()
    rows = [_flat(level) for level in report.levels]
    writer = csv.DictWriter(out, fieldnames=list(rows[0]) if rows else ["lane"], lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def _markdown(report: LoadReport) -> str:
    parts = ["\n".join(f"- {head}" for head in _heads(report))]
    for grid in load_grids(report):
        lines = [f"**{grid.title}**", "", "| " + " | ".join(column.strip() for column in grid.columns) + " |"]
        lines.append("|" + "|".join(["---:"] * len(grid.columns)) + "|")
        lines += ["| " + " | ".join(row) + " |" for row in grid.rows]
        parts.append("\n".join([*lines, *(f"\n{note}" for note in grid.notes)]))
    return "\n\n".join([*parts, f"- {DEFINITIONS}"]).replace("<", "&lt;") + "\n"


LOAD_FORMATS = {"table": _table, "json": _json, "csv": _csv, "markdown": _markdown}
