"""The plots of a report in characters, for the terminal."""

from collections.abc import Sequence

from rich.text import Text

from .summary import Ratio, Summary, shares

WIDTH = 40
EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: float, most: float, width: int = WIDTH) -> str:
    """A bar of up to ``width`` cells, drawn to an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, value / most)) * width * 8) if most > 0 else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[rest] if rest else "")


def speedups(summaries: Sequence[Summary]) -> list[tuple[str, str, Ratio]]:
    """(category, lane, ratio to AR) of everything that has one; decode time, or whole calls for peers."""
    made = []
    for one in summaries:
        ratio = one.speedup_vs_ar if one.speedup_vs_ar.value is not None else one.wall_vs_ar
        if ratio.value is not None:
            made.append((one.category or "all", one.lane, ratio))
    return made


def most_of(rows: Sequence[tuple[str, str, Ratio]]) -> float:
    """The highest value or end of an interval."""
    return max(max(ratio.value or 0.0, ratio.high or 0.0) for _, _, ratio in rows)


def bars(summaries: Sequence[Summary]) -> Text:
    """Speed-up over AR by category and lane; the rule stands at 1."""
    rows = speedups(summaries)
    text = Text()
    if not rows:
        return text
    most = most_of(rows)
    names = max(len(row[0]) for row in rows)
    lanes = max(len(row[1]) for row in rows)
    text.append("speed-up over AR (│ is 1)\n", "bold")
    one = round(WIDTH / most) if most > 1.0 else WIDTH
    before = ""
    for category, lane, ratio in rows:
        value, low, high = ratio.value or 0.0, ratio.low, ratio.high
        drawn = bar(value, max(1.0, most)).ljust(WIDTH)
        mark = min(one, WIDTH) - 1
        drawn = drawn if drawn[mark] != " " else f"{drawn[:mark]}│{drawn[mark + 1 :]}"
        interval = f" [{low:.2f}, {high:.2f}]" if low is not None and high is not None else ""
        text.append(f"{'' if category == before else category:<{names}}  {lane:<{lanes}}  ")
        text.append(drawn, "cyan" if value >= 1.0 else "yellow")
        text.append(f" {ratio}{interval}\n")
        before = category
    text.rstrip()
    return text


def histogram(summaries: Sequence[Summary]) -> Text:
    """Tokens per step of each drafting lane, over all questions."""
    text = Text()
    for one in summaries:
        if one.category is not None or not one.spread.offered:
            continue
        parts = shares(one.spread.emitted)
        text.append(f"{'' if not text else chr(10)}tokens per step, {one.lane}\n", "bold")
        for size, share in parts.items():
            text.append(f"{size:>3}  ")
            text.append(bar(share, max(parts.values())), "cyan")
            text.append(f" {share:.0%}\n")
    text.rstrip()
    return text
