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
    """(category, lane, ratio to plain decoding) of everything that has one; decode time, or whole calls for peers."""
    ratios = [(one, one.speedup if one.speedup_vs_ar is not None else one.calls_against_ar) for one in summaries]
    return [(one.category or "all", one.lane, ratio) for one, ratio in ratios if ratio.value is not None]


def most_of(rows: Sequence[tuple[str, str, Ratio]]) -> float:
    """The highest value or end of an interval, 1 at least."""
    return max(1.0, *(max(ratio.value or 0.0, *(ratio.interval or (0.0,))) for _, _, ratio in rows))


def histograms(summaries: Sequence[Summary]) -> dict[str, dict[int, float]]:
    """Of each drafting lane, over all questions: tokens -> share of the steps that emitted so many."""
    drafting = (one for one in summaries if one.category is None and one.drafts)
    return {one.lane: shares(one.tokens_per_step_histogram) for one in drafting}


def bars(summaries: Sequence[Summary]) -> Text:
    """Speed-up over plain decoding by category and lane; the rule stands at 1."""
    rows = speedups(summaries)
    text = Text()
    if not rows:
        return text
    most = most_of(rows)
    names, lanes = max(len(row[0]) for row in rows), max(len(row[1]) for row in rows)
    text.append("speed-up over plain decoding (│ is 1)\n", "bold")
    mark = round(WIDTH / most) - 1
    before = ""
    for category, lane, ratio in rows:
        value = ratio.value or 0.0
        drawn = bar(value, most).ljust(WIDTH)
        drawn = drawn if drawn[mark] != " " else f"{drawn[:mark]}│{drawn[mark + 1 :]}"
        text.append(f"{'' if category == before else category:<{names}}  {lane:<{lanes}}  ")
        text.append(drawn, "cyan" if value >= 1.0 else "yellow")
        text.append(f" {ratio.with_interval}\n")
        before = category
    text.rstrip()
    return text


def histogram(summaries: Sequence[Summary]) -> Text:
    """Tokens per step of each drafting lane, over all questions."""
    text = Text()
    for lane, parts in histograms(summaries).items():
        text.append(f"{chr(10) if text else ''}tokens per step, {lane}\n", "bold")
        for size, share in parts.items():
            text.append(f"{size:>3}  ")
            text.append(bar(share, max(parts.values())), "cyan")
            text.append(f" {share:.0%}\n")
    text.rstrip()
    return text
