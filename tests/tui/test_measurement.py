"""What f9 says, from records alone."""

from dataclasses import replace

from spectui.engine.events import Changed, End, Prefill, Turn
from spectui.engine.options import Options
from spectui.engine.step import Emitted, Step, Times
from spectui.record.events import ChangedText, EndText, Finished, PrefillText, StepText, TurnText
from spectui.session import AGAIN, BASELINE, CHAT
from spectui.tui.ledger import Ledger

OPTIONS = Options()


def answer(lane, mode, tokens, ms=1.0):
    first, *others = tokens
    yield TurnText(lane, Turn((1, 2), mode, OPTIONS), "?", ("a", "b"))
    yield PrefillText(lane, Prefill(1.0, 0, first, 1.0), "x")
    for index, token in enumerate(others):
        step = Step(
            mode, index, 2 + index, 1.0 + index * ms, (), 0, (Emitted(token, "target"),), Times(0, ms, 0, 0, ms), (), 0
        )
        yield StepText(lane, step, (), ("x",))
    yield EndText(lane, End("eos"))


def verdict(shown, again, baseline, between=()):
    ledger = Ledger()
    for record in [*answer(CHAT, "draft", shown), *between]:
        ledger.feed(record)
    ledger.begin_measurement()
    said = None
    for record in [
        *answer(AGAIN, "draft", again),
        *answer(BASELINE, "ar", baseline, ms=2.0),
        Finished(1, "measurement"),
    ]:
        said = ledger.measurement.feed(record) or said
    return said


def test_all_three_texts_have_to_be_the_same():
    assert "same text ✓" in verdict([5, 6, 7], [5, 6, 7], [5, 6, 7])
    assert "differs at token 2" in verdict([5, 6, 8], [5, 6, 7], [5, 6, 7])
    assert "differs at token 1" in verdict([5, 6, 8], [5, 9, 7], [5, 6, 7])


def test_an_answer_that_was_sampled_otherwise_may_differ():
    other = replace(OPTIONS, sampling=replace(OPTIONS.sampling, seed=OPTIONS.sampling.seed + 1))
    changed = [ChangedText(CHAT, Changed(other, 3))]
    assert "same text ✓" in verdict([5, 6, 8], [5, 6, 7], [5, 6, 7], changed)
    same = [ChangedText(CHAT, Changed(replace(OPTIONS, max_new_tokens=9), 3))]
    assert "differs at token 2" in verdict([5, 6, 8], [5, 6, 7], [5, 6, 7], same)
