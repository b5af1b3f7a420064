"""A chat goes over to a server and back: the conversation goes on, whatever happens to either."""

import os
import socket

import pytest

from spectui.config.choice import ModelChoice, ServerChoice
from spectui.record.events import Failed, Finished, Note, Ready, ServedText, StepText, TurnText
from spectui.servers.address import KEY_VARIABLE
from spectui.session.served import SERVED
from spectui.system.errors import UserError

from ..demo import shared
from ..session.test_session import Talk
from .fake import llama_server, said, serving

DEMO, GONE = ModelChoice("demo"), ModelChoice("random:demo")


def loader(choice, store, progress):
    if choice == GONE:
        raise UserError("too little memory")
    return shared(choice, store, progress)


@pytest.fixture
def talk():
    made = Talk(loader=loader)
    made.until(Ready)
    yield made
    made.session.close(10)


def go(talk, choice):
    talk.seen.clear()
    talk.session.exchange(choice)
    return talk.until((Ready, Failed))


def ask(talk, text):
    talk.seen.clear()
    talk.session.ask(text)
    talk.until(Finished)
    return talk.seen


def lab(fake, **more):
    return ServerChoice(url=fake.url, name="lab", **more)


def test_to_a_server_and_back_with_the_same_messages(talk):
    with serving() as fake:
        llama_server(fake)
        ask(talk, "My name is Ada.")
        ready = go(talk, lab(fake))
        assert (ready.modes, list(ready.servers), talk.session.mode) == ((SERVED,), ["lab"], SERVED)
        assert list(talk.session.modes) == [SERVED]
        talk.session.instruct("Be brief")
        assert not any(isinstance(one, StepText) for one in ask(talk, "Count"))
        sent = fake.asked[-1][2]["messages"]
        assert [one["role"] for one in sent] == ["system", "user", "assistant", "user"]
        assert (sent[1]["content"], sent[-1]["content"]) == ("My name is Ada.", "Count")
    ready = go(talk, DEMO)
    assert ready.model == "demo"
    assert SERVED not in talk.session.modes
    seen = ask(talk, "And now?")
    turn = next(one for one in seen if isinstance(one, TurnText))
    assert "One two three four five six seven" in "".join(turn.texts)
    assert "My name is Ada." in "".join(turn.texts)
    assert "Be brief" in "".join(turn.texts)
    assert turn.turn.before == 2
    assert any(isinstance(one, StepText) for one in seen)


def test_a_server_that_is_not_there_leaves_the_models(talk):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        ready = go(talk, ServerChoice(url=f"http://127.0.0.1:{free.getsockname()[1]}"))
    assert ready.model == "demo"
    (note,) = [one.message for one in talk.seen if isinstance(one, Note)]
    assert "nothing answers" in note
    assert note.endswith("; demo stays")
    assert any(isinstance(one, StepText) for one in ask(talk, "Hello"))


def test_models_that_cannot_be_loaded_leave_the_server(talk):
    with serving() as fake:
        fake.stream(said("Here"))
        go(talk, lab(fake))
        ready = go(talk, GONE)
        assert (ready.model, ready.modes) == ("toy", (SERVED,))
        assert [one.message for one in talk.seen if isinstance(one, Note)] == ["too little memory; toy stays"]
        assert [one.text for one in ask(talk, "Who?") if isinstance(one, ServedText)] == ["Here"]


def test_a_key_goes_to_no_second_host_even_later(talk, monkeypatch):
    with serving() as first, serving() as second:
        monkeypatch.setenv(KEY_VARIABLE, "sk-very-secret")
        second.asked.clear()
        go(talk, lab(first))
        assert first.asked[0][1]["Authorization"] == "Bearer sk-very-secret"
        go(talk, DEMO)
        ready = go(talk, ServerChoice(url=second.url))
        assert ready.model == "demo"
        assert second.asked == []
        assert os.environ[KEY_VARIABLE] not in str(talk.seen)
        assert any("2 hosts" in one.message for one in talk.seen if isinstance(one, Note))


def test_a_conversation_cleared_on_the_way_begins_anew_at_the_server(talk):
    with serving() as fake:
        fake.stream(said("Here"))
        ask(talk, "My name is Ada.")
        talk.session.exchange(lab(fake))
        talk.session.clear()
        talk.until(Ready)
        ask(talk, "Who?")
        assert [one["content"] for one in fake.asked[-1][2]["messages"]] == ["Who?"]
