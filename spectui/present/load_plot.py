"""The plot of a load as one SVG file: tokens per second and latency over requests at a time, one line a server."""

from collections.abc import Sequence
from itertools import pairwise

from .load_report import LoadReport
from .plot import COLOURS, line, text

WIDTH, HEIGHT, LEFT, TOP = 860, 260, 70, 40


def load_svg(report: LoadReport) -> str:
    """Total tokens per second, and latency at p50 and p90, over concurrency; one line a server."""
    parts = []
    for place, (title, lines) in enumerate(_pictures(report).items()):
        parts += [f'<g transform="translate(0 {place * (HEIGHT + TOP)})">', *_picture(title, lines), "</g>"]
    height = 2 * (HEIGHT + TOP) + TOP
    names = list(dict.fromkeys(level.lane for level in report.levels))
    legend = "".join(
        f'<rect x="{LEFT + 260 * i}" y="{height - 22}" width="12" height="12" fill="{COLOURS[i % len(COLOURS)]}"/>'
        + text(LEFT + 260 * i + 18, height - 12, name)
        for i, name in enumerate(names)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{''.join(parts)}{legend}</svg>\n"
    )


_Line = tuple[str, bool, list[tuple[int, float]]]
"""Colour, whether it is dashed, (concurrency, value)."""


def _pictures(report: LoadReport) -> dict[str, list[_Line]]:
    names = list(dict.fromkeys(level.lane for level in report.levels))
    rates: list[_Line] = []
    latencies: list[_Line] = []
    for index, name in enumerate(names):
        levels, colour = [level for level in report.levels if level.lane == name], COLOURS[index % len(COLOURS)]
        rates.append(
            (colour, False, [(one.concurrency, rate) for one in levels if (rate := one.total_tokens_per_second)])
        )
        for share, dashed in ((50, False), (90, True)):
            points = [(one.concurrency, ms) for one in levels if (ms := one.latency_ms[share]) is not None]
            latencies.append((colour, dashed, points))
    return {"total tokens per second over concurrency": rates, "latency in ms (p50; dashed p90)": latencies}


def _picture(title: str, lines: Sequence[_Line]) -> list[str]:
    made = [text(20, 24, title, weight="bold")]
    points = [point for _, _, dots in lines for point in dots]
    if not points:
        return [*made, text(LEFT, HEIGHT / 2, "not told")]
    widest, most = max(x for x, _ in points), max(y for _, y in points) * 1.05
    bottom = HEIGHT - 20
    places = sorted({x for x, _ in points})
    at = {x: LEFT + (WIDTH - LEFT - 60) * (places.index(x) / max(1, len(places) - 1)) for x in places}
    made += [text(at[x], bottom + 16, str(x), anchor="middle") for x in places]
    made += [line(LEFT, bottom, at[widest], bottom, "#222222"), text(LEFT - 8, TOP + 12, f"{most:.0f}", anchor="end")]
    for colour, dashed, dots in lines:
        heights = [(at[x], bottom - y / most * (bottom - TOP)) for x, y in dots]
        for (x1, y1), (x2, y2) in pairwise(heights):
            made.append(line(x1, y1, x2, y2, colour, dash="4 3" if dashed else ""))
        made += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in heights]
    return made
