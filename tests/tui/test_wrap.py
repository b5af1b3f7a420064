"""Word wrap: nothing is lost, nothing is too wide, and a growing text wraps as a whole one does."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from rich.cells import cell_len, split_graphemes

from spectui.tui.transcript.wrap import extend

pytestmark = pytest.mark.oldest

LINES = st.text(st.sampled_from("ab  c-漢字é👍👨\u200d\ufe0f\u0301"), max_size=60)
WIDTHS = st.integers(1, 20)


def wrap(text: str, width: int) -> list[int]:
    starts = [0]
    extend(starts, text, width)
    return starts


def rows(text: str, width: int) -> list[str]:
    starts = wrap(text, width)
    return [text[a:b] for a, b in zip(starts, [*starts[1:], len(text)], strict=True)]


@pytest.mark.parametrize(
    ("text", "width", "expected"),
    [
        ("", 5, [""]),
        ("one two three", 7, ["one two ", "three"]),
        ("one two three", 8, ["one two ", "three"]),
        ("one two", 3, ["one ", "two"]),
        ("incomprehensible", 5, ["incom", "prehe", "nsibl", "e"]),
        ("a incomprehensible", 5, ["a ", "incom", "prehe", "nsibl", "e"]),
        ("word      next", 4, ["word      ", "next"]),
        ("  lead", 4, ["  ", "lead"]),
        ("漢字漢字", 4, ["漢字", "漢字"]),
        ("漢字漢字", 5, ["漢字", "漢字"]),
        ("漢字", 1, ["漢", "字"]),
        ("ab漢字cd", 4, ["ab漢", "字cd"]),
        ("x 👨‍👩‍👧‍👦 y", 4, ["x 👨‍👩‍👧‍👦 ", "y"]),
        ("e\u0301e\u0301e\u0301", 2, ["e\u0301e\u0301", "e\u0301"]),
    ],
)
def test_rows(text, width, expected):
    assert rows(text, width) == expected


@given(LINES, WIDTHS)
def test_rows_joined_are_the_text(text, width):
    assert "".join(rows(text, width)) == text
    assert all(rows(text, width)) or not text


@given(LINES, WIDTHS)
@example("\u200d\u200daa", 1)
def test_no_row_is_wider_than_the_width_but_for_hanging_spaces_and_single_graphemes(text, width):
    for row in rows(text, width):
        shown = row.rstrip(" ")
        assert cell_len(shown) <= width or len(split_graphemes(shown)[0]) == 1


@given(st.lists(st.text(st.sampled_from("ab  c漢字 "), max_size=8), max_size=20), WIDTHS)
def test_a_growing_text_wraps_like_a_whole_one(pieces, width):
    text, starts = "", [0]
    for piece in pieces:
        before = list(starts)
        text += piece
        extend(starts, text, width)
        assert starts[: len(before) - 1] == before[:-1]
    assert starts == wrap(text, width)


def test_many_characters_without_width_are_one_grapheme():
    text = "z" + "\u0301" * 10_000 + "y"
    assert rows(text, 1) == [text[:-1], "y"]
