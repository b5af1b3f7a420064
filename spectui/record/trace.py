"""The trace file: one JSON object a line, everything that a replay needs."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..engine.values.events import Changed, End, Prefill, Switch, Turn
from ..engine.values.options import Options, Sampling, Speculation
from ..engine.values.step import Branches, Emitted, Node, Source, Span, Step, Times
from ..system.errors import UserError
from ..system.files import open_private
from ..system.json_lines import read_lines
from ..system.sanitise import sanitise, sanitise_line
from .events import ChangedText, Compared, EndText, PrefillText, Ready, Record, StepText, SwitchText, TurnText
from .metrics import Meter

FORMAT = "spectui.trace/1"
Json = dict[str, Any]


def to_json(record: Record) -> Json | None:
    """The line of a record; None for those that say nothing about decoding (Loading, Failed)."""
    match record:
        case Ready():
            return {"type": "header", "format": FORMAT, **asdict(record)}
        case TurnText(lane, turn, question, texts):
            prompt = {"prompt": list(turn.prompt), "texts": list(texts), "question": question}
            options = asdict(turn.options)
            seed = turn.options.sampling.seed
            how = {"mode": turn.mode, "seed": seed, "settings": options, "remembers": turn.remembers}
            return {"type": "turn", "lane": lane, **how, **prompt}
        case PrefillText(lane, prefill, text):
            return {"type": "prefill", "lane": lane, **asdict(prefill), "text": text}
        case StepText():
            return _step(record)
        case SwitchText(lane, switch):
            return {"type": "switch", "lane": lane, **asdict(switch)}
        case ChangedText(lane, changed):
            return {"type": "settings", "lane": lane, "index": changed.index, "settings": asdict(changed.options)}
        case EndText(lane, end, tail):
            return {"type": "end", "lane": lane, **asdict(end), "tail": tail}
        case Compared():
            return {"type": "compared", **asdict(record)}
    return None


def _step(record: StepText) -> Json:
    step = record.step
    nodes = [
        {
            "token": node.token,
            "text": text,
            "parent": node.parent,
            "source": {name: value for name, value in asdict(node.source).items() if value is not None},
            "probability": node.probability,
            "fate": node.fate,
        }
        for node, text in zip(step.nodes, record.nodes, strict=True)
    ]
    emitted = [
        {"token": token.token, "text": text, "kind": token.kind}
        for token, text in zip(step.emitted, record.emitted, strict=True)
    ]
    return {
        "type": "step",
        "lane": record.lane,
        "mode": step.mode,
        "index": step.index,
        "position": step.position,
        "time_ms": step.time_ms,
        "nodes": nodes,
        "accepted": step.accepted,
        "emitted": emitted,
        "ms": step.ms._asdict(),
        "spans": [span._asdict() for span in step.spans],
        "limit": step.limit,
        "why_no_draft": step.why_no_draft,
        "branches": _branches(step.branches, record.branches),
        "target_top": step.target_top,
    }


def _branches(branches: Branches | None, texts: Sequence[Sequence[str]]) -> Json | None:
    if branches is None:
        return None
    chains = [
        [{"token": token, "text": text} for token, text in zip(tokens, words, strict=True)]
        for tokens, words in zip(branches.tokens, texts, strict=True)
    ]
    return {**asdict(branches), "tokens": chains}


def from_json(line: Mapping[str, Any]) -> Record | None:
    """The record of a line; None for summaries and for types that a newer version may have added.

    Text is sanitised again, because a file is as untrusted as a model. Raises KeyError, TypeError or ValueError for
    lines that are not what they say.
    """
    build = _BUILDERS.get(str(line["type"]))
    return build(line) if build else None


def _header(line: Mapping[str, Any]) -> Ready:
    if line["format"] != FORMAT:
        raise ValueError(f"format {line['format']!r}, this version reads {FORMAT!r}")
    return Ready(
        model=_text(line["model"]),
        draft=None if line["draft"] is None else _text(line["draft"]),
        device=_text(line["device"]),
        dtype=_text(line["dtype"]),
        seconds=float(line["seconds"]),
        context=int(line["context"]),
        modes=tuple(_text(mode) for mode in line["modes"]),
        unavailable={_text(mode): _text(why) for mode, why in line["unavailable"].items()},
        notes=tuple(_text(note) for note in line["notes"]),
        versions={_text(name): _text(value) for name, value in line["versions"].items()},
    )


def _turn(line: Mapping[str, Any]) -> TurnText:
    prompt, remembers = tuple(int(token) for token in line["prompt"]), int(line.get("remembers", 0))
    turn = Turn(prompt, _text(line["mode"]), _options(line["settings"]), remembers)
    return TurnText(_text(line["lane"]), turn, _text(line["question"]), _texts(line["texts"]))


def _options(value: Mapping[str, Any]) -> Options:
    return Options(Sampling(**value["sampling"]), Speculation(**value["speculation"]), int(value["max_new_tokens"]))


def _prefill(line: Mapping[str, Any]) -> PrefillText:
    prefill = Prefill(float(line["ms"]), int(line["reused"]), int(line["token"]), float(line["time_ms"]))
    return PrefillText(_text(line["lane"]), prefill, _text(line["text"]))


def _step_record(line: Mapping[str, Any]) -> StepText:
    nodes = tuple(
        Node(
            int(n["token"]), _parent(n["parent"], i), Source(**n["source"]), _maybe(n["probability"]), _fate(n["fate"])
        )
        for i, n in enumerate(line["nodes"])
    )
    emitted = tuple(Emitted(int(e["token"]), _kind(e["kind"])) for e in line["emitted"])
    top = line.get("target_top")
    step = Step(
        mode=_text(line["mode"]),
        index=int(line["index"]),
        position=int(line["position"]),
        time_ms=float(line["time_ms"]),
        nodes=nodes,
        accepted=int(line["accepted"]),
        emitted=emitted,
        ms=Times(**{name: float(line["ms"][name]) for name in ("draft", "verify", "commit", "other", "wall")}),
        spans=tuple(Span(_text(s["who"]), float(s["start"]), float(s["end"])) for s in line["spans"]),
        limit=int(line["limit"]),
        why_no_draft=None if line["why_no_draft"] is None else _text(line["why_no_draft"]),
        branches=_read_branches(line.get("branches"), len(nodes)),
        target_top=None if top is None else tuple(tuple((int(t), float(p)) for t, p in row) for row in top),
    )
    texts = tuple(_text(n["text"]) for n in line["nodes"])
    words = tuple(tuple(_text(t["text"]) for t in chain) for chain in (line.get("branches") or {}).get("tokens", ()))
    return StepText(_text(line["lane"]), step, texts, tuple(_text(e["text"]) for e in line["emitted"]), words)


def _read_branches(value: Any, nodes: int) -> Branches | None:
    if value is None:
        return None
    tokens = tuple(tuple(int(t["token"]) for t in chain) for chain in value["tokens"])
    won = _whole(value["won"])
    if won is not None and not 0 <= won < len(tokens):
        raise ValueError("no such branch")
    at = _parent(value["at"], nodes)
    return Branches(at, float(value["confidence"]), tokens, won, int(value["dropped"]), int(value["waste"]))


def _end(line: Mapping[str, Any]) -> EndText:
    if line["reason"] not in ("eos", "stop", "length", "context", "stopped", "error"):
        raise ValueError(f"unknown reason {line['reason']!r}")
    message = None if line["message"] is None else _text(line["message"])
    return EndText(_text(line["lane"]), End(line["reason"], message), _text(line["tail"]))


_BUILDERS: dict[str, Callable[[Mapping[str, Any]], Record]] = {
    "header": _header,
    "turn": _turn,
    "prefill": _prefill,
    "step": _step_record,
    "switch": lambda line: SwitchText(_text(line["lane"]), Switch(_text(line["mode"]), int(line["index"]))),
    "settings": lambda line: ChangedText(_text(line["lane"]), Changed(_options(line["settings"]), int(line["index"]))),
    "end": _end,
    "compared": lambda line: Compared(_text(line["lane"]), _whole(line["place"]), _maybe(line["gap"])),
}


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"expected text, found {type(value).__name__}")
    return sanitise(value)


def _texts(values: list[object]) -> tuple[str, ...]:
    return tuple(map(_text, values))


def _maybe(value: object) -> float | None:
    return None if value is None else float(value)  # type: ignore[arg-type]


def _whole(value: object) -> int | None:
    return None if value is None else int(value)  # type: ignore[call-overload]


def _parent(value: int, index: int) -> int:
    if not -1 <= int(value) < index:
        raise ValueError("a node's parent must come before it")
    return int(value)


def _fate(value: Any) -> Any:
    if value not in ("accepted", "rejected", "unreached", "cut"):
        raise ValueError(f"unknown fate {value!r}")
    return value


def _kind(value: Any) -> Any:
    if value not in ("accepted", "target", "correction", "bonus"):
        raise ValueError(f"unknown kind {value!r}")
    return value


class TraceWriter:
    """Appends records to a file, line by line; what was written before a crash or kill stays readable."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Every line reaches the system whole when it is written.
            self._file = open_private(path, "a", buffering=1, encoding="utf-8")
        except OSError as error:
            reason = sanitise_line(error.strerror or type(error).__name__)
            raise UserError(f"cannot write {path}: {reason}; choose another file") from error
        self._meters: dict[str, Meter] = {}

    def write(self, record: Record) -> None:
        """Append a record; the end of an answer adds its summary and reaches the disk."""
        line = to_json(record)
        if line is None:
            return
        self._put(line)
        lane = line.get("lane")
        if lane is None:
            return
        meter = self._meters.setdefault(lane, Meter())
        meter.feed(record)
        if isinstance(record, EndText):
            numbers = meter.numbers
            rates = {
                "tokens_per_second": numbers.tokens_per_second,
                "mean_accepted_tokens": numbers.tokens_per_step,
                "acceptance_rate": numbers.acceptance_rate,
            }
            self._put({"type": "summary", "lane": lane, **asdict(numbers), **rates})
            self._file.flush()

    def _put(self, line: Json) -> None:
        self._file.write(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")

    def flush(self) -> None:
        """Hand everything to the system, so that it survives the program."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close."""
        self._file.close()


def read_trace(path: Path) -> Iterator[Record]:
    """The records of a trace file; a last line that was cut off is left out.

    Raises UserError, naming file and line, for anything else that is damaged.
    """
    try:
        lines = path.read_text("utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"cannot read {path}: {sanitise_line(str(error))}") from error

    def refuse(number: int, reason: str) -> None:
        if number < len(lines):
            raise UserError(f"{path}, line {number}: not a trace line ({reason})")

    records = read_lines(lines, lambda line: from_json(json.loads(line)), refuse)
    yield from (record for record in records if record is not None)
