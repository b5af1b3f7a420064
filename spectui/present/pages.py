"""A kept conversation for people: as Markdown, as a page of HTML, as a trace."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from html import escape

from ..engine.drafters.registry import MODES
from ..record.archived import Archived, Said
from ..record.events import Ready, Record
from ..record.trace import TraceLines

FORMATS = {"markdown": "md", "html": "html", "trace": "jsonl"}
"""Each with the ending of its files."""
_STYLE = """
:root { color-scheme: light dark; font: 1rem/1.5 system-ui, sans-serif; }
body { max-width: 46rem; margin: 2rem auto; padding: 0 1rem; }
h1 { font-size: 1.3rem; }
section { margin: 1.5rem 0; }
.question { border-left: 4px solid #0072b2; padding-left: .8rem; font-weight: 600; }
p { white-space: pre-wrap; overflow-wrap: anywhere; margin: .4rem 0; }
.numbers { font-size: .85rem; opacity: .7; }
"""


def markdown(one: Archived) -> str:
    """The conversation as Markdown."""
    parts = [f"# {' '.join(one.name.split())}", f"> {_head(one)}"]
    for turn in one.turns:
        parts += [f"**You:** {turn.question}", turn.text, f"> {numbers_of(turn)}"]
    return "\n\n".join(parts) + "\n"


def page(one: Archived) -> str:
    """The conversation as a page that needs nothing else and runs nothing."""
    turns = "".join(
        f'<section>\n<p class="question">{escape(turn.question)}</p>\n<p>{escape(turn.text)}</p>\n'
        f'<p class="numbers">{escape(numbers_of(turn))}</p>\n</section>\n'
        for turn in one.turns
    )
    policy = "default-src 'none'; style-src 'unsafe-inline'"
    return (
        f'<!doctype html>\n<html lang="en">\n<meta charset="utf-8">\n'
        f'<meta name="viewport" content="width=device-width">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">\n'
        f"<title>{escape(one.name)}</title>\n<style>{_STYLE}</style>\n<main>\n<h1>{escape(one.name)}</h1>\n"
        f'<p class="numbers">{escape(_head(one))}</p>\n{turns}</main>\n</html>\n'
    )


def trace(answers: Iterable[Iterable[Record]]) -> str:
    """The records of a conversation's answers as the lines of one trace."""
    return "".join(f"{line}\n" for line in _lines(answers))


def numbers_of(turn: Said) -> str:
    """How an answer came about, in one line."""
    title = MODES[turn.mode].title if turn.mode in MODES else turn.mode
    parts = [title, f"{len(turn.tokens)} tokens"]
    if turn.numbers is not None and turn.numbers.tokens_per_second:
        parts.append(f"{turn.numbers.tokens_per_second:.1f} tok/s")
    if turn.numbers is not None and turn.numbers.tokens_per_step:
        parts.append(f"{turn.numbers.tokens_per_step:.2f} tokens per step")
    return " · ".join(parts)


def date_of(seconds: float, with_time: bool = True) -> str:
    """A date of this place for seconds since 1970; – for what is none."""
    try:
        return f"{datetime.fromtimestamp(seconds):{'%Y-%m-%d %H:%M' if with_time else '%Y-%m-%d'}}"
    except (ValueError, OverflowError, OSError):
        return "–"


def _head(one: Archived) -> str:
    return f"{one.model} · {date_of(one.begun)} · spectui"


def _lines(answers: Iterable[Iterable[Record]]) -> Iterator[str]:
    """Lines in order; a header only where other models take over."""
    made, header = TraceLines(), None
    for records in answers:
        for record in records:
            if isinstance(record, Ready):
                if record == header:
                    continue
                header = record
            yield from made.of(record)
