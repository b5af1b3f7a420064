"""The draft tape."""

import pytest
from rich.cells import cell_len

from spectui.system.sanitise import sanitise
from spectui.tui.widgets.tape import Tape, fit, tape_cells
from tests.hostile import FORBIDDEN, HOSTILE

from .records import chain, random_steps, step
from .stage import look_of, on_stage, rows, segments


def line(record, width: int = 200) -> str:
    return "".join(text for text, _ in fit(tape_cells(record), width))


@pytest.mark.parametrize(
    ("record", "expected"),
    [
        (
            chain(0, [" the", " sum", " of"], [" log", " p"], " minus"),
            "tape  + the  + sum  + of  x log  . p  → = minus",
        ),
        (chain(0, [" a", " b"], [], " c"), "tape  + a  + b  * c"),
        (step(0, [], [(" a", "target")], why="the draft model is not sure"),
         "tape  not drafting: the draft model is not sure  - a"),
        (step(0, [], [(" a", "target")]), "tape  - a"),
        (step(0, [(" a", -1, "accepted"), ("\n", 0, "cut")], [(" a", "accepted")]), "tape  + a  /↵"),
        (step(0, [("<|end|>", -1, "accepted")], [("", "accepted")]), "tape  +∅"),
        (chain(0, [], [" x", " 1", " 2", " 3", " 4", " 5", " 6"], " y"),
         "tape  x x  . 1  . 2  . 3  . 4  (.2 more)  → = y"),
    ],
)  # fmt: skip
def test_a_step_as_tape(record, expected):
    assert line(record) == expected


def test_a_tree_is_shown_along_its_walked_path_and_siblings_are_counted():
    drafted = [(" a", -1, "rejected"), (" b", -1, "accepted"), (" c", -1, "rejected"), (" d", 1, "rejected"),
               (" e", 1, "rejected"), (" f", 3, "unreached")]  # fmt: skip
    record = step(0, drafted, [(" b", "accepted"), (" g", "correction")])
    assert line(record) == "tape  + b  (x2)  x d  . f  (x1 more)  → = g"


@pytest.mark.parametrize("width", range(1, 60))
def test_the_tape_fits_and_keeps_its_end(width):
    record = chain(0, [" the", " sum", " of"], [" log", " p"], " minus")
    assert "→ = minus" in line(record, width)
    if width >= len("tape  …  → = minus"):
        assert cell_len(line(record, width)) <= width


async def test_the_latest_step_is_in_the_last_row():
    tape = Tape()
    async with on_stage(tape, (40, 5)) as pilot:
        tape.styles.height = 3
        for record in [chain(0, [" a"], [], " b"), chain(1, [" c"], [], " d")]:
            tape.show(record)
        await pilot.pause()
        assert rows(tape) == ["", "      + a  * b", "tape  + c  * d"]
        for record in random_steps(5):
            tape.show(record)
        tape.show(chain(9, [" e"], [], " f"))
        await pilot.pause()
        assert rows(tape)[-1] == "tape  + e  * f"
        assert all(rows(tape))
        tape.show(None)
        await pilot.pause()
        assert rows(tape) == [""] * 3


async def test_kinds_look_on_the_tape_as_they_do_in_the_transcript():
    tape = Tape()
    async with on_stage(tape, (80, 3)) as pilot:
        tape.show(chain(0, [" the"], [" log"], " minus"))
        await pilot.pause()
        assert look_of(tape, "+ the") == "#56b4e9"
        assert look_of(tape, "x log") == "#e8702a strike"
        assert look_of(tape, "= minus") == "#d8d8d8 bold"


@pytest.mark.parametrize("size", [(1, 1), (4, 1), (9, 2), (200, 1)])
async def test_any_size_will_do(size):
    tape = Tape()
    async with on_stage(tape, size) as pilot:
        tape.show(chain(0, [" 漢字"], [" log"], " minus"))
        await pilot.pause()
        assert tape.render_line(0).cell_length == size[0]


async def test_hostile_text_reaches_the_terminal_as_text_only():
    tape = Tape()
    async with on_stage(tape, (120, 3)) as pilot:
        for text in map(sanitise, HOSTILE):
            tape.show(chain(0, [text], [text, text], text))
            await pilot.pause()
            sent = {character for segment in segments(tape) for character in segment.text}
            assert not (FORBIDDEN | {"\n", "\t"}) & sent
