"""Word wrap in terminal cells, row by row, so that a growing text is wrapped at its end only."""

from rich.cells import cell_len, split_graphemes


def extend(starts: list[int], text: str, width: int) -> None:
    """Wrap what was added to the end of a text without newlines, in place; ``starts`` are where its rows begin.

    Rows before the last but one stay; an empty text has one row, ``[0]``.
    """
    del starts[max(len(starts) - 1, 1) :]
    while (end := row_end(text, starts[-1], width)) < len(text):
        starts.append(end)


def row_end(text: str, start: int, width: int) -> int:
    """Index where the row that begins at ``start`` ends; rows joined are the text, character for character.

    Rows break after spaces and around wide characters, else inside the word. Spaces that do not fit hang over the
    edge of their row. A row holds at least one grapheme, even one that is wider than ``width`` cells.
    """
    width = max(width, 1)
    piece = text[start : start + width + 1]
    if not piece.isascii():
        return _row_end_by_cells(text, start, width)
    if len(piece) <= width:
        return start + len(piece)
    edge = start + width
    if text[edge] == " ":
        return _after_spaces(text, edge)
    return text.rfind(" ", start, edge) + 1 or edge


def _row_end_by_cells(text: str, start: int, width: int) -> int:
    """The same, grapheme by grapheme."""
    piece = _longer_than(text, start, width)
    cells = stop = 0
    for begin, end, size in split_graphemes(piece)[0]:
        size = size or cell_len(piece[begin:end])  # split_graphemes takes a letter behind two joiners for nothing
        if size == 2 and begin:
            stop = begin
        if cells + size > width:
            if piece[begin] == " ":
                return _after_spaces(text, start + begin)
            return start + (stop or begin or end)
        cells += size
        if size == 2 or piece[begin] == " ":
            stop = end
    return start + len(piece)


def _longer_than(text: str, start: int, width: int) -> str:
    """A piece from ``start`` that takes more than ``width`` cells, or all there is."""
    reach = width + 2
    while start + reach < len(text) and cell_len(text[start : start + reach]) <= width + 1:
        reach *= 2  # many characters take no cell
    return text[start : start + reach]


def _after_spaces(text: str, index: int) -> int:
    while index < len(text) and text[index] == " ":
        index += 1
    return index
