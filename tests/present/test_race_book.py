"""The table of a race over several rounds, from records alone."""

import io

import pytest
from rich.console import Console

from spectui.engine.values.events import End, Prefill, Turn
from spectui.engine.values.options import Options
from spectui.engine.values.step import Emitted, Node, Source, Step, Times
from spectui.present.grid import rich_table
from spectui.present.race_book import RaceBook
from spectui.present.race_table import RATIO, race_grid
from spectui.record.events import EndText, PrefillText, StepText, TurnText

WORDS = list(range(100))


def lane(name, tokens, ms, per=1, reason="eos", remembers=0):
    """The records of one lane in one round; every step takes ``ms`` and gives ``per`` tokens."""
    yield TurnText(name, Turn((1, 2), name, Options(), remembers), "?", ("a", "b"))
    yield PrefillText(name, Prefill(1.0, 0, tokens[0], 1.0), "x")
    for index, start in enumerate(range(1, len(tokens), per)):
        emitted = tuple(Emitted(token, "target") for token in tokens[start : start + per])
        nodes = tuple(
            Node(token.token, at - 1, Source("draft"), 0.5, "accepted") for at, token in enumerate(emitted[1:])
        )
        step = Step(
            name, index, 2 + start, 1.0 + (index + 1) * ms, nodes, len(nodes), emitted, Times(0, ms, 0, 0, ms), (), 0
        )
        yield StepText(name, step, ("x",) * len(nodes), ("x",) * len(emitted))
    yield EndText(name, End(reason))


def table(book):
    grid = race_grid(book)
    return {row[0]: dict(zip(grid.columns, row, strict=True)) for row in grid.rows}, grid


def printed(grid):
    out = io.StringIO()
    Console(file=out, width=200).print(rich_table(grid))
    return out.getvalue()


def rounds(*times, tokens=WORDS, per=2, **more):
    """A book of races of ``ar`` and ``draft`` with these times of a step."""
    book = RaceBook()
    for ours, theirs in times:
        for record in (*lane("ar", tokens, theirs), *lane("draft", tokens, ours, per, **more)):
            book.feed(record)
    return book


def test_places_follow_the_medians_and_not_the_last_round():
    book = rounds((3.0, 2.0), (3.0, 2.0), (3.0, 2.0), (9.0, 2.0))
    assert book.places() == {"draft": 1, "ar": 2}
    found, grid = table(book)
    assert [row[0] for row in grid.rows] == ["draft", "ar"]
    assert found["draft"]["place"] == "1"
    assert found["draft"]["tokens per step"] == "1.98"
    assert found["draft"][RATIO] == "1.32 [0.44, 1.32] n=4"
    assert grid.notes == []


def test_every_column_is_over_all_rounds():
    book = rounds((3.0, 2.0), (3.0, 2.0))
    for record in (*lane("ar", WORDS, 2.0), *lane("draft", WORDS, 3.0, 4)):
        book.feed(record)
    found, _ = table(book)
    assert found["draft"]["tokens per step"] == f"{3 * 99 / (50 + 50 + 25):.2f}"


@pytest.mark.parametrize(
    ("book", "ratio"),
    [
        (rounds((2.5, 2.0), tokens=WORDS[:6], per=1), "0.80? n=1"),
        (rounds((1.0, 4.0), (1.0, 4.0)), "7.92? [7.92, 7.92] n=2"),
    ],
)
def test_a_ratio_from_too_little_or_too_high_is_marked_and_explained(book, ratio):
    found, grid = table(book)
    assert found["draft"][RATIO] == ratio
    assert any("doubtful" in note for note in grid.notes)
    assert "?: doubtful, from less than" in printed(grid)


def test_an_answer_in_circles_is_marked_and_its_ratio_grey():
    book = rounds((3.0, 2.0), (3.0, 2.0), tokens=[1, 2, 3] * 33)
    found, grid = table(book)
    assert "↻" in found["draft"][RATIO]
    assert found["draft"]["text"].endswith("loops ↻")
    assert "goes in circles" in printed(grid)
    column = list(rich_table(grid).columns)[list(grid.columns).index(RATIO)]
    assert {str(cell.style) for cell in column.cells if "↻" in cell.plain} == {"dim"}
    assert {str(cell.style) for cell in column.cells if "↻" not in cell.plain} == {""}


def test_a_lane_says_how_many_tokens_it_remembers():
    book = rounds((3.0, 2.0), remembers=12345)
    _, grid = table(book)
    assert "draft, remembers 12,345" in [row[0] for row in grid.rows]
    assert "with a datastore of 12,345 tokens" in printed(grid)
    assert book.remembers == 12345
    assert "remembers" not in printed(race_grid(rounds((3.0, 2.0))))


def test_a_round_that_was_cut_off_counts_for_nothing():
    book = rounds((3.0, 2.0), (3.0, 2.0))
    for record in (*lane("ar", WORDS[:9], 2.0, reason="stopped"), *lane("draft", WORDS[:9], 3.0, 2, "stopped")):
        book.feed(record)
    assert book.speedup("draft", "ar").rounds == 2
    book.drop_unfinished()
    assert len(book.rounds) == 2
    assert all(one.finished for one in book.lanes.values())
