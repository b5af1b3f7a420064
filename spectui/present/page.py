"""An answer or a race as one page of HTML that plays in a browser and asks for nothing else.

The text with all its marks stands in the page, so that it can be read and printed without the script, which only hides
what has not happened yet.
"""

import json
from base64 import b64encode
from collections.abc import Iterable, Sequence
from hashlib import sha256
from html import escape
from importlib.resources import files
from typing import Any

from ..record.events import EndText, PrefillText, Ready, Record, ServedText, StepText, Told, TurnText
from ..record.metrics import Meter
from ..record.replay import SPEEDS, Replay
from ..system.errors import UserError
from .answer_line import TIED, answer_line
from .frames import Text, mode_title
from .served_sentence import served_sentence
from .step_sentence import sentence, source_words
from .token_looks import LOOKS, TokenKind, shown

MOST_STEPS = 5000
"""A page with more steps is slow to open."""
ELEMENTS: dict[TokenKind, str] = {
    "rejected": "del", "unreached": "del", "cut": "del", "correction": "strong", "bonus": "strong", "seam": "em",
}  # fmt: skip
"""What a kind of token is in HTML; the others are plain."""
STANDS = ("target", "accepted", "correction", "bonus")
_UNSAFE = {ord(sign): f"\\u{ord(sign):04x}" for sign in "<>&\u2028\u2029"}
_CONTROLS = (("first", "Beginning", "⇤"), ("back", "One step back", "←"), ("play", "Play", ""),
             ("on", "One step on", "→"), ("end", "End", "⇥"))  # fmt: skip


class _Lane:
    """What the page needs of a lane."""

    def __init__(self, name: str) -> None:
        self.name = self.mode = name
        self.meter = Meter()
        self.text = Text()
        self.moments: list[dict[str, Any]] = []
        self.end = ""

    @property
    def title(self) -> str:
        title = mode_title(self.mode)
        return title if self.name in (self.mode, "chat") else f"{self.name}: {title}"

    def feed(self, record: Record) -> None:
        self.meter.feed(record)
        self.text.feed([record])
        match record:
            case TurnText(turn=turn):
                self.mode = turn.mode
            case PrefillText(prefill=prefill):
                cost = f"{prefill.ms:.2f} ms for the prompt, {prefill.reused} of its tokens were known"
                said = "the target read the prompt and chose the first token"
                self._add(prefill.time_ms, "first token", said, cost, [])
            case StepText(step=step):
                ms = step.ms
                cost = f"draft {ms.draft:.2f} ms, check {ms.verify:.2f} ms, all {ms.wall:.2f} ms"
                self._add(step.time_ms, f"step {step.index}", sentence(record), cost, _nodes(record))
            case ServedText(index=index, time_ms=time):
                self._add(time, f"piece {index}", "the server sent this at once", "", [])
            case Told(time_ms=time):
                self._add(time, "all that the server told", served_sentence(record), "", [])
            case EndText(end=end):
                self.end = end.message or ""
                if self.moments:
                    self.moments[-1]["n"] = len(self.text.tokens)

    def _add(self, time: float, title: str, said: str, cost: str, nodes: list[Any]) -> None:
        line = str(answer_line(self.meter)).replace(TIED, " ")
        self.moments.append({"t": time, "n": len(self.text.tokens), "title": title, "said": said, "cost": cost,
                             "nodes": nodes, "line": line})  # fmt: skip


def _nodes(record: StepText) -> list[Any]:
    return [
        [text, node.parent, node.fate, node.probability, source_words(node.source)]
        for node, text in zip(record.step.nodes, record.nodes, strict=True)
    ]


def page_of(replay: Replay, number: int) -> str:
    """A take as a page; raises UserError if it is too long for one."""
    take = replay.takes[number]
    if take.steps > MOST_STEPS:
        raise UserError(f"{take.steps:,} steps are too many for a page, which holds {MOST_STEPS:,}; export the trace")
    lanes = {name: _Lane(name) for name in take.lanes}
    for record in replay.records(number):
        lane = lanes.get(getattr(record, "lane", ""))
        if lane is not None:
            lane.feed(record)
    question = replay.question(number)
    return _document(question, _about(replay, number), list(lanes.values()), take.length_ms)


def _about(replay: Replay, number: int) -> str:
    header = replay.takes[number].header
    ready = replay.at(header) if header is not None else None
    if not isinstance(ready, Ready):
        return "recorded with spectui"
    return f"{ready.model} ← {ready.draft or 'no draft model'}, {ready.dtype}, {ready.device}; recorded with spectui"


def _document(question: str, about: str, lanes: Sequence[_Lane], length: float) -> str:
    script, style = (_asset(name) for name in ("page.js", "page.css"))
    data = {
        "length": length,
        "marks": {kind: look.mark for kind, look in LOOKS.items()},
        "lanes": [{"title": lane.title, "moments": lane.moments} for lane in lanes],
    }
    words = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_UNSAFE)
    policy = f"default-src 'none'; script-src '{_hash(script)}'; style-src '{_hash(style)}'; base-uri 'none'"
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{escape(' '.join(question.split())[:80] or 'An answer')} – spectui</title>\n"
        f"<style>{style}</style>\n</head>\n<body>\n<main>\n"
        f'<h1 lang="" dir="auto">{escape(question) or "(no question)"}</h1>\n<p class="about">{escape(about)}</p>\n'
        f"{_controls()}"
        f'<div class="stage">\n<div class="lanes">\n{"".join(map(_section, lanes))}</div>\n'
        '<aside id="step" aria-labelledby="which" hidden>\n<h2 id="which">Step</h2>\n<p id="said"></p>\n'
        '<div id="tree"></div>\n<p id="cost" class="small"></p>\n'
        '<p class="small">Point at a token to see the step that made it.</p>\n</aside>\n</div>\n'
        f'<p id="told" class="small" role="status" aria-live="polite"></p>\n{_legend()}</main>\n'
        f'<script type="application/json" id="data">{words}</script>\n<script>{script}</script>\n</body>\n</html>\n'
    )


def _asset(name: str) -> str:
    return (files(__package__) / name).read_text("utf-8")


def _hash(text: str) -> str:
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _controls() -> str:
    buttons = "".join(
        f'<button type="button" id="{name}"{f" aria-label={json.dumps(label)}" if sign else ""}>{sign or label}'
        "</button>\n"
        for name, label, sign in _CONTROLS
    )
    speeds = "".join(f'<option value="{s}"{" selected" if s == 1 else ""}>× {s:g}</option>' for s in SPEEDS)
    return (
        f'<div class="controls" role="group" aria-label="Replay" hidden>\n{buttons}'
        f'<label>Speed <select id="speed">{speeds}</select></label>\n'
        '<input type="range" id="time" min="0" max="1" step="any" value="1" aria-label="Time">\n'
        '<output id="where" for="time"></output>\n'
        '<label><input type="checkbox" id="marks" checked> marks</label>\n'
        '<label><input type="checkbox" id="lost" checked> what was rejected</label>\n</div>\n'
    )


def _section(lane: _Lane) -> str:
    told = lane.text.tokens
    kinds = [None, *(kind for kind, _ in told)]
    tokens = "".join(_token(*one, begins=one[0] != before) for one, before in zip(told, kinds, strict=False))
    failed = f'<p class="about">{escape(lane.end)}</p>\n' if lane.end else ""
    line = lane.moments[-1]["line"] if lane.moments else "–"
    return (
        f'<section class="lane">\n<h2>{escape(lane.title)}</h2>\n<p class="text" lang="" dir="auto">{tokens}</p>\n'
        f'{failed}<p class="numbers">{escape(line)}</p>\n</section>\n'
    )


def _token(kind: TokenKind, text: str, begins: bool) -> str:
    """A token; the mark stands before the first word of those that are alike."""
    name = ELEMENTS.get(kind, "span")
    words = text if kind in STANDS else shown(text)
    inner = escape(words)
    if begins and kind not in ("target", "seam"):
        word = words.lstrip(" ")
        blanks = " " * (len(words) - len(word))
        inner = f'{blanks}<span data-m="{escape(LOOKS[kind].mark)}">{escape(word)}</span>'
    return f'<{name} class="t {kind}">{inner}</{name}>'


def _legend() -> str:
    kinds: Iterable[TokenKind] = ("target", "accepted", "rejected", "correction", "bonus", "unreached", "cut")
    entries = "".join(
        f'<div><dt><span class="{kind}">{escape(LOOKS[kind].mark)} {escape(LOOKS[kind].word)}</span></dt>'
        f"<dd>{escape(LOOKS[kind].meaning)}</dd></div>\n"
        for kind in kinds
    )
    return (
        f'<dl class="legend">\n{entries}</dl>\n<p class="small">Keys: space plays, ← and → go step by step, '
        "home and end go to both ends, + and - change the speed.</p>\n"
    )
