"""The race is fair, and every lane gives the text that it gives alone."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.race import Race, furthest_behind
from spectui.engine.values.clock import LaneClock
from spectui.engine.values.events import End, Prefill
from spectui.engine.values.needs import Needs
from spectui.engine.values.options import Options, Sampling
from spectui.engine.values.step import Step, Times

from .toys import VOCABULARY, decoder_of, related, run, tiny_model


class FakeAnswer:
    def __init__(self):
        self.end, self.emitted = None, []


class FakeLane:
    """A decoder whose steps take given times."""

    needs = Needs()

    def __init__(self, walls):
        self.walls, self.taken = list(walls), 0
        self.clock, self.answer = LaneClock(), FakeAnswer()

    def prefill(self, prompt, cancelled):
        self.clock.start()
        return Prefill(5.0, 0, 1, self.clock.stamp(5.0))

    def take_prefill(self, other, made):
        self.clock.start()
        return Prefill(made.ms, 0, 1, self.clock.stamp(made.ms))

    def step(self):
        wall = self.walls[self.taken]
        self.taken += 1
        if self.taken == len(self.walls):
            self.answer.end = "eos"
        end = self.clock.stamp(wall)
        return Step("ar", self.taken - 1, 0, end, (), 0, (), Times(0.0, wall, 0.0, 0.0, wall), (), 0)

    def forget(self):
        pass


walls = st.lists(st.floats(0.01, 50.0), min_size=1, max_size=40)


@given(st.lists(walls, min_size=2, max_size=5))
def test_unfinished_lanes_are_never_further_apart_than_the_longest_step(lanes):
    race = None

    def check(lane, event):
        if race is not None and race.clocks:
            longest = max(wall for own in lanes for wall in own)
            assert max(race.clocks.values()) - min(race.clocks.values()) <= longest + 1e-9

    fakes = {str(number): FakeLane(own) for number, own in enumerate(lanes)}
    race = Race(fakes, check, lambda: False)
    race.run([1])
    assert all(fake.taken == len(fake.walls) for fake in fakes.values())
    assert set(race.answers) == set(fakes)


def test_the_lane_that_is_furthest_behind_steps_next():
    assert furthest_behind({"a": 3.0, "b": 1.0, "c": 1.0}) == "b"


def test_lanes_finish_in_the_order_of_their_clocks():
    ended = []
    lanes = {"slow": FakeLane([9.0] * 10), "fast": FakeLane([4.0] * 10), "middle": FakeLane([6.0] * 10)}
    Race(lanes, lambda lane, event: ended.append(lane) if isinstance(event, End) else None, lambda: False).run([1])
    assert ended == ["fast", "middle", "slow"]


def real_lanes(options):
    model = tiny_model()
    target = CausalLM(model)
    draft = CausalLM(related(model))
    lanes = {}
    for mode in ("ar", "draft"):
        decoder = decoder_of(target, draft, mode, options)
        decoder.clock = LaneClock()
        lanes[mode] = decoder
    return lanes


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_lane_gives_the_text_that_it_gives_alone(temperature, together):
    options = Options(sampling=Sampling(temperature=temperature, seed=4), max_new_tokens=40)
    prompt = [random.Random(1).randrange(VOCABULARY) for _ in range(30)]
    alone, _ = run(decoder_of(CausalLM(tiny_model()), options=options), prompt)
    lanes = real_lanes(options)
    events = {lane: [] for lane in lanes}
    race = Race(lanes, lambda lane, event: events[lane].append(event), lambda: False)
    race.run(prompt, together)
    assert race.answers == {"ar": alone, "draft": alone}
    for own in events.values():
        assert isinstance(own[0], Prefill)
        assert isinstance(own[-1], End)
        assert own[0].ms == pytest.approx(own[0].time_ms)
        walls = [event.ms.wall for event in own if isinstance(event, Step)]
        assert own[-2].time_ms == pytest.approx(own[0].ms + sum(walls)), "a lane's clock is what it used itself"
    if together:
        assert events["ar"][0].ms == events["draft"][0].ms, "one prefill, credited to all"


def test_a_stop_ends_every_lane():
    lanes = real_lanes(Options(max_new_tokens=60))
    ends, seen = {}, []

    def emit(lane, event):
        seen.append(lane)
        if isinstance(event, End):
            ends[lane] = event.reason

    Race(lanes, emit, lambda: len(seen) > 12).run([1, 2, 3])
    assert ends == {"ar": "stopped", "draft": "stopped"}


def test_a_lane_that_needs_the_targets_states_reads_the_prompt_wherever_it_stands():
    target = CausalLM(tiny_model())
    lanes = {mode: decoder_of(target, mode=mode, options=Options(max_new_tokens=12)) for mode in ("ar", "eagle")}
    for lane in lanes.values():
        lane.clock = LaneClock()
    events = []
    race = Race(lanes, lambda lane, event: events.append((lane, event)), lambda: False)
    race.run([3, 1, 4, 1, 5])
    assert [lane for lane, event in events if isinstance(event, Prefill)] == ["ar", "eagle"]
    first = next(event for lane, event in events if lane == "eagle" and isinstance(event, Step))
    assert first.nodes, "it knows the prompt"
    assert race.answers["ar"] == race.answers["eagle"]
