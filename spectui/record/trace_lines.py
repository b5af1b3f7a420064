"""The lines of a trace as types, and the records that they stand for."""

import inspect
from collections.abc import Callable, Iterable
from dataclasses import MISSING, dataclass, field, make_dataclass
from functools import cache
from typing import Annotated, Any, Literal, TypeVar, Union, get_type_hints

from pydantic import Field

from ..engine.values.events import Changed, End, Prefill, Switch, Turn
from ..engine.values.options import Options
from ..engine.values.step import Branches, Candidate, Emitted, Node, Quote, Span, Step, Times, walked
from ..system.sanitise import sanitise_json
from ..system.typed_json import read_as, schema_of
from .events import (
    FORMAT,
    ChangedText,
    Compared,
    EndText,
    PrefillText,
    Ready,
    Record,
    ServedText,
    StepText,
    SwitchText,
    Told,
    TurnText,
)
from .metrics import Numbers

_T = TypeVar("_T")
MOST = 2**53
"""What every reader of JSON can count to; in milliseconds longer than there have been people."""
MOST_NODES = 512
"""Drafted tokens of a step or a branch; no method drafts a quarter of them."""
MOST_BRANCHES = 64
Count = Annotated[int, Field(ge=0, le=MOST)]
Number = Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
Parent = Annotated[int, Field(ge=-1, le=MOST)]
"""Index of a node; -1 is the root."""
MOST_WANTED = 16
"""Tokens that the target could have chosen at a place."""
Text = Annotated[str, Field(max_length=1 << 16)]
"""Of one token."""
Served = Annotated[str, Field(max_length=1 << 21)]
"""Of a server's piece; no event of a stream that is read holds half as much."""
Drafted = Annotated[int, Field(ge=0, le=MOST_NODES)]
"""Tokens of one draft."""
BOUNDED: dict[Any, Any] = {
    int: Count, int | None: Count | None, float: Number, float | None: Number | None,
    tuple[int, ...]: tuple[Count, ...],
}  # fmt: skip
"""What stands in a line for a type of a record: nothing that cannot be counted, drawn or added up."""


@cache
def _parameters(of: Callable[..., Any]) -> dict[str, Any]:
    """The fields of a type and their defaults."""
    return {name: one.default for name, one in inspect.signature(of).parameters.items()}


def _object(name: str, of: Any, without: tuple[str, ...] = (), **more: Any) -> Any:
    """An object with the fields of a type, those with a plain default left out at will, and ``more``."""
    hints = {field: BOUNDED.get(hint, hint) for field, hint in get_type_hints(of).items()}
    plain = {name: one for name, one in _parameters(of).items() if one is None or isinstance(one, int | tuple)}
    made = [(name, hint, field(default=plain.get(name, MISSING))) for name, hint in (hints | more).items()]
    return make_dataclass(name, [one for one in made if one[0] not in without], kw_only=True)


def _line(kind: str, of: Any, without: tuple[str, ...] = (), **more: Any) -> Any:
    """A line of this type, of a lane unless it says otherwise."""
    return _object(f"{kind}_line", of, without, **{"type": Literal[kind], "lane": str} | more)


@dataclass
class Written:
    """A token and its text."""

    token: Count
    text: Text


Chain = Annotated[list[Written], Field(max_length=MOST_NODES)]
_node: Any = _object("node", Node, parent=Parent, text=Text)
_emitted: Any = _object("emitted", Emitted, text=Text)
_chains: Any = Annotated[list[Chain], Field(max_length=MOST_BRANCHES)]
_branches: Any = _object("branches", Branches, at=Parent, tokens=_chains)
_times: Any = _object("times", Times)
_span: Any = _object("span", Span)
_candidate: Any = _object("candidate", Candidate, text=Text)
_row: Any = Annotated[list[_candidate], Field(max_length=MOST_WANTED)]
_top: Any = Annotated[list[_row], Field(max_length=MOST_NODES + 1)]
_quote: Any = _object("quote", Quote, before=Chain, after=Chain)
_quotes: Any = Annotated[list[_quote], Field(max_length=MOST_NODES)]
_nodes: Any = Annotated[list[_node], Field(max_length=MOST_NODES)]
_tokens: Any = Annotated[list[_emitted], Field(max_length=MOST_NODES + 1)]
_spans: Any = Annotated[list[_span], Field(max_length=MOST_NODES)]
_seen: dict[str, Any] = {"branches": _branches | None, "target_top": _top | None, "quotes": _quotes | None}
_rate = Number | None
_counts = {name: BOUNDED[hint] | None for name, hint in get_type_hints(Numbers).items()
           if name not in ("unknown", "answers")}  # fmt: skip
"""Of a server's answer some are null."""
LINES: dict[str, Any] = {
    "header": _line("header", Ready, ("lane",), format=Literal[FORMAT]),
    "turn": _line("turn", Turn, ("options",), seed=int, settings=Options, question=str, texts=tuple[str, ...]),
    "prefill": _line("prefill", Prefill, text=Text),
    "step": _line("step", Step, nodes=_nodes, emitted=_tokens, ms=_times, spans=_spans, **_seen),
    "switch": _line("switch", Switch),
    "settings": _line("settings", Changed, ("options",), settings=Options),
    "end": _line("end", End, tail=Text),
    "compared": _line("compared", Compared),
    "served": _line("served", ServedText, text=Served),
    "told": _line("told", Told, by_step=tuple[tuple[Drafted, Drafted], ...]),
    "summary": _line("summary", Numbers, ("unknown",), **_counts, tokens_per_second=_rate, mean_accepted_tokens=_rate,
                     acceptance_rate=_rate),
}  # fmt: skip
"""What each type of line holds."""


def trace_schema() -> dict[str, Any]:
    """The JSON schema of a line."""
    kinds: Any = Union[tuple(LINES.values())]  # noqa: UP007 (made from a list)
    return {"title": FORMAT} | schema_of(Annotated[kinds, Field(discriminator="type")])


def from_json(line: dict[str, Any], harmless: bool = False) -> Record | None:
    """The record of a line; None for summaries and for types that a newer version may have added.

    Text is sanitised again, because a file is as untrusted as a model, unless the line is known to be ``harmless``.
    Raises KeyError, TypeError or ValueError for
    lines that are not what they say.
    """
    kind = str(line["type"])
    if kind not in RECORDS:
        return None
    return RECORDS[kind](read_as(LINES[kind], line if harmless else sanitise_json(line)))


def _part(of: Callable[..., _T], line: Any, **more: Any) -> _T:
    """The value of this type whose fields stand in a line."""
    made = vars(line) | more
    return of(**{name: made[name] for name in _parameters(of) if name in made})


def _step(line: Any) -> StepText:
    nodes = tuple(_part(Node, node) for node in line.nodes)
    if any(node.parent >= index for index, node in enumerate(nodes)):
        raise ValueError("a node's parent must come before it")
    ahead, chains = line.branches, line.branches.tokens if line.branches else []
    if ahead and (ahead.at >= len(nodes) or (ahead.won is not None and not 0 <= ahead.won < len(chains))):
        raise ValueError("no such branch")
    top = None if line.target_top is None else tuple(tuple(_part(Candidate, c) for c in row) for row in line.target_top)
    quoted = [(one.node, one.before, one.after) for one in line.quotes or ()]
    if any(node >= len(nodes) for node, _, _ in quoted):
        raise ValueError("no such node is quoted")
    step = _part(
        Step,
        line,
        nodes=nodes,
        emitted=tuple(_part(Emitted, token) for token in line.emitted),
        ms=_part(Times, line.ms),
        spans=tuple(_part(Span, span) for span in line.spans),
        target_top=top,
        quotes=None if line.quotes is None else tuple(Quote(node, _ids(b), _ids(a)) for node, b, a in quoted),
        branches=ahead and _part(Branches, ahead, tokens=tuple(map(_ids, chains))),
    )
    texts, emitted = _texts(line.nodes), _texts(line.emitted)
    if top is not None and len(top) != 1 + len(walked(step)):
        raise ValueError("target_top has not a row for each walked node")
    previews = tuple(map(_texts, chains))
    wanted = tuple(map(_texts, line.target_top or ()))
    around = tuple((_texts(before), _texts(after)) for _, before, after in quoted)
    return StepText(line.lane, step, texts, emitted, previews, wanted, around)


def _ids(chain: Iterable[Any]) -> tuple[int, ...]:
    return tuple(one.token for one in chain)


def _texts(chain: Iterable[Any]) -> tuple[str, ...]:
    return tuple(one.text for one in chain)


RECORDS: dict[str, Callable[[Any], Record]] = {
    "header": lambda line: _part(Ready, line),
    "turn": lambda line: _part(TurnText, line, turn=_part(Turn, line, options=line.settings)),
    "prefill": lambda line: _part(PrefillText, line, prefill=_part(Prefill, line)),
    "step": _step,
    "switch": lambda line: _part(SwitchText, line, switch=_part(Switch, line)),
    "settings": lambda line: _part(ChangedText, line, changed=_part(Changed, line, options=line.settings)),
    "end": lambda line: _part(EndText, line, end=_part(End, line)),
    "compared": lambda line: _part(Compared, line),
    "served": lambda line: _part(ServedText, line),
    "told": lambda line: _part(Told, line),
}
"""The record that a line stands for, by its type."""
