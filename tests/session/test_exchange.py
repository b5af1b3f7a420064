"""Other models in the middle of a conversation: it goes on, whatever happens to them."""

from dataclasses import replace

import pytest

from spectui.config.choice import ModelChoice
from spectui.record.events import EndText, Failed, Finished, Note, Ready, StepText, TurnText
from spectui.session.conversation import Conversation
from spectui.system.errors import UserError

from ..demo import DEMO, shared
from .test_session import Talk

OTHER = ModelChoice("demo", draft="none")
GONE = ModelChoice("random:demo")


@pytest.fixture
def talk():
    made = Talk(loader=refusing)
    made.until(Ready)
    yield made
    made.session.close(10)


def refusing(choice, store, progress):
    if choice == GONE:
        raise UserError("too little memory")
    return shared(choice, store, progress)


def ask(talk, text):
    talk.seen.clear()
    talk.session.ask(text)
    talk.until(Finished)
    return next(record for record in talk.seen if isinstance(record, TurnText))


def test_other_models_go_on_with_the_same_messages(talk):
    ask(talk, "My name is Ada.")
    talk.session.change(replace(talk.session.options, max_new_tokens=9))
    talk.session.exchange(OTHER)
    ready = talk.until(Ready)
    assert ready.draft is None
    turn = ask(talk, "What is my name?")
    assert "My name is Ada." in "".join(turn.texts)
    assert turn.turn.mode == talk.session.mode == "sssd"
    assert sum(len(one.emitted) for one in talk.seen if isinstance(one, StepText)) < 9


def test_the_mode_stays_where_they_can_run_it(talk):
    talk.session.switch("logitspec")
    talk.session.exchange(OTHER)
    talk.until(Ready)
    assert talk.session.mode == "logitspec"
    assert ask(talk, "Hello").turn.mode == "logitspec"


def test_a_mode_that_they_cannot_run_gives_way(talk):
    talk.session.switch("specbranch")
    talk.session.exchange(OTHER)
    talk.until(Ready)
    assert ask(talk, "Hello").turn.mode == talk.session.mode == "sssd"


@pytest.mark.parametrize("room", [True, False])
def test_models_that_cannot_be_loaded_leave_those_of_before(talk, room, monkeypatch):
    monkeypatch.setattr(Conversation, "_has_room", lambda *_: room)
    ask(talk, "My name is Ada.")
    talk.session.exchange(GONE)
    note = talk.until(Note).message
    assert note == f"too little memory; demo {'stays' if room else 'is loaded again'}"
    assert talk.until((Ready, Failed)).model == "demo"
    turn = ask(talk, "What is my name?")
    assert "My name is Ada." in "".join(turn.texts)
    assert isinstance(talk.seen[-2], EndText)


def test_models_are_let_go_before_others_come_where_memory_holds_only_one(talk, monkeypatch):
    monkeypatch.setattr("spectui.session.runtime.free_memory", lambda _: 1000)
    held = []

    def watch(choice, store, progress):
        held.append(talk.session._half.loaded)
        return shared(choice, store, progress)

    talk.session._half._beginning = replace(talk.session._half._beginning, loader=watch)
    ask(talk, "My name is Ada.")
    talk.session.exchange(OTHER)
    talk.until(Ready)
    assert held == [None]
    assert "My name is Ada." in "".join(ask(talk, "What is my name?").texts)


def test_nothing_is_measured_on_a_question_that_other_models_were_asked(talk):
    ask(talk, "My name is Ada.")
    talk.session.exchange(OTHER)
    talk.until(Ready)
    talk.session.baseline()
    assert "nothing to measure" in talk.until(Note).message
    assert talk.session._half._beginning.choice == DEMO
