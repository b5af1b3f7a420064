"""The decode thread: order of events, stop, switch, failure, quit."""

import itertools
import threading
from queue import Empty, Queue

import pytest

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.values.clock import RealClock
from spectui.engine.values.events import Changed, End, Prefill, Switch
from spectui.engine.values.options import Options, Sampling
from spectui.engine.values.step import Step
from spectui.engine.worker import Call, Change, Hold, Quit, Stop, SwitchMode, Worker

from .toys import decoder_of, related, tiny_model

PROMPT = [3, 14, 15, 9, 2, 6]


class Bench:
    """A worker with one lane, and what it said."""

    def __init__(self, most=150, before_emit=None):
        self.events, self.crashes = Queue(), []
        self.worker = Worker(self.emit, self.crashes.append)
        self.before_emit = before_emit
        self.seen, self.ids = [], itertools.count(1)
        model = tiny_model()
        self.worker.lanes["chat"] = decoder_of(
            CausalLM(model), related(model), "ar", Options(max_new_tokens=most), context=250
        )
        self.worker.start()

    def emit(self, lane, event):
        self.seen.append(event)
        if self.before_emit:
            self.before_emit(self, event)
        self.events.put(event)

    def ask(self):
        self.worker.submit(Call(lambda: self.worker.answer("chat", PROMPT), next(self.ids)))

    def until(self, kind, timeout=30):
        while True:
            event = self.events.get(timeout=timeout)
            if isinstance(event, kind):
                return event


@pytest.fixture
def bench():
    made = Bench()
    yield made
    assert made.worker.close(5)


def test_an_answer_is_a_prefill_steps_and_an_end_in_order(bench):
    bench.ask()
    assert bench.until(End) == End("length")
    kinds = [type(event) for event in bench.seen]
    assert kinds == [Prefill, *[Step] * 149, End]
    assert [event.index for event in bench.seen[1:-1]] == list(range(149))
    times = [event.time_ms for event in bench.seen[:-1]]
    assert times == sorted(times)


def test_stop_ends_at_the_next_step_and_keeps_the_answer():
    bench = Bench(before_emit=lambda b, e: b.worker.submit(Stop(1)) if getattr(e, "index", 0) == 5 else None)
    bench.ask()
    assert bench.until(End).reason == "stopped"
    assert isinstance(bench.seen[-2], Step)
    assert bench.seen[-2].index == 5
    assert len(bench.worker.lanes["chat"].answer.emitted) == 7
    assert bench.worker.close(5)


def test_a_stop_ends_the_command_that_it_names_even_before_it_begins_and_no_later_one(bench):
    bench.worker.submit(Stop(1))
    bench.ask()
    bench.ask()
    assert bench.until(End).reason == "stopped"
    assert bench.until(End).reason == "length"
    assert [type(event) for event in bench.seen[:2]] == [End, Prefill]


def test_a_switch_takes_effect_at_the_next_step_and_is_told():
    def switch(b, event):
        if isinstance(event, Step) and event.index == 4:
            b.worker.submit(SwitchMode("chat", "draft"))

    bench = Bench(before_emit=switch)
    bench.ask()
    bench.until(End)
    place = next(index for index, event in enumerate(bench.seen) if isinstance(event, Switch))
    assert bench.seen[place] == Switch("draft", 5)
    assert bench.seen[place - 1].mode == "ar"
    assert bench.seen[place + 1].mode == "draft"
    assert bench.seen[place + 1].index == 5
    assert bench.worker.close(5)


def test_a_switch_between_answers_is_told_at_once(bench):
    bench.worker.submit(SwitchMode("chat", "draft"))
    assert bench.until(Switch).mode == "draft"


def test_options_change_between_steps(bench):
    options = Options(Sampling(temperature=0.7), max_new_tokens=12)
    bench.worker.submit(Change("chat", options))
    assert bench.until(Changed).options == options
    bench.ask()
    bench.until(End)
    assert len(bench.worker.lanes["chat"].answer.emitted) == 12


def test_a_second_question_waits_for_the_first(bench):
    bench.ask()
    bench.ask()
    bench.until(End)
    bench.until(End)
    assert [type(event) for event in bench.seen].count(Prefill) == 2


def test_quit_during_an_answer_ends_the_thread():
    started = threading.Event()
    bench = Bench(before_emit=lambda b, e: started.set())
    bench.ask()
    assert started.wait(20)
    assert bench.worker.close(2)
    assert bench.seen[-1] == End("stopped")


def test_quit_leaves_no_second_thread_of_any_lane():
    def working():
        return [thread.name for thread in threading.enumerate() if thread.name.startswith("spectui-beside")]

    bench = Bench(before_emit=lambda b, e: b.worker.submit(Quit()) if getattr(e, "index", 0) == 5 else None)
    bench.worker.lanes["chat"].set_mode("specbranch")
    bench.ask()
    bench.worker._thread.join(10)
    assert any(isinstance(event, Step) for event in bench.seen)
    assert not working()


def test_a_user_error_ends_the_answer_in_one_line(bench):
    bench.worker.submit(Call(lambda: bench.worker.answer("chat", [])))
    end = bench.until(End)
    assert (end.reason, "empty" in end.message) == ("error", True)
    assert bench.crashes == []


@pytest.mark.parametrize(
    ("error", "word", "crashes"),
    [
        (MemoryError(), "memory", 0),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), "memory", 0),
        (KeyError("oops"), "unexpected KeyError", 1),
    ],
)
def test_a_failure_ends_the_answer_and_not_the_program(bench, monkeypatch, error, word, crashes):
    decoder = bench.worker.lanes["chat"]
    real = decoder.step
    calls = []

    def failing():
        calls.append(1)
        if len(calls) == 3:
            raise error
        return real()

    monkeypatch.setattr(decoder, "step", failing)
    bench.ask()
    end = bench.until(End)
    assert end.reason == "error"
    assert word in end.message
    assert len(bench.crashes) == crashes
    bench.ask()
    assert bench.until(End) == End("length")


def test_a_call_that_fails_does_not_end_the_thread(bench):
    def fail():
        raise ValueError("oops")

    bench.worker.submit(Call(fail))
    bench.ask()
    assert bench.until(End) == End("length")
    assert len(bench.crashes) == 1


def test_commands_for_a_lane_that_is_not_there_are_ignored(bench):
    bench.worker.submit(SwitchMode("nobody", "draft"))
    bench.worker.submit(Stop(0))
    bench.ask()
    assert bench.until(End) == End("length")
    with pytest.raises(Empty):
        bench.events.get_nowait()


def test_a_held_answer_makes_single_steps_and_goes_on(bench):
    bench.worker.submit(Hold(0))
    bench.ask()
    bench.until(Prefill)
    with pytest.raises(Empty):
        bench.events.get(timeout=0.1)
    bench.worker.submit(Hold(1))
    first = bench.until(Step)
    with pytest.raises(Empty):
        bench.events.get(timeout=0.2)
    bench.worker.submit(Hold(None))
    assert bench.until(Step).index == first.index + 1
    assert bench.until(End) == End("length")


def test_a_held_answer_can_be_stopped(bench):
    bench.worker.submit(Hold(0))
    bench.ask()
    bench.until(Prefill)
    bench.worker.submit(Stop(1))
    assert bench.until(End) == End("stopped")


def test_a_wait_is_no_time_of_the_answer(monkeypatch):
    now = iter([0, 5_000_000])
    monkeypatch.setattr("spectui.engine.values.clock.perf_counter_ns", lambda: next(now))
    clock = RealClock()
    clock.leave_out(3.0)
    assert clock.stamp(0.0) == 2.0
