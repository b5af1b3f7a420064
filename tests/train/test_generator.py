"""Text that a target makes up: what many rows at once give, and what is thrown away."""

from dataclasses import replace
from itertools import islice

import pytest
import torch

from spectui.train import sizes
from spectui.train import target as targets
from spectui.train.answer_store import AnswerStore
from spectui.train.chat_format import ChatFormat, chat_format
from spectui.train.generator import Generator
from spectui.train.loops import TAIL, begins_to_loop, loops
from spectui.train.reading import read_again
from spectui.train.stream import Stream, invents_questions

from .. import demo
from ..engine.toys import VOCABULARY
from .tiny import CHAT, EOS, plan, target

QUESTIONS = [[20, 21, 22], [30, 31, 32, 33, 34, 35, 36, 37], [40], [50, 51, 52, 53, 54]]


@pytest.fixture(autouse=True)
def without_bfloat16(monkeypatch):
    """So that rounding explains nothing."""
    monkeypatch.setattr(targets, "multiplies_bfloat16", lambda: False)


@pytest.fixture
def tiny():
    return target()


def alone(target, prompt, most):
    """The greedy answer as transformers' modules give it, one token after the other, and all states."""
    tokens = list(prompt)
    with torch.inference_mode():
        while len(tokens) < len(prompt) + most:
            logits = target.pair.target(input_ids=torch.tensor([tokens]), use_cache=False).logits[0, -1]
            tokens.append(int(logits[: target.vocabulary].argmax()))
            if tokens[-1] == EOS or begins_to_loop(tokens[len(prompt) :]):
                break
        made = target.pair.target.model(input_ids=torch.tensor([tokens[:-1]]), output_hidden_states=True)
    return tokens, made.hidden_states


def test_many_rows_at_once_say_what_each_says_alone(tiny):
    generator = Generator(tiny, CHAT, plan(questions=QUESTIONS, sampled=0.0), seed=0)
    found = list(islice(generator.conversations(rows=3), 12))
    assert len(found) == 12
    for one in found:
        prompt = one.tokens[: one.prompt].tolist()
        assert prompt[4:-3] in QUESTIONS
        tokens, states = alone(tiny, prompt, 24)
        assert one.tokens.tolist() == tokens[: len(one.tokens)]
        length = len(one.tokens) - 1
        for part, layer in zip(one.states.float().chunk(3, -1), plan().aux, strict=True):
            torch.testing.assert_close(part, states[layer][0, :length], rtol=2e-2, atol=2e-2)
        torch.testing.assert_close(one.last.float(), states[-1][0, :length], rtol=2e-2, atol=2e-2)


def test_rows_of_different_lengths_attend_to_what_is_theirs(tiny, monkeypatch):
    monkeypatch.setattr(sizes, "CPU", sizes.CPU._replace(attending=2))
    monkeypatch.setattr("spectui.train.generator.SORTED", 3)
    generator = Generator(tiny, CHAT, plan(questions=QUESTIONS, sampled=0.0), seed=0)
    for one in islice(generator.conversations(rows=5), 15):
        tokens, _ = alone(tiny, one.tokens[: one.prompt].tolist(), 24)
        assert one.tokens.tolist() == tokens[: len(one.tokens)]


def test_reading_again_gives_the_same_states(tiny, tmp_path):
    generator = Generator(tiny, CHAT, plan(questions=QUESTIONS), seed=0)
    found = list(islice(generator.conversations(rows=3), 7))
    store = AnswerStore(tmp_path / "answers", VOCABULARY)
    for one in found:
        store.add(one)
    again = list(read_again(tiny, store, plan().aux, together=3))
    for one, other in zip(found, again, strict=True):
        assert (one.tokens.tolist(), one.prompt) == (other.tokens.tolist(), other.prompt)
        torch.testing.assert_close(one.states, other.states, rtol=2e-2, atol=2e-2)
        torch.testing.assert_close(one.last, other.last, rtol=2e-2, atol=2e-2)


def test_a_store_cut_short_by_a_crash_keeps_what_is_whole(tiny, tmp_path):
    store = AnswerStore(tmp_path / "answers", VOCABULARY)
    for one in islice(Generator(tiny, CHAT, plan(questions=QUESTIONS), seed=0).conversations(rows=2), 3):
        store.add(one)
    whole = store.path.read_bytes()
    store.path.write_bytes(whole[:-5])
    assert len(list(store)) == 2
    again = AnswerStore(tmp_path / "answers", VOCABULARY)
    kept = [(tokens.tolist(), prompt) for tokens, prompt in again]
    added = next(Generator(tiny, CHAT, plan(questions=QUESTIONS), seed=1).conversations(rows=1))
    again.add(added)
    assert [(tokens.tolist(), prompt) for tokens, prompt in again] == [*kept, (added.tokens.tolist(), added.prompt)]
    store.path.write_bytes(b"")
    assert list(store) == []


def test_ids_that_the_model_does_not_have_are_not_read(tiny, tmp_path):
    store = AnswerStore(tmp_path / "answers", VOCABULARY)
    store.add(next(Generator(tiny, CHAT, plan(questions=QUESTIONS), seed=0).conversations(rows=1)))
    few = AnswerStore(tmp_path / "answers", max(next(iter(store))[0].tolist()))
    assert list(few) == []


def test_invented_questions_are_new_and_end_where_the_format_says(tiny):
    generator = Generator(tiny, CHAT, plan(), seed=0)
    found = list(islice(generator.conversations(rows=8), 20))
    questions = [tuple(one.tokens[4 : one.prompt - 3].tolist()) for one in found]
    assert len(set(questions)) == len(questions)
    assert all(2 <= len(question) <= 12 and not loops(question) for question in questions)
    assert all(one.tokens[one.prompt - 3 : one.prompt].tolist() == CHAT.after for one in found)


def test_a_model_that_never_ends_a_question_cannot_invent_any(tiny):
    assert invents_questions(tiny, CHAT, plan())
    unheard = ChatFormat(CHAT.before, [VOCABULARY, *CHAT.after])  # a token that it never says ends a turn
    tiny.pair = replace(tiny.pair, eos=frozenset())
    assert not invents_questions(tiny, unheard, plan())


def test_what_loops():
    assert loops([5, 6, 7] * 10)
    assert not loops(list(range(40)))
    assert not loops([1, 2])  # too short to have a run of three
    text = list(range(100))
    assert not begins_to_loop(text[:TAIL])
    assert begins_to_loop([*text[:TAIL], *[1, 2] * (TAIL // 2)])


def test_held_out_questions_are_never_asked_again(tiny, tmp_path):
    stream = Stream(tiny, CHAT, plan(), tmp_path)
    apart = stream.held_out()
    known = {tuple(one.tokens[4 : one.prompt - 3].tolist()) for one in apart}
    assert known
    assert known <= stream.generator.asked
    again = Stream(tiny, CHAT, plan(), tmp_path)
    assert [one.tokens.tolist() for one in again.held_out()] == [one.tokens.tolist() for one in apart]
    asked = [tuple(one.tokens[4 : one.prompt - 3].tolist()) for one in islice(iter(again), 20)]
    assert not known & set(asked)


def test_of_questions_from_files_every_tenth_is_kept_apart(tiny, tmp_path):
    questions = [[20 + index, 21 + index] for index in range(20)]
    stream = Stream(tiny, CHAT, plan(questions=questions), tmp_path)
    apart = [one.tokens[4:6].tolist() for one in stream.held_out()]
    learnt = [one.tokens[4:6].tolist() for one in islice(iter(stream), 30)]
    assert all(question in questions[::10] for question in apart)
    assert all(question not in questions[::10] for question in learnt)


def test_the_format_of_a_real_template():
    tokenizer = demo.runtime().pair.tokenizer
    chat = chat_format(tokenizer)
    words = tokenizer("How are you?", add_special_tokens=False)["input_ids"]
    from spectui.models.template import prompt_ids

    assert prompt_ids(tokenizer, [{"role": "user", "content": "How are you?"}]) == [*chat.before, *words, *chat.after]
