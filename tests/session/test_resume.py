"""Conversations that were kept go on as if they had never ended."""

from dataclasses import replace

import pytest

from spectui.record.events import Cleared, EndText, Failed, Ready, Resumed, TurnText
from spectui.session.archive.archive import Archive

from ..demo import DEMO
from .test_session import Talk


@pytest.fixture
def kept(tmp_path):
    made = Archive(tmp_path / "conversations.db", pytest.fail)
    made.start()
    yield made
    made.close(20)


@pytest.fixture
def begun():
    """Ends what a test begins."""
    made = []
    yield made.append
    for talk in made:
        talk.session.close(20)


def talking(kept, begun, **how):
    talk = Talk(**how)
    talk.put = talk.session._half._sink

    def both(record):
        kept.put(record)
        talk.put(record)

    talk.session._half._sink = both
    begun(talk)
    assert isinstance(talk.until((Ready, Failed)), Ready)
    return talk


def ask(talk, text, **how):
    assert talk.session.ask(text, **how) is not None
    talk.answer()
    talk.settle()
    return next(record for record in talk.seen if isinstance(record, TurnText))


def now(kept):
    """What is recorded, once everything is in the file."""
    return kept.archived(kept.place[0])


def test_the_models_see_the_same_messages_as_without_the_break(kept, begun):
    first = talking(kept, begun)
    for question in ("Tell me a story about a fox.", "Hello!"):
        ask(first, question)
    past = now(kept)
    wanted = ask(first, "And then?").turn
    second = talking(kept, begun)
    second.session.resume(past)
    second.until(Resumed)
    turn = ask(second, "And then?").turn
    assert (turn.prompt, turn.before) == (wanted.prompt, 2)
    again = now(kept)
    assert [one.question for one in again.turns] == ["Tell me a story about a fox.", "Hello!", "And then?"]
    assert (again.turns[-1].number, again.turns[-1].of) == (2, 2), "both programs have answered here"


def test_the_last_question_can_be_answered_again_and_measured(kept, begun):
    first = talking(kept, begun)
    asked = ask(first, "Hello!").turn
    past = now(kept)
    second = talking(kept, begun)
    second.session.resume(past)
    second.until(Resumed)
    assert second.session.baseline() is not None
    measured = second.until(TurnText)
    second.settle()
    assert measured.turn.prompt == asked.prompt
    assert measured.turn.options.max_new_tokens == len(past.turns[0].tokens)
    second.session.rerun()
    assert second.until(TurnText).turn.prompt == asked.prompt
    second.until(EndText)
    second.settle()
    assert [(one.number, one.of) for one in now(kept).turns] == [(2, 2)]


def test_a_question_is_asked_again_in_other_words(kept, begun):
    talk = talking(kept, begun)
    first = ask(talk, "Tell me a story about a fox.").turn
    ask(talk, "Hello!")
    turn = ask(talk, "Tell me a story about a cat.", before=0).turn
    assert turn.before == 0
    assert len(turn.prompt) == len(first.prompt)
    assert [one.question for one in now(kept).turns] == ["Tell me a story about a cat."]


def test_an_answer_of_other_models_is_read_by_its_text(kept, begun):
    first = talking(kept, begun)
    ask(first, "Hello!")
    past = now(kept)
    [turn] = past.turns
    other = talking(kept, begun)
    assert other.session._half._read_back(turn) == first.session._half._messages[-1]["content"]
    assert other.session._half._read_back(replace(turn, model="another")) == turn.text
    assert other.session._half._read_back(replace(turn, tokens=(10**6,))) == turn.text


def test_a_system_message_belongs_to_its_conversation(kept, begun):
    talk = talking(kept, begun)
    plain = ask(talk, "Hello!").turn
    past = replace(now(kept), system="Be brief.")
    talk.session.resume(past)
    talk.until(Resumed)
    told = ask(talk, "Hello!", before=0).turn
    assert len(told.prompt) > len(plain.prompt)
    talk.session.clear()
    talk.until(Cleared)
    assert ask(talk, "Hello!").turn.prompt == plain.prompt


def test_a_conversation_may_be_taken_up_before_the_models_are_there(kept, begun):
    first = talking(kept, begun)
    ask(first, "Hello!")
    past = now(kept)
    second = Talk(choice=DEMO)
    begun(second)
    second.session.resume(past)
    second.until(Ready)
    second.until(Resumed)
    assert ask(second, "And?").turn.before == 1
