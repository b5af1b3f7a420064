"""The plain text under a mouse selection."""

from textual.geometry import Offset
from textual.selection import Selection

from .viewport import Viewport


def selected_source(viewport: Viewport, selection: Selection) -> str:
    """The text between two offsets, as the model or the person wrote it.

    Offsets are (index in the paragraph's shown text, paragraph). Signs, what only some views show and the ends of
    rows that wrapping made are left out.
    """
    paragraphs = viewport.document.paragraphs
    if not paragraphs:
        return ""
    start = selection.start or Offset(0, 0)
    last = len(paragraphs) - 1
    end_y = last if selection.end is None else min(selection.end.y, last)
    lines = []
    for index in range(max(0, start.y), end_y + 1):
        paragraph, flow = paragraphs[index], viewport.flow(index)
        if paragraph.level > viewport.level:
            continue
        first = start.x if index == start.y else 0
        ends_here = selection.end is not None and index == selection.end.y
        stop = selection.end.x if selection.end is not None and ends_here else len(flow.text)
        lines.append(flow.source(first, max(first, stop)))
    return "\n".join(lines)
