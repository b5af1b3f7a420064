"""Totals over totals, intervals over questions, and pictures of them."""

import json
from dataclasses import replace
from xml.etree import ElementTree

import pytest

from spectui.present.picture import bar, bars, histogram
from spectui.present.plot import svg
from spectui.present.runs import Answered, Place, Run
from spectui.present.summary import summarise
from spectui.record.metrics import Numbers, Spread, distinct
from spectui.system.typed_json import as_json, read_as


def made(lane, question, tokens, decode_ms, category="a", **more):
    numbers = Numbers(emitted=tokens, steps=tokens - 1, ttft_ms=5.0, decode_ms=decode_ms, drafted=4, accepted=3)
    spread = Spread()
    spread.offered.update({1: 4, 2: 2})
    spread.accepted.update({1: 3, 2: 1})
    spread.emitted.update({1: 2, 3: 1})
    answered = Answered(tuple(range(tokens)), decode_ms + 5.0, numbers, spread)
    return replace(Run.of(Place(lane, question, 0), lane, None, category, 9, answered), **more)


def test_a_speed_up_is_total_tokens_over_total_time():
    runs = [
        made("ar", "1", 11, 100.0),
        made("x", "1", 11, 50.0),
        made("ar", "2", 101, 900.0),
        made("x", "2", 101, 900.0),
    ]
    ar, x = summarise(runs)
    assert ar.tokens_per_second == pytest.approx(110 / 1000.0 * 1e3)
    assert x.speedup_vs_ar == pytest.approx((110 / 950) / (110 / 1000))
    assert x.speedup_ci95 == pytest.approx((1.0, 2.0))
    assert ar.speedup_vs_ar is None
    assert x.acceptance_rate == 0.75
    assert x.acceptance_by_position == (0.75, 0.5)


def test_questions_that_only_one_lane_answered_do_not_count():
    runs = [made("ar", "1", 11, 100.0), made("x", "1", 11, 50.0), made("ar", "2", 101, 1.0)]
    x = next(one for one in summarise(runs) if one.lane == "x")
    assert x.speedup_vs_ar == pytest.approx(2.0)
    assert (x.speedup_ci95, x.speedup_questions) == (None, 1)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    import numpy as np

    rng = np.random.default_rng(3)
    hits = 0
    for _ in range(60):
        runs = []
        for number in range(40):
            base = float(rng.uniform(50, 150))
            runs += [made("ar", str(number), 11, base), made("x", str(number), 11, base / float(rng.gamma(20, 0.1)))]
        low, high = next(one for one in summarise(runs) if one.lane == "x").speedup_ci95
        truth = 1 / np.mean(1 / rng.gamma(20, 0.1, 200_000))
        hits += low <= truth <= high
    assert 50 <= hits <= 60


def test_categories_follow_the_overall_lines():
    runs = [made("ar", "1", 11, 100.0, "a"), made("ar", "2", 11, 100.0, "b")]
    assert [(one.lane, one.category) for one in summarise(runs)] == [("ar", None), ("ar", "a"), ("ar", "b")]


def test_a_run_survives_its_line():
    run = made("x", "1", 11, 50.0, identical=False, divergence=3, gap=0.25)
    assert read_as(Run, json.loads(json.dumps(as_json(run)))) == run
    assert as_json(run)["mean_accepted_tokens"] == run.tokens_per_step


OLDER = """{"lane": "x", "mode": "draft", "peer": null, "question_id": "0", "category": "a", "turn": 0,
"prompt_tokens": 9, "new_tokens": 3, "steps": 2, "mean_accepted_tokens": 1.0, "acceptance_rate": 0.75, "drafted": 4,
"accepted": 3, "rejected": 1, "unreached": 0, "cut": 0, "confirmed": 0, "dropped": 1, "branch_waste": 2,
"rollback": 0.4, "ttft_ms": 5.0, "decode_ms": 50.0, "wall_ms": 120.0, "tokens_per_second": 40.0, "draft_ms": 0.5,
"verify_ms": 2.0, "draft_idle_ms": 0.0, "target_idle_ms": 0.0, "identical_to_ar": true, "first_divergence": null,
"logit_gap": null, "distinct_3": 1.0, "looping": false, "offered_by_position": [4, 2], "accepted_by_position": [3, 1],
"tokens_per_step_histogram": {"1": 2, "3": 1}, "tokens": [0, 1, 2]}"""
"""A line as benches wrote it before lines followed from types."""


def test_an_older_line_is_read_and_written_as_it_was():
    run = read_as(Run, json.loads(OLDER))
    assert as_json(run) == json.loads(OLDER) | {"server": None, "text": None}, "what was added since is null"
    assert list(as_json(run)) == [*json.loads(OLDER), "server", "text"]
    assert (run.numbers.waste, run.spread.offered[2], run.place) == (2, 2, Place("x", "0", 0))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"turn": -1}, "turn: Input should be greater"),
        ({"acceptance_rate": 2}, "acceptance_rate: Input should be less"),
        ({"tokens": ["x"]}, "tokens.0: Input should be a valid integer"),
        ({"lane": None}, "lane: Input should be a valid string"),
        ({"more": 1}, "more: "),
    ],
)
def test_a_damaged_run_is_one_line_that_names_the_field(change, reason):
    with pytest.raises(ValueError, match=reason) as caught:
        read_as(Run, as_json(made("x", "1", 11, 50.0)) | change)
    assert "\n" not in str(caught.value)


def test_a_peers_run_leaves_unknown_what_is_not_measured():
    answered = Answered((1, 2, 3), 9.0, Numbers(emitted=3))
    line = as_json(Run.of(Place("hf", "1", 0), None, "hf", "a", 4, answered))
    assert {line[name] for name in ("steps", "drafted", "branch_waste", "decode_ms", "tokens_per_second")} == {None}
    assert (line["new_tokens"], line["wall_ms"], line["tokens_per_step_histogram"]) == (3, 9.0, {})


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
