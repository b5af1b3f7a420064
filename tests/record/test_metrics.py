"""What can be measured, what is doubtful, and what goes in circles: each defined once."""

import pytest

from spectui.engine.values.events import Prefill
from spectui.engine.values.step import Emitted, Step, Times
from spectui.record.metrics import (
    BRIEF,
    ENOUGH_MS,
    ENOUGH_STEPS,
    MOST_ROUNDS,
    MOST_SECONDS,
    TOO_HIGH,
    TOO_LITTLE,
    Meter,
    Numbers,
    Rounds,
    doubt,
    is_enough,
    is_round_due,
    speedup,
)

pytestmark = pytest.mark.oldest


def numbers(steps, tokens, ms):
    return Numbers(emitted=tokens + 1, steps=steps, decode_ms=ms)


def step(index, tokens, ms=1.0):
    emitted = tuple(Emitted(token, "target") for token in tokens)
    return Step("ar", index, index, ms * (index + 1), (), 0, emitted, Times(0, ms, 0, 0, ms), (), 0)


ENOUGH = numbers(ENOUGH_STEPS, ENOUGH_STEPS, ENOUGH_MS)


@pytest.mark.parametrize(
    ("short", "enough"),
    [
        (ENOUGH, True),
        (numbers(ENOUGH_STEPS - 1, ENOUGH_STEPS, ENOUGH_MS), False),
        (numbers(ENOUGH_STEPS, ENOUGH_STEPS, ENOUGH_MS - 1), False),
        (Numbers(), False),
    ],
)
def test_enough_is_time_and_steps(short, enough):
    assert is_enough(short) is enough
    assert (doubt(1.0, short, ENOUGH) == "") is enough
    assert (doubt(1.0, ENOUGH, short) == "") is enough


def test_a_speed_up_above_the_tokens_of_a_step_is_doubtful():
    ours = numbers(100, 250, 1000.0)
    assert doubt(2.5, ours, ENOUGH) == ""
    assert doubt(2.504, ours, ENOUGH) == "", "as it is shown, to a hundredth"
    assert doubt(2.51, ours, ENOUGH) == TOO_HIGH


def test_a_short_answer_is_repeated_until_there_is_enough():
    short = {"again": numbers(2, 6, 8.0), "baseline": numbers(6, 6, 12.0)}
    assert is_round_due([short], 0.1)
    assert is_round_due([short] * 12, 1.2), "12 x 8 ms is not enough"
    assert not is_round_due([short] * 13, 1.3)
    assert not is_round_due([short] * 9, MOST_SECONDS), "there is no time for another one"
    assert not is_round_due([{"again": numbers(1, 2, 0.1), "baseline": numbers(2, 2, 0.1)}] * MOST_ROUNDS, 1.0)


def test_an_answer_without_steps_is_not_repeated():
    assert not is_round_due([{"again": Numbers(emitted=1), "baseline": Numbers(emitted=1)}], 0.01)


def test_a_longer_answer_is_repeated_for_its_spread_if_that_is_quick():
    long = {"again": numbers(200, 400, 600.0), "baseline": numbers(400, 400, 900.0)}
    assert is_round_due([long], 0.9)
    assert not is_round_due([long], BRIEF)
    assert not is_round_due([long] * 3, 1.0)


def test_a_ratio_is_the_median_of_its_rounds_and_says_how_many():
    rounds = [(numbers(50, 100, 100.0), numbers(100, 100, ms)) for ms in (150.0, 180.0, 190.0)]
    made = speedup(rounds)
    assert (made.value, made.low, made.high, made.rounds, made.doubt) == pytest.approx((1.8, 1.5, 1.9, 3, ""))
    assert (str(made), made.spread) == ("1.80", "[1.50, 1.90] n=3")
    assert str(speedup([(numbers(2, 5, 10.0), numbers(5, 5, 12.0))])) == "1.20?"
    assert speedup([(numbers(2, 5, 10.0), numbers(5, 5, 12.0))]).doubt == TOO_LITTLE
    assert speedup([(Numbers(), Numbers())]) is None


def test_rounds_follow_the_events_of_the_lanes():
    rounds = Rounds()
    assert not rounds.due
    for _ in range(20):
        rounds.begin()
        for lane in ("again", "baseline"):
            rounds.count(lane, Prefill(1.0, 0, 9, 0.0))
            for index in range(2):
                rounds.count(lane, step(index, [5], ms=2.5))
        if not rounds.due:
            break
    assert len(rounds._rounds) == 20, "20 x 2 steps of 2.5 ms are 100 ms"


def test_an_answer_in_circles_is_seen_while_it_comes():
    meter = Meter()
    meter.count(Prefill(1.0, 0, 0, 0.0))
    for index in range(30):
        meter.count(step(index, [1 + index % 3]))
    assert meter.looping
    meter.count(Prefill(1.0, 0, 0, 0.0))
    for index in range(30):
        meter.count(step(index, [index]))
    assert not meter.looping
