from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.draft_policy import CLOSED, DraftPolicy
from spectui.engine.policy.gate import FIRST_PAUSE, LAST_PAUSE, Gate
from spectui.engine.policy.latency import LatencyModel, measure
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Speculation
from spectui.engine.values.step import Emitted, Node, Source, Step, Times

POINTS = {1: 4.0, 2: 4.5, 4: 4.4, 8: 6.0, 16: 7.0, 32: 12.0, 64: 24.0}


def test_the_curve_is_monotone_and_goes_through_its_points():
    cost = LatencyModel(POINTS)
    values = [cost.verify_ms(rows) for rows in range(1, 100)]
    assert all(a <= b for a, b in pairwise(values))
    assert cost.verify_ms(8) == 6.0
    assert cost.verify_ms(4) == 4.5, "a smaller time for more tokens is noise"
    assert cost.verify_ms(12) == 6.5


def test_passes_that_take_longer_move_the_curve():
    cost = LatencyModel(POINTS)
    for _ in range(200):
        cost.update(8, 12.0)
    assert cost.verify_ms(1) == pytest.approx(8.0, rel=0.02)


@given(st.lists(st.floats(0.0, 1.0), max_size=30))
def test_the_best_size_maximises_tokens_per_time(scores):
    cost = LatencyModel(POINTS)
    ordered = sorted(scores, reverse=True)

    def rate(count):
        return (1 + sum(ordered[:count])) / cost.verify_ms(count + 1)

    assert rate(cost.best_size(scores)) == pytest.approx(max(rate(count) for count in range(len(scores) + 1)))


def test_hopeless_nodes_are_not_verified_and_sure_ones_are():
    cost = LatencyModel(POINTS)
    assert cost.best_size([0.001] * 20) == 0
    assert cost.best_size([0.99] * 15) == 15


def test_measuring_gives_every_size_a_time():
    seen = []
    cost = measure(seen.append, seconds=0.5, rounds=2)
    assert sorted(set(seen)) == [1, 2, 4, 8, 16, 32, 64]
    assert cost.verify_ms(64) >= cost.verify_ms(1) > 0.0


def test_a_slow_device_times_small_passes_most_often(monkeypatch):
    """One pass over 64 tokens takes as long as five over 4: these decide more."""
    now, asked = 0.0, []

    def run(rows):
        nonlocal now
        now += 20.0 + 2.5 * rows
        asked.append(rows)

    monkeypatch.setattr("spectui.engine.policy.latency.perf_counter", lambda: now / 1e3)
    made = measure(run, seconds=2.0)
    assert made.points == pytest.approx({size: 20.0 + 2.5 * size for size in (1, 2, 4, 8, 16, 32, 64)})
    assert asked.count(4) > 2 * asked.count(64)
    assert asked.count(64) >= 1
    assert 2.0 < now / 1e3 < 2.3


def test_what_a_large_pass_leaves_behind_is_not_taken_for_the_cost_of_a_small_one(monkeypatch):
    now, before = 0.0, [64] * 3

    def run(rows):
        nonlocal now, before
        now += POINTS[rows] + (3.0 if max(before) > 8 else 0.0)
        before = [*before[1:], rows]

    monkeypatch.setattr("spectui.engine.policy.latency.perf_counter", lambda: now / 1e3)
    assert measure(run, seconds=10.0).points[1] == pytest.approx(POINTS[1])


def step_of(fate, probability=0.9, emitted=1, wall=5.0):
    node = Node(1, -1, Source("s"), probability, fate)
    tokens = (Emitted(1, "target"),) * emitted
    return Step("m", 0, 0, 0.0, (node,), 0, tokens, Times(0, wall, 0, 0, wall), (), 1)


def test_calibration_turns_overconfidence_into_frequencies():
    calibration = AcceptanceModel()
    for index in range(200):
        tree = DraftTree()
        tree.add(1, ROOT, Source("s"), 0.9)
        calibration.update(tree, [1 if index % 2 else 2])
    assert calibration.estimate(Source("s"), 0.9) == pytest.approx(0.5, abs=0.06)
    assert calibration.estimate(Source("s"), None) == pytest.approx(0.5, abs=0.06)
    assert calibration.estimate(Source("unheard of"), 0.9) == pytest.approx(0.9)


def gate_after(tokens, ms, plain, steps):
    gate = Gate()
    states = []
    for _ in range(steps):
        states.append(gate.open)
        gate.update(tokens if gate.open else 1, ms if gate.open else plain, plain)
    return states


def test_the_gate_closes_where_drafting_costs_more_than_it_brings_and_probes_ever_more_rarely():
    states = gate_after(tokens=1.2, ms=10.0, plain=4.0, steps=1200)
    closed = [len(run) for run in "".join("o" if state else "c" for state in states).split("o") if run]
    assert closed[0] == FIRST_PAUSE
    assert closed == sorted(closed[:-1]) + closed[-1:]
    assert max(closed) == LAST_PAUSE


def test_the_gate_stays_open_where_drafting_pays():
    assert all(gate_after(tokens=3.0, ms=6.0, plain=4.0, steps=300))


def test_the_gate_opens_again_when_drafting_begins_to_pay():
    gate = Gate()
    for _ in range(40):
        gate.update(1, 10.0 if gate.open else 4.0, 4.0)
    assert not gate.open
    for _ in range(400):
        gate.update(5 if gate.open else 1, 6.0 if gate.open else 4.0, 4.0)
    assert gate.open


@pytest.mark.parametrize("slow", range(8))
def test_one_of_the_first_steps_of_a_mode_may_take_long(slow):
    gate = Gate()
    gate.begin()
    for step in range(100):
        gate.update(3, 300.0 if step == slow else 6.0, 4.0)
        assert gate.open


def test_one_bad_step_at_the_beginning_of_a_text_closes_nothing():
    gate = Gate()
    for _ in range(200):
        gate.update(3, 6.0, 4.0)
    gate.begin()
    for tokens in (1, 1, 1, 3, 3, 3):
        gate.update(tokens, 6.0, 4.0)
        assert gate.open


def test_a_policy_prunes_only_where_the_cost_decides():
    tree = DraftTree()
    for token in range(10):
        tree.add(token, ROOT, Source("s"), 0.001)
    policy = DraftPolicy(LatencyModel(POINTS))
    assert len(policy.prune(tree, Speculation(4))) == 10
    assert len(policy.prune(tree, Speculation("schedule"))) == 10
    pruned = policy.prune(tree, Speculation())
    assert len(pruned) == 0
    assert "pay" in pruned.why


def looked_in_vain(draft_ms):
    policy = DraftPolicy(LatencyModel(POINTS))
    policy.begin()
    for _ in range(60):
        limit, _ = policy.budget(Speculation(), 10)
        times = Times(draft_ms if limit else 0.0, 4.0, 0.0, 0.0, 4.0 + (draft_ms if limit else 0.0))
        policy.update(Step("m", 0, 0, 0.0, (), 0, (Emitted(1, "target"),), times, (), limit))
    return policy


def test_looking_in_vain_closes_the_gate_only_where_it_takes_long():
    assert looked_in_vain(0.02).gate.open
    assert not looked_in_vain(1.0).gate.open


@pytest.mark.parametrize(("slowdown", "stays_open"), [(1.6, True), (1.0, True), (4.0, False)])
def test_a_pass_beside_work_is_held_against_one_alone_that_is_slow_alike(slowdown, stays_open):
    """All is twice as slow as it was measured, as in a race; two tokens a pass pay if it is 1.6 times as long."""
    policy = DraftPolicy(LatencyModel(POINTS))
    for _ in range(100):
        took = 2.0 * 1.6 * POINTS[2]
        policy.update(step_of("accepted", emitted=2, wall=took), slowdown)
    assert policy.gate.open is stays_open
    assert policy.latency.verify_ms(1) == POINTS[1], "such a pass says nothing about the cost of one alone"


def test_a_closed_gate_says_why():
    policy = DraftPolicy(LatencyModel(POINTS))
    for _ in range(30):
        policy.gate.update(1, 20.0, 4.0)
        if not policy.gate.open:
            break
    assert policy.budget(Speculation(), 10) == (0, CLOSED)
    assert policy.budget(Speculation(4), 10)[0] > 0, "a fixed size always drafts"
    assert policy.budget(Speculation(4), 0)[0] == 0
