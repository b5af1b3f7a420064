"""The two rows of time."""

from dataclasses import replace

import pytest
from rich.cells import cell_len

from spectui.engine.values.step import Branches, Span, Times
from spectui.present.step_sentence import sentence
from spectui.tui.widgets.step_pane import StepPane
from spectui.tui.widgets.tape import tape_cells
from spectui.tui.widgets.timeline import KEPT, LOST, Timeline, pieces_of, rows, scale_of

from .records import chain
from .stage import on_stage
from .stage import rows as painted

pytestmark = pytest.mark.oldest


def branches(won=0, tokens=((1, 2, 3), (4, 5)), at=-1):
    return Branches(at, 0.4, tokens, won, 0 if won == 0 else len(tokens[0]), 2)


def record(draft=(0.0, 0.0), beside=None, verify=(0.0, 10.0), wall=10.0, ahead=None, accepted=1, refused=0):
    made = chain(0, [" a"] * accepted, [" x"] * refused, " b")
    spans = [Span("draft", *draft), Span("verify", *verify), *([Span("draft", *beside)] if beside else [])]
    step = made.step._replace(mode="specbranch", spans=tuple(spans), branches=ahead, ms=Times(1, 10, 0, 0, wall))
    return replace(made, step=step, branches=((" b", " c", " d"), (" e", " f"))[: len(ahead.tokens)] if ahead else ())


def cells(row):
    return "".join(text for text, _ in row)


def test_what_works_at_the_same_time_stands_above_each_other():
    steps = [record(beside=(0.0, 5.0), ahead=branches()).step, record(beside=(5.0, 10.0), ahead=branches(None)).step]
    draft, target = map(cells, rows(steps, 80))
    assert scale_of(steps) == 1.0
    assert draft == f"draft  {KEPT * 5}     ·    {LOST * 5} waiting  50 %"
    assert target == f"target {KEPT * 20} waiting   0 %"


def test_a_chain_that_was_refused_in_part_is_shaded_in_part():
    step = record(draft=(0.0, 8.0), verify=(8.0, 10.0), accepted=1, refused=3).step
    kept, lost = pieces_of(step, "draft")
    assert (kept.start, kept.end, kept.kept) == (0.0, 2.0, True)
    assert (lost.start, lost.end, lost.kept) == (2.0, 8.0, False)


@pytest.mark.parametrize("width", [1, 10, 30, 60, 80, 200])
@pytest.mark.parametrize("wall", [0.0, 0.001, 0.3, 7.0, 12345.0])
def test_rows_fit_whatever_the_times(width, wall):
    steps = [record(verify=(0.0, wall), wall=wall).step] * 40
    for row in rows(steps, width):
        assert width < 50 or cell_len(cells(row)) <= width


def test_long_histories_show_their_end():
    steps = [record(beside=(0.0, 10.0), ahead=branches(None)).step] * 50 + [record(verify=(0.0, 10.0)).step] * 2
    draft, _ = map(cells, rows(steps, 80))
    assert draft.rstrip().endswith("%")
    assert LOST not in draft.split(" waiting")[0][-20:]


async def test_it_is_shown_only_where_a_draft_model_works():
    timeline = Timeline()
    async with on_stage(timeline, size=(80, 10)) as pilot:
        assert timeline.size.height == 2
        timeline.add(record(beside=(0.0, 5.0), ahead=branches()).step)
        timeline.show()
        await pilot.pause()
        assert KEPT in "".join(painted(timeline))
        timeline.follow("sssd")
        assert not timeline.display
        timeline.follow("draft")
        timeline.clear()
        await pilot.pause()
        assert timeline.size.height == 2
        assert KEPT not in "".join(painted(timeline))


def test_branches_in_words_and_on_the_tape():
    won = record(ahead=branches(0))
    assert sentence(won).endswith(
        'Meanwhile the draft model wrote 2 branches. Number 1 begins with " b" and is the next draft'
    )
    none = record(ahead=branches(None))
    assert sentence(none).endswith('wrote 2 branches. They are dropped: none of them begins with " b"')
    refused = record(refused=1, ahead=branches(None, at=1))
    assert sentence(refused).endswith("wrote 2 branches. They are dropped: a token before them was rejected")
    single = record(ahead=branches(None, ((1, 2),)))
    assert sentence(single).endswith('wrote more tokens. They are dropped: they do not begin with " b"')
    ended = record(ahead=branches(1, ((1, 2, 3), (9,))))
    assert sentence(ended).endswith('Number 2 begins with " b"')
    assert [text for text, _ in tape_cells(won)][-4:] == ["then", "? c", "? d", "(1 branch lost)"]
    assert [text for text, _ in tape_cells(none)][-1] == "(2 branches lost)"


async def test_the_step_pane_lists_the_branches():
    pane = StepPane(markup=False)
    async with on_stage(pane, size=(60, 40)) as pilot:
        pane.styles.height = 30
        await pilot.pause()
        pane.show(record(beside=(0.0, 4.0), ahead=branches(1, at=0)))
        await pilot.pause()
        text = "\n".join(painted(pane))
        assert 'meanwhile, after " a" (40 % sure)' in text
        assert 'x " b" " c" " d"' in text
        assert '+ " e" " f"' in text
        assert "branch waste 2" in text
        assert "waiting: draft 6.00, target 0.00" in text
