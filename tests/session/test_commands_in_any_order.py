"""A session under commands in any order, with delays in both threads: nothing is lost, stale or run twice."""

import random
import sys
import time
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from spectui.config.choice import ModelChoice
from spectui.engine.values.options import Options
from spectui.record.events import Cleared, EndText, Failed, Finished, Loading, Note, Ready, Started, StepText, TurnText

from spectui.record.events import ChangedText, SwitchText  # isort: skip
from spectui.session.session import Session

from ..demo import runtime

MODES = ("ar", "draft", "sssd", "specbranch")
PAUSES = st.sampled_from([0.0, 0.0, 0.0, 0.001, 0.004, 0.02])


@pytest.fixture(scope="module")
def loaded():
    return runtime()


@pytest.fixture
def eager_switching():
    """Threads change places as often as the interpreter allows."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(before)


class Commands(RuleBasedStateMachine):
    """Gives commands; at the end every record has its place."""

    loaded = None

    def __init__(self):
        super().__init__()
        self.records, self.accepted, self.closed = [], [], False

    @initialize(seed=st.integers(0, 10**6))
    def begin(self, seed):
        delays = random.Random(seed)

        def sink(record):
            time.sleep(delays.choice((0.0, 0.0, 0.0, 0.0005, 0.003)))
            self.records.append(record)

        def loader(*_):
            time.sleep(delays.choice((0.0, 0.02)))
            return self.loaded

        self.session = Session(ModelChoice("demo"), Options(max_new_tokens=10), "draft", sink, loader=loader)
        self.session.load()

    def give(self, command):
        """A command was given: it is accepted just where nothing runs, and what was accepted counts at once."""
        if command is not None:
            self.accepted.append(command)
            assert self.session.busy or self.session._half.finished >= command
        return command

    open = precondition(lambda self: not self.closed)

    @open
    @rule(text=st.sampled_from(["Hello!", "What is a token?", "My name is Greta."]), pause=PAUSES)
    def ask(self, text, pause):
        time.sleep(pause)
        busy = self.session.busy
        command = self.give(self.session.ask(text))
        assert command is not None or busy
        if command is not None and self.session.busy:
            # the run may end between the two calls, but then the refusal is no lie either: the next id says so
            second = self.give(self.session.ask("What is that?"))
            assert second is None or self.session._half.finished >= command

    @open
    @rule(pause=PAUSES)
    def rerun(self, pause):
        time.sleep(pause)
        self.give(self.session.rerun())

    @open
    @rule(pause=PAUSES)
    def measure(self, pause):
        time.sleep(pause)
        self.give(self.session.baseline())

    @open
    @rule(text=st.sampled_from([None, "Who are you?"]), pause=PAUSES)
    def race(self, text, pause):
        time.sleep(pause)
        self.give(self.session.race(("ar", "sssd"), text))

    @open
    @rule(pause=PAUSES)
    def stop(self, pause):
        time.sleep(pause)
        self.session.stop()

    @open
    @rule(mode=st.sampled_from(MODES), pause=PAUSES)
    def switch(self, mode, pause):
        time.sleep(pause)
        self.session.switch(mode)
        assert self.session.mode == mode

    @open
    @rule(most=st.integers(1, 12))
    def change(self, most):
        self.session.change(Options(max_new_tokens=most))

    @open
    @rule(pause=PAUSES)
    def clear(self, pause):
        time.sleep(pause)
        self.session.clear()
        assert not self.session.busy, "a new conversation takes commands at once"

    @open
    @rule()
    def settle(self):
        deadline = time.monotonic() + 60
        while self.session.busy:
            assert time.monotonic() < deadline, "the command never ended"
            time.sleep(0.002)

    @open
    @rule()
    def close(self):
        self.closed = True
        assert self.session.close(30), "the decode thread did not end"

    @precondition(lambda self: self.closed)
    @rule()
    def close_again(self):
        self.session.stop()
        self.session.switch("ar")
        assert self.session.close(30)

    def teardown(self):
        if not hasattr(self, "session"):
            return
        if not self.closed:
            deadline = time.monotonic() + 60
            while self.accepted and self.session._half.finished < self.accepted[-1]:
                assert time.monotonic() < deadline, "a command was lost"
                time.sleep(0.002)
        assert self.session.close(30)
        assert all(a < b for a, b in pairwise(self.accepted))
        begun = [record.command for record in self.records if isinstance(record, Started)]
        ended = [record.command for record in self.records if isinstance(record, Finished)]
        assert begun == ended == self.accepted, "each command runs once and ends once, in order"
        self.check_brackets()

    def check_brackets(self):
        """Every record of an answer lies in the bracket of one command, between its lane's turn and its end."""
        inside, open_lanes = None, set()
        for record in self.records:
            match record:
                case Started(command):
                    assert inside is None
                    inside, open_lanes = command, set()
                case Finished(command):
                    assert inside == command
                    assert not open_lanes, "a lane that began has ended"
                    inside = None
                case TurnText(lane=lane):
                    assert inside is not None
                    assert lane not in open_lanes
                    open_lanes.add(lane)
                case EndText(lane=lane):
                    assert inside is not None
                    open_lanes.discard(lane)
                case StepText(lane=lane):
                    assert lane in open_lanes
                case Failed():
                    raise AssertionError(record.message)
                case Note(message=message):
                    assert "unexpected" not in message
                case Loading() | Ready() | Cleared() | SwitchText() | ChangedText():
                    pass


def test_any_order_of_commands_loses_nothing_and_runs_nothing_twice(loaded, eager_switching):
    machine = type("Runtime", (Commands,), {"loaded": loaded})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=30, stateful_step_count=20, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
