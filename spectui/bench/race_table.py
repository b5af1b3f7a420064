"""The table under a race."""

from ..metrics import Numbers
from .measured import REFERENCE
from .race_book import LaneBook, RaceBook, middle
from .tables import Grid, number

WORDS = {None: "running", "stopped": "stopped", "error": "failed", "length": "cut", "context": "context full"}


def race_grid(book: RaceBook) -> Grid:
    """A line for each lane of the latest round.

    Rates and speed-ups are medians over all finished rounds, with the least and the most in brackets.
    """
    places = book.places()
    rows = []
    for name, lane in sorted(book.lanes.items(), key=lambda item: places.get(item[0], 99)):
        n = lane.numbers
        rows.append(
            [
                name,
                str(places.get(name, "–")),
                number(n.ttft_ms, 1),
                spread_text(book.rates(name), 0),
                number(n.tokens_per_step),
                *fates(n),
                number(n.draft_ms / n.steps if n.steps else None),
                number(n.verify_ms / n.steps if n.steps else None),
                speedup_text(book, name),
                verdict(lane),
            ]
        )
    columns = ("lane", "place", "TTFT ms", "tok/s", "tok/step", "accepted", "rejected",
               "unreached", "draft ms", "verify ms", "× AR (n)", "text")  # fmt: skip
    return Grid("the race", columns, rows)


def fates(n: Numbers) -> list[str]:
    """How many drafted tokens were accepted, rejected and unreached; – for a lane that drafts nothing."""
    return [str(count) if n.drafted else "–" for count in (n.accepted, n.rejected, n.unreached)]


def spread_text(values: list[float], digits: int) -> str:
    """``480 [471, 492]``; unknown is –."""
    made = middle(values)
    if made is None:
        return "–"
    inner = f" [{made[1]:.{digits}f}, {made[2]:.{digits}f}]" if len(values) > 1 else ""
    return f"{made[0]:.{digits}f}{inner}"


def speedup_text(book: RaceBook, lane: str) -> str:
    """``2.22 (3)``: median of the rounds, and how many; – for the reference or without one."""
    ratios = book.speedups(lane, REFERENCE) if lane != REFERENCE else []
    made = middle(ratios)
    return f"{made[0]:.2f} ({len(ratios)})" if made else "–"


def verdict(lane: LaneBook) -> str:
    """What became of the promise."""
    if lane.compared is not None:
        if lane.compared.place is None:
            return "same as AR ✓"
        gap = f", gap {lane.compared.gap:.2g}" if lane.compared.gap is not None else ""
        return f"differs at {lane.compared.place}{gap}"
    if lane.end in WORDS:
        return WORDS[lane.end]
    return "reference" if lane.mode == REFERENCE else "not compared"
