"""The one-column mark at the right of the transcript."""

from spectui.tui.transcript.document import COLOUR, Document
from spectui.tui.transcript.viewport import Viewport

from .records import step


def column(viewport: Viewport, held: bool = False) -> str:
    viewport.hold(held)
    return "".join(line.mark for line in viewport.lines)


def lines(count: int) -> Viewport:
    document = Document()
    document.begin_answer("Draft model")
    document.add_step(step(0, [], [("\n".join("x" * 20 for _ in range(count)), "target")]))
    viewport = Viewport(document)
    viewport.reshape(40, 8, COLOUR)
    return viewport


def test_there_is_none_while_everything_is_on_show():
    assert column(lines(7)) == " " * 8
    assert column(Viewport(Document())).strip() == ""


def test_the_thumb_is_at_the_end_while_following():
    assert column(lines(60)) == "       ▐"
    assert column(lines(14)).endswith("▐▐▐")


def test_it_moves_and_tells_that_more_lies_below():
    viewport = lines(60)
    viewport.home()
    assert column(viewport) == "▐      ↓"
    viewport.scroll(25)
    assert column(viewport).index("▐") in (3, 4)
    assert column(viewport)[-1] == "↓"


def test_a_held_display_says_so():
    assert column(lines(60), held=True)[-1] == "‖"
    assert column(lines(3), held=True) == "       ‖"
