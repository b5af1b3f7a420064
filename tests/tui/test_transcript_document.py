"""What a transcript holds, and which of its rows are on show, without a terminal."""

import subprocess
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectui.present.answer_line import AnswerLine
from spectui.tui.transcript.document import CLEAN, COLOUR, TRACE, Document
from spectui.tui.transcript.viewport import Position, Viewport

from .records import chain, end, first, random_steps, step, text_of

pytestmark = pytest.mark.oldest

TEXTS = st.text(st.sampled_from("ab  \n\tc漢é👍\u0301"), max_size=12)


def answer(*texts: str) -> Document:
    document = Document()
    document.begin_question("Why?")
    document.begin_answer("Draft model")
    for index, text in enumerate(texts):
        document.add_step(step(index, [], [(text, "target")]))
    return document


def viewport(document: Document, width: int = 40, height: int = 10, level: int = COLOUR) -> Viewport:
    made = Viewport(document)
    made.reshape(width, height, level)
    return made


def places(made: Viewport) -> list[Position]:
    return [line.place for line in made.lines if line.place.paragraph >= 0]


def shown(made: Viewport) -> list[str]:
    return [line.text for line in made.lines if line.place.paragraph >= 0]


def end_of(made: Viewport) -> Position:
    last = len(made.document.paragraphs) - 1
    return Position(last, len(made.flow(last).starts) - 1)


def long_document(steps: int = 300) -> Document:
    document = Document()
    document.begin_question("Why?")
    document.begin_answer("Draft model")
    for record in random_steps(steps):
        document.add_step(record)
    return document


def test_the_answer_is_the_text_that_was_emitted():
    document = Document()
    document.begin_question("Why?")
    document.begin_answer("Draft model")
    document.add_first(first("Be"))
    document.add_step(chain(0, ["cause", "\n"], [" x", " y"], "\n\tso"))
    document.add_step(step(1, [], [("", "target")]))
    document.end_answer(end(tail="…"), AnswerLine(("3 tokens",)))
    assert document.answer_text() == "Because\n\n\tso…"


def test_answers_are_numbered_and_the_last_can_be_dropped():
    document = answer("one")
    document.begin_question("And?")
    before = len(document.paragraphs)
    document.begin_answer("Draft model")
    document.add_step(step(0, [], [("two", "target")]))
    document.end_answer(end("error", "out of memory"))
    assert document.answers == 2
    assert [document.answer_text(0), document.answer_text(1), document.answer_text()] == ["one", "two", "two"]
    document.drop_answer()
    assert len(document.paragraphs) == before
    assert document.answers == 1
    document.begin_answer("Autoregressive")
    document.add_step(step(0, [], [("three", "target")]))
    assert document.answer_text(1) == "three"


def test_dropping_an_answer_that_is_not_there_changes_nothing():
    document = Document()
    document.drop_answer()
    assert document.paragraphs == []
    assert document.answer_text() == ""


def test_blocks_are_the_conversation_in_plain_text():
    document = answer("one\n", "two")
    document.seam("Autoregressive")
    document.add_step(chain(2, [" three"], [" x"], " four"))
    document.end_answer(end(), AnswerLine(("4 tokens",)))
    document.error("first line\nsecond")
    assert document.blocks == [
        ("question", "Why?"),
        ("heading", "Draft model"),
        ("answer", "one\ntwo three four"),
        ("note", "4 tokens"),
        ("error", "first line\nsecond"),
    ]


def test_the_legend_stands_under_the_first_answer_that_drafted():
    document = answer("one")
    document.end_answer(end(), AnswerLine(("1 token",)))
    assert "rejected" not in "".join(shown(viewport(document)))
    for expected in (1, 1):
        document.begin_answer("Draft model")
        document.add_step(chain(0, [" a"], [" x"], " b"))
        document.end_answer(end(), AnswerLine(("2 tokens",)))
        assert "\n".join(shown(viewport(document, height=40))).count("accepted  rejected") == expected
    assert "accepted  rejected" not in "\n".join(shown(viewport(document, height=40, level=CLEAN)))


def test_each_view_shows_what_it_should():
    document = answer("so")
    document.seam("Draft model")
    document.add_step(chain(1, [" the"], [" sum\n", " of", " all"], " log"))
    last = {level: shown(viewport(document, 80, level=level))[-1] for level in (CLEAN, COLOUR, TRACE)}
    assert last == {
        CLEAN: "so the log",
        COLOUR: "so the sum↵ log",
        TRACE: "so the sum↵ (of all) log",
    }


def test_a_switch_is_marked_in_the_margin_of_its_row_and_in_the_heading():
    document = answer("so far this was well and truly draf")
    document.seam("LogitSpec")
    document.add_step(step(1, [], [("ted\nthe end", "target")]))
    for level, signs, heading in (
        (CLEAN, ["", ""], "Draft model"),
        (COLOUR, ["", "⇢ "], "Draft model ⇢ LogitSpec"),
        (TRACE, ["", "⇢ "], "Draft model ⇢ LogitSpec"),
    ):
        made = viewport(document, 30, level=level)
        assert [line.sign for line in made.lines if line.paragraph.kind == "answer"] == [*signs, ""]
        assert "well and truly drafted" in "".join(shown(made))
        assert heading in shown(made)


def test_a_switch_behind_which_nothing_came_is_marked_in_the_last_row():
    document = answer("so")
    document.seam("LogitSpec")
    assert [line.sign for line in viewport(document).lines if line.paragraph.kind == "answer"] == ["⇢ "]


def test_the_trace_counts_refused_tokens_that_are_too_many():
    drafted = [(f" {letter}", -1, "rejected") for letter in "abcdef"]
    document = Document()
    document.begin_answer("Draft model")
    document.add_step(step(0, drafted, [(" z", "correction")]))
    assert shown(viewport(document, level=TRACE))[-1] == " a b c +3 z"


def test_tabs_go_to_the_next_stop_and_are_copied_as_tabs():
    document = answer("a\tbc\t漢\td")
    made = viewport(document)
    assert shown(made)[-1] == "a   bc  漢  d"
    assert made.source(None, None).endswith("a\tbc\t漢\td")


@settings(max_examples=60)
@given(st.lists(TEXTS, max_size=12), st.integers(1, 30), st.sampled_from([COLOUR, TRACE]))
def test_copying_everything_yields_the_text_at_any_width(texts, width, level):
    document = answer(*texts)
    copied = viewport(document, width, level=level).source(None, None)
    assert copied == "Why?\n\nDraft model\n" + "".join(texts)


@settings(max_examples=60)
@given(st.lists(TEXTS, max_size=12), st.integers(1, 30))
def test_all_rows_joined_are_the_text_at_any_width(texts, width):
    document = answer(*(text.replace("\t", " ") for text in texts))
    made = viewport(document, width, 10_000, COLOUR)
    rows = [(at, row) for at, row in zip(places(made), shown(made), strict=True) if at.paragraph > 2]
    joined = "".join(("\n" if at.row == 0 and at.paragraph > 3 else "") + row for at, row in rows)
    assert joined == "".join(texts).replace("\t", " ")


def test_a_selection_leaves_out_what_is_not_text():
    document = answer("so")
    document.add_step(chain(1, [" the"], [" sum", " of"], " log"))
    made = viewport(document, level=TRACE)
    line = len(document.paragraphs) - 1
    assert shown(made)[-1] == "so the sum (of) log"
    assert made.source((1, line), (18, line)) == "o the lo"
    assert made.source((8, line), (13, line)) == ""
    assert made.source((5, 2), (2, line)) == " model\nso"


def test_a_selection_beyond_the_end_is_cut():
    made = viewport(answer("so"))
    assert made.source((0, 3), (99, 99)) == "so"
    assert viewport(Document()).source(None, None) == ""


def test_incremental_layout_is_the_layout_of_the_whole():
    growing = Document()
    growing.begin_answer("Draft model")
    made = viewport(growing, 23, 1000, TRACE)
    for record in random_steps(120):
        growing.add_step(record)
        made.settle()
    assert shown(made) == shown(viewport(growing, 23, 1000, TRACE))
    whole = Document()
    whole.begin_answer("Draft model")
    for record in random_steps(120):
        whole.add_step(record)
    assert shown(made) == shown(viewport(whole, 23, 1000, TRACE))


def test_the_end_is_followed_until_one_scrolls_up():
    document = long_document()
    made = viewport(document)
    end_row = places(made)[-1]
    assert end_row == end_of(made)
    made.scroll(-3)
    top = made.top
    document.add_step(chain(301, [" more"] * 30, [], " end"))
    made.settle()
    assert made.top == top
    assert not made.follow
    made.end()
    assert made.follow
    assert places(made)[-1] == end_of(made)


@pytest.mark.parametrize(("away", "follows"), [(2, True), (3, False)])
def test_coming_within_two_rows_of_the_end_follows_again(away, follows):
    made = viewport(long_document())
    made.scroll(-away - 1)
    assert not made.follow
    made.scroll(1)
    assert made.follow == follows


def test_a_document_that_fits_is_followed_whatever_one_presses():
    made = viewport(answer("so"))
    made.scroll(-5)
    made.home()
    assert made.follow
    assert made.top == Position(0, 0)


def test_scrolling_meets_every_row_once():
    made = viewport(long_document(), height=7)
    everything = shown(viewport(long_document(), height=10_000))
    made.home()
    seen = shown(made)
    while not made.follow:
        made.scroll(1)
        if not made.follow:
            seen.append(shown(made)[-1])
    made.settle()
    assert seen == everything[: len(seen)]
    assert len(everything) - len(seen) <= 3
    made.scroll(-10_000)
    assert made.top == Position(0, 0)


@pytest.mark.parametrize("width", [1, 9, 23, 120])
def test_resizing_keeps_what_stands_at_the_top(width):
    made = viewport(long_document(), 60)
    made.scroll(-40)
    at = made.top
    flow = made.flow(at.paragraph)
    kept = flow.starts[at.row]
    made.reshape(width, 10, COLOUR)
    flow = made.flow(made.top.paragraph)
    start, stop = flow.span(made.top.row)
    assert made.top.paragraph == at.paragraph
    assert start <= kept < max(stop, start + 1)


def test_changing_the_view_keeps_what_stands_at_the_top():
    made = viewport(long_document(), 60)
    made.scroll(-40)
    plain = made.flow(made.top.paragraph).plain_index(made.flow(made.top.paragraph).starts[made.top.row])
    paragraph = made.top.paragraph
    made.reshape(60, 10, TRACE)
    flow = made.flow(made.top.paragraph)
    start, stop = flow.span(made.top.row)
    assert made.top.paragraph == paragraph
    assert flow.plain_index(start) <= plain <= flow.plain_index(stop)


def test_only_what_is_on_show_is_laid_out():
    document = long_document(4000)
    made = viewport(document, 160, 40)
    assert sum(paragraph.flow is not None for paragraph in document.paragraphs) <= 42
    made.scroll(-1)
    assert sum(paragraph.flow is not None for paragraph in document.paragraphs) <= 43


def test_a_step_is_found_where_its_first_character_stands():
    document = long_document(50)
    made = viewport(document, 30, 12)
    made.home()
    for by in (0, -29, -99, 20):
        assert made.choose(by)
        place = made.place_of(*made.chosen)
        assert place in places(made)
    assert made.chosen == (0, 20)
    made.choose(99)
    assert len(places(made)) == 12, "no rows below the document while there are some above"
    assert made.place_of(0, 50) is None
    assert made.place_of(1, 0) is None


def test_rows_of_an_empty_document():
    made = viewport(Document())
    made.settle()
    made.scroll(3)
    made.scroll(-3)
    assert places(made) == []
    assert [line.text for line in made.lines] == [""] * 10


def test_text_of_random_steps_is_the_answer():
    assert long_document(100).answer_text() == text_of(random_steps(100))


def test_the_model_knows_no_terminal():
    code = "import sys, spectui.tui.transcript.viewport; print([m for m in sys.modules if m.startswith('textual')])"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"
