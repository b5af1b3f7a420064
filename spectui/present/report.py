"""A whole report: where, what, and the numbers; as JSON and CSV."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, NonNegativeInt, with_config

from ..engine.values.option import Option, options_of
from ..engine.values.options import Options
from ..system.typed_json import as_json, read_as, schema_of
from .runs import EXACT, Run, Share, Skipped
from .summary import Summary, summarise

FORMAT: Literal["spectui.bench/1"] = "spectui.bench/1"
TOPS = (1, 8, 32, 60)
"""Numbers of highest logits among which the next-next token is looked for."""


def _hint(one: Option) -> Any:
    """The type of an option's values."""
    words: Any = Literal[tuple(value for value in one.also if isinstance(value, str))]
    return one.kind if not one.has_words else words if one.least is None else one.kind | words


Chosen: Any = with_config(EXACT)(
    make_dataclass("Chosen", [(name, _hint(one)) for name, one in options_of(Options).items()], frozen=True)
)
"""The value of every option."""


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class ServerFacts:
    """A lane that is a server."""

    name: str
    url: str
    what: str
    """Engine, version, model, and whether it speculates."""


@with_config(ConfigDict(extra="forbid"))
@dataclass(frozen=True, slots=True)
class Environment:
    """Where it was measured, and what held."""

    date: str
    model: str
    draft: str | None
    device: str
    processor: str
    cores: int | None
    threads: int
    dtype: str
    forward: Literal["lean", "transformers"] | None
    """None where no model runs here, but on servers alone."""
    python: str
    system: str
    versions: dict[str, str]
    settings: Chosen
    datastore_tokens: NonNegativeInt
    verification_ms: dict[int, float]
    """Tokens -> milliseconds of a pass over them."""
    verification_context: int
    auto: bool = False
    """Whether the program chose the model, because nobody had named one."""
    learning: bool = False
    """Whether every lane of ours looked up its own answers to earlier questions."""
    servers: tuple[ServerFacts, ...] = ()
    """Lanes that are servers."""
    servers_at_once: bool = False
    """Whether they answered at the same time, and not one after another."""


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class PairAgreement:
    """Agreement of a pair on text that the target wrote."""

    overlap: Share
    """Mean of sum_v min(p(v), q(v)) = 1 - total variation: the acceptance rate of one draft token (2211.17192, 3.2)."""
    top_1: Annotated[Share, Field(alias="top_1_agreement")]
    """How often both find the same token likeliest: the acceptance rate at temperature 0."""
    tokens: NonNegativeInt


@with_config(EXACT)
@dataclass(frozen=True, slots=True)
class NextNextRank:
    """Of one category: how often the next-next token is among the k highest logits, the token chosen then left out."""

    category: str
    tokens: NonNegativeInt
    """Tokens that have one before them in the answer."""
    top_1: Share
    top_8: Share
    top_32: Share
    top_60: Share


@with_config(EXACT | ConfigDict(title=FORMAT))
@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The one object that a bench or a race prints; unknown is null, times are milliseconds."""

    format: Literal["spectui.bench/1"] = FORMAT
    environment: Environment
    finished: bool = True
    """Whether every question was asked."""
    left_out: Mapping[str, str]
    """Mode or peer -> why it could not take part."""
    skipped: Sequence[Skipped] = ()
    pair: PairAgreement | None = None
    next_next: Sequence[NextNextRank] = ()
    runs: Sequence[Run]
    summary: Sequence[Summary]
    """Overall lines first, then those of each category."""

    @classmethod
    def of(cls, where: Mapping[str, Any], runs: Sequence[Run], left_out: Mapping[str, str], **more: Any) -> "Report":
        """The report of these runs; ``more`` are further fields."""
        return cls(
            environment=read_as(Environment, where), runs=runs, left_out=left_out, summary=summarise(runs), **more
        )


def report_schema() -> dict[str, Any]:
    """The JSON schema of a report."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema"} | schema_of(Report)


def json_text(report: Report) -> str:
    """The report as JSON."""
    return json.dumps(as_json(report), ensure_ascii=False, indent=1) + "\n"


def csv_text(report: Report) -> str:
    """The runs, a line each; lists are separated by spaces, unknown is empty."""
    out = io.StringIO()
    rows = [as_json(run) for run in report.runs]
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
