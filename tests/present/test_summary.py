"""Totals over totals, intervals over questions, and pictures of them."""

from xml.etree import ElementTree

import pytest

from spectui.present.picture import bar, bars, histogram
from spectui.present.plot import svg
from spectui.present.runs import Answered, Place, Run, from_json
from spectui.present.summary import summarise
from spectui.record.metrics import Numbers, Spread, distinct


def made(lane, question, tokens, decode_ms, category="a", **more):
    numbers = Numbers(emitted=tokens, steps=tokens - 1, ttft_ms=5.0, decode_ms=decode_ms, drafted=4, accepted=3)
    spread = Spread()
    spread.offered.update({1: 4, 2: 2})
    spread.accepted.update({1: 3, 2: 1})
    spread.emitted.update({1: 2, 3: 1})
    return Run(
        Place(lane, question, 0), lane, None, category, 9,
        Answered(tuple(range(tokens)), decode_ms + 5.0, numbers, spread), **more,
    )  # fmt: skip


def test_a_speed_up_is_total_tokens_over_total_time():
    runs = [
        made("ar", "1", 11, 100.0),
        made("x", "1", 11, 50.0),
        made("ar", "2", 101, 900.0),
        made("x", "2", 101, 900.0),
    ]
    ar, x = summarise(runs)
    assert ar.tokens_per_second == pytest.approx(110 / 1000.0 * 1e3)
    assert x.speedup_vs_ar.value == pytest.approx((110 / 950) / (110 / 1000))
    assert x.speedup_vs_ar.low == pytest.approx(1.0)
    assert x.speedup_vs_ar.high == pytest.approx(2.0)
    assert ar.speedup_vs_ar.value is None
    assert x.acceptance_rate == 0.75
    assert x.spread.acceptance_by_position == [0.75, 0.5]


def test_questions_that_only_one_lane_answered_do_not_count():
    runs = [made("ar", "1", 11, 100.0), made("x", "1", 11, 50.0), made("ar", "2", 101, 1.0)]
    x = next(one for one in summarise(runs) if one.lane == "x")
    assert x.speedup_vs_ar.value == pytest.approx(2.0)
    assert (x.speedup_vs_ar.low, x.speedup_vs_ar.questions) == (None, 1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    import numpy as np

    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(60):
        runs = []
        for number in range(40):
            base = float(rng.uniform(50, 150))
            runs += [made("ar", str(number), 11, base), made("x", str(number), 11, base / float(rng.gamma(20, 0.1)))]
        ratio = next(one for one in summarise(runs) if one.lane == "x").speedup_vs_ar
        truth = 1 / np.mean(1 / rng.gamma(20, 0.1, 200_000))
        hits += ratio.low <= truth <= ratio.high
    assert 50 <= hits <= 60


def test_categories_follow_the_overall_lines():
    runs = [made("ar", "1", 11, 100.0, "a"), made("ar", "2", 11, 100.0, "b")]
    assert [(one.lane, one.category) for one in summarise(runs)] == [("ar", None), ("ar", "a"), ("ar", "b")]


def test_a_run_survives_its_line():
    run = made("x", "1", 11, 50.0, identical=False, divergence=3, gap=0.25)
    assert from_json(run.to_json()) == run


def test_distinct_3():
    assert distinct([1, 2]) is None
    assert distinct([1, 2, 3, 1, 2, 3, 1, 2]) == pytest.approx(3 / 6)


def test_pictures_are_drawn_from_the_numbers():
    summaries = summarise([made("ar", "1", 11, 100.0, "a<b"), made("x", "1", 11, 50.0, "a<b")])
    document = ElementTree.fromstring(svg("a & b", summaries))
    texts = [element.text for element in document.iter("{http://www.w3.org/2000/svg}text")]
    assert "2.00?" in texts, "too little for a ratio that can be trusted"
    assert "2.00?" in bars(summaries).plain
    assert "67%" in histogram(summaries).plain
    assert bar(1.0, 2.0, 10) == "█" * 5
    assert bar(5.0, 2.0, 10) == "█" * 10
