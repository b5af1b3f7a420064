"""The table under a race."""

from collections.abc import Sequence
from statistics import median

from ..record.metrics import LOOPS, REFERENCE
from .grid import MARKS, Grid, number
from .race_book import LaneBook, RaceBook

WORDS = {None: "running", "stopped": "stopped", "error": "failed", "length": "cut", "context": "context full"}
RATIO = "speed-up [rounds]"


def race_grid(book: RaceBook) -> Grid:
    """A line for each lane of the latest round, in the order of their places.

    Everything is over all finished rounds: times, rates and speed-ups are medians, with the least and the most in
    brackets; tokens are the sums.
    """
    places = book.places()
    names = sorted(book.lanes, key=lambda name: places.get(name, 99))
    columns = ("lane", "place", "first token ms", "tok/s", "tokens per step", "accepted", "rejected",
               "unreached", "draft ms", "check ms", RATIO, "text")  # fmt: skip
    rows = [_row(book, name, places.get(name)) for name in names]
    notes = [words for mark, words in MARKS.items() if any(mark in cell for row in rows for cell in row)]
    if book.remembers:
        notes.append(f"with a datastore of {book.remembers:,} tokens, learnt from earlier answers or loaded")
    return Grid("the race", columns, rows, notes)


def _row(book: RaceBook, name: str, place: int | None) -> list[str]:
    lane, n = book.lanes[name], book.numbers(name)
    first = [one.numbers.ttft_ms for one in book.done(name) or [lane] if one.numbers.ttft_ms is not None]
    return [
        f"{name}, remembers {lane.remembers:,}" if lane.remembers else name,
        str(place or "–"),
        number(median(first) if first else None, 1),
        spread_text(book.rates(name), 0),
        number(n.tokens_per_step),
        *(str(count) if n.drafted else "–" for count in (n.accepted, n.rejected, n.unreached)),
        number(n.draft_ms / n.steps if n.steps else None),
        number(n.verify_ms / n.steps if n.steps else None),
        speedup_text(book, name),
        f"{_promise(lane)}{f', loops {LOOPS}' if lane.meter.looping else ''}",
    ]


def spread_text(values: Sequence[float], digits: int) -> str:
    """``480 [471, 492]``; unknown is –."""
    if not values:
        return "–"
    inner = f" [{min(values):.{digits}f}, {max(values):.{digits}f}]" if len(values) > 1 else ""
    return f"{median(values):.{digits}f}{inner}"


def speedup_text(book: RaceBook, lane: str) -> str:
    """``2.22? [2.10, 2.31] n=3``: the median of the rounds, whether it is doubtful, the least, the most, how many.

    – for the reference or without one.
    """
    made = book.speedup(lane, REFERENCE) if lane != REFERENCE else None
    return f"{made}{f' {LOOPS}' if book.lanes[lane].meter.looping else ''} {made.spread}" if made else "–"


def _promise(lane: LaneBook) -> str:
    """What became of it."""
    if lane.compared is not None:
        if lane.compared.place is None:
            return "same text ✓"
        gap = f", gap {lane.compared.gap:.2g}" if lane.compared.gap is not None else ""
        return f"differs at {lane.compared.place}{gap}"
    if lane.end in WORDS:
        return WORDS[lane.end]
    return "reference" if lane.mode == REFERENCE else "not compared"
