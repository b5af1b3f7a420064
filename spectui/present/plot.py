"""The plots of a report as one SVG file: bars of speed-up with intervals, histograms of tokens per step."""

from collections.abc import Sequence
from html import escape

from .picture import histograms, most_of, speedups
from .summary import Summary

COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#7F7F7F")
"""Okabe and Ito's palette, told apart by colour-blind people."""
WIDTH, LEFT, ROW, GAP = 860, 150, 18, 12
PANEL = WIDTH - LEFT - 110


def svg(title: str, summaries: Sequence[Summary]) -> str:
    """A whole SVG document."""
    lanes = list(dict.fromkeys(one.lane for one in summaries))
    colours = {lane: COLOURS[index % len(COLOURS)] for index, lane in enumerate(lanes)}
    parts, height = _bars(summaries, colours, 64)
    more, height = _histograms(summaries, colours, height + 30)
    legend = "".join(
        f'<rect x="{LEFT + 110 * i}" y="36" width="12" height="12" fill="{colours[lane]}"/>'
        + text(LEFT + 110 * i + 18, 46, lane)
        for i, lane in enumerate(lanes)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" '
        f'font-family="sans-serif" font-size="12"><rect width="100%" height="100%" fill="#ffffff"/>'
        f"{text(20, 22, title, weight='bold')}{legend}{parts}{more}</svg>\n"
    )


def _bars(summaries: Sequence[Summary], colours: dict[str, str], y: int) -> tuple[str, int]:
    rows = speedups(summaries)
    if not rows:
        return "", y
    most = most_of(rows) * 1.05
    out = [text(20, y + 12, "speed-up over plain decoding, 95 % interval", weight="bold")]
    top = y = y + 24
    before = None
    for category, lane, ratio in rows:
        if category != before:
            y += GAP if before is not None else 0
            out.append(text(LEFT - 10, y + 12, category, anchor="end"))
            before = category
        value, middle = (ratio.value or 0.0) / most * PANEL, y + ROW / 2
        edges = [LEFT + edge / most * PANEL for edge in ratio.interval or ()]
        out.append(_rect(LEFT, y + 2, value, ROW - 4, colours[lane]))
        if edges:
            out.append(line(edges[0], middle, edges[1], middle, "#222222"))
        out += [line(x, middle - 4, x, middle + 4, "#222222") for x in edges]
        out.append(text(max(LEFT + value, *edges, 0) + 6, y + 13, str(ratio)))
        y += ROW
    x = LEFT + PANEL / most
    out.append(line(x, top, x, y, "#222222", dash="4 3"))
    return "".join(out), y


def _histograms(summaries: Sequence[Summary], colours: dict[str, str], y: int) -> tuple[str, int]:
    out = []
    for lane, parts in histograms(summaries).items():
        most, step = max(parts.values()), min(40.0, PANEL / (max(parts) + 1))
        out.append(text(20, y + 12, f"tokens per step, {lane}", weight="bold"))
        base = y + 120
        for size, share in parts.items():
            height = share / most * 90
            x = LEFT + (size - 1) * step
            out.append(_rect(x, base - height, step - 4, height, colours[lane]))
            out.append(text(x + step / 2 - 2, base + 14, str(size), anchor="middle"))
            out.append(text(x + step / 2 - 2, base - height - 4, f"{share:.0%}", anchor="middle"))
        y = base + 34
    return "".join(out), y + 10


def _rect(x: float, y: float, width: float, height: float, fill: str) -> str:
    return f'<rect x="{x:.1f}" y="{y:.1f}" width="{max(0.0, width):.1f}" height="{height:.1f}" fill="{fill}"/>'


def line(x1: float, y1: float, x2: float, y2: float, stroke: str, dash: str = "") -> str:
    """A straight line."""
    dashed = f' stroke-dasharray="{dash}"' if dash else ""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" stroke="{stroke}"{dashed}/>'


def text(x: float, y: float, text: str, anchor: str = "start", weight: str = "normal") -> str:
    """Text, which may hold anything."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-weight="{weight}">{escape(text)}</text>'
