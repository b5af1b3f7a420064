"""What f9 says, from records alone."""

from dataclasses import replace

from spectui.engine.values.events import Changed, End, Prefill, Turn
from spectui.engine.values.options import Options
from spectui.engine.values.step import Emitted, Step, Times
from spectui.record.events import ChangedText, EndText, Finished, PrefillText, StepText, TurnText
from spectui.session.session import AGAIN, BASELINE, CHAT
from spectui.tui.ledger import Ledger

OPTIONS = Options()


def answer(lane, mode, tokens, ms=1.0, remembers=0):
    first, *others = tokens
    yield TurnText(lane, Turn((1, 2), mode, OPTIONS, remembers), "?", ("a", "b"))
    yield PrefillText(lane, Prefill(1.0, 0, first, 1.0), "x")
    for index, token in enumerate(others):
        step = Step(
            mode, index, 2 + index, 1.0 + index * ms, (), 0, (Emitted(token, "target"),), Times(0, ms, 0, 0, ms), (), 0
        )
        yield StepText(lane, step, (), ("x",))
    yield EndText(lane, End("eos"))


def verdict(shown, again, baseline, between=(), mode="draft", rounds=((1.0, 2.0),), remembers=0):
    ledger = Ledger()
    for record in [*answer(CHAT, "draft", shown), *between]:
        ledger.feed(record)
    ledger.begin_measurement()
    said = None
    raced = []
    for ours, theirs in rounds:
        raced += [*answer(AGAIN, mode, again, ours, remembers), *answer(BASELINE, "ar", baseline, theirs)]
    for record in [*raced, Finished(1, "measurement")]:
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


FULL = list(range(40))


def test_a_ratio_stands_with_its_spread_and_the_number_of_rounds():
    said = verdict(FULL, FULL, FULL, rounds=[(4.0, 4.0), (4.0, 3.6), (5.0, 4.0)])
    assert "0.90 × plain decoding (interleaved, 3 rounds, 0.80 to 1.00)" in said
    assert "doubtful" not in said


def test_a_ratio_from_too_little_is_doubtful():
    said = verdict(FULL[:6], FULL[:6], FULL[:6], rounds=[(2.5, 2.0)])
    assert "0.80? × plain decoding (interleaved, 1 round)" in said
    assert "doubtful: too little was measured" in said


def test_a_ratio_above_the_tokens_of_a_step_is_doubtful():
    said = verdict(FULL, FULL, FULL, rounds=[(4.0, 8.0)])
    assert "2.00? × plain decoding (interleaved, 1 round)" in said
    assert "doubtful: above the tokens per step" in said


def test_an_answer_in_circles_is_told():
    circles = [1, 2, 3] * 15
    assert "the answer goes in circles ↻" in verdict(circles, circles, circles)
    assert "circles" not in verdict(FULL, FULL, FULL)


def test_it_says_which_datastore_was_looked_up_in():
    assert "with an empty datastore" in verdict(FULL, FULL, FULL, mode="sssd")
    assert "with a datastore of 12,345 tokens" in verdict(FULL, FULL, FULL, mode="sssd", remembers=12345)
    assert "datastore" not in verdict(FULL, FULL, FULL, mode="pld")
