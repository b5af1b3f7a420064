"""Token kinds: one definition that the engine's words, the marks and the legend agree with."""

import subprocess
import sys
from typing import get_args

import pytest
from rich.style import Style

from spectui.engine.values.step import Fate, Kind
from spectui.present.token_looks import LEGEND, LOOKS, TokenKind, legend, shown


def test_every_fate_and_kind_of_the_engine_has_a_look():
    assert {*get_args(Fate), *get_args(Kind)} <= LOOKS.keys()
    assert set(get_args(TokenKind)) == LOOKS.keys()


def test_marks_are_ascii_and_differ():
    marks = [look.mark for look in LOOKS.values()]
    assert len(set(marks)) == len(marks)
    assert all(len(mark) == 1 and mark.isascii() and mark.isprintable() for mark in marks)


def test_without_colour_attributes_tell_the_kinds_of_an_answer_apart():
    kinds = ["target", "accepted", "rejected", "correction", "bonus", "unreached", "cut"]
    assert len({LOOKS[kind].style(colour=False) for kind in kinds}) == len(kinds)


@pytest.mark.parametrize("look", LOOKS.values(), ids=LOOKS)
def test_styles_are_rich_styles(look):
    assert Style.parse(look.style(True)).color is None
    assert Style.parse(look.style(False)).color is None


def test_the_legend_names_marks_and_words():
    assert legend() == "+ accepted  x rejected  = correction  * bonus  . unreached"
    assert set(LEGEND) <= LOOKS.keys()


def test_tokens_that_one_line_cannot_hold_are_shown():
    assert shown(" a\n\tb") == " a↵⇥b"
    assert shown("") == "∅"


def test_importing_it_imports_no_screen():
    code = (
        "import sys, spectui.present.token_looks; print([m for m in ('textual', 'rich', 'torch') if m in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"
