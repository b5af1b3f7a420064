"""A bar in characters."""

WIDTH = 40
"""Cells of a bar in a report."""
EIGHTHS = " ▏▎▍▌▋▊▉█"


def bar(value: float, most: float, width: int = WIDTH) -> str:
    """A bar of up to ``width`` cells, drawn to an eighth of a cell."""
    eighths = round(max(0.0, min(1.0, value / most)) * width * 8) if most > 0 else 0
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (EIGHTHS[rest] if rest else "")
