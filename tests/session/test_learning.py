"""A conversation learns its answers; comparisons neither learn nor see their own."""

import errno
import os
from contextlib import contextmanager
from dataclasses import replace

import pytest

from spectui.bench.lane import ModeLane
from spectui.config.choice import StoreChoice
from spectui.config.paths import datastores
from spectui.engine.retrieval import datastore
from spectui.engine.retrieval.snapshot import Snapshot
from spectui.engine.values.options import Options
from spectui.record.events import EndText, Finished, Note, Ready, StepText, TurnText

from .test_session import Talk

QUESTION = "Tell me a story about a shy dragon who wants to find a friend."


@contextmanager
def learner(home, learns=True, compares=False):
    made = Talk(options=Options(max_new_tokens=60), mode="sssd", store=StoreChoice(home / "stores", learns, compares))
    try:
        assert isinstance(made.until(Ready), Ready)
        yield made
    finally:
        assert made.session.close(10)


def ask(talk, text=QUESTION):
    talk.session.ask(text)
    return talk.answer()[0]


def steps(talk):
    return [record.step for record in talk.seen if isinstance(record, StepText)]


def learnt_tokens(talk):
    """Tokens in the datastore, once what was said is learnt."""
    talk.settle()
    store = talk.loaded.store
    assert store.close(10)
    return sum(map(len, store.indexes))


def test_an_answer_is_learnt_and_drafts_the_next_one_like_it(tmp_path):
    with learner(tmp_path) as talk:
        first = ask(talk)
        before = len(steps(talk))
        assert learnt_tokens(talk) >= 60
        talk.session.clear()
        assert ask(talk) == first
        sources = {node.source.kind for step in steps(talk) for node in step.nodes}
        assert "datastore" in sources
        assert len(steps(talk)) < before / 2
    with learner(tmp_path) as talk:
        assert ask(talk) == first, "after a new start"
        assert len(steps(talk)) < before / 2


def test_comparisons_neither_learn_nor_see_their_own_answer(tmp_path):
    with learner(tmp_path) as talk:
        first = ask(talk)
        known = learnt_tokens(talk)
        alone = len(steps(talk))
        talk.session.rerun()
        text, _ = talk.answer()
        assert text == first
        assert len(steps(talk)) > alone / 2, "a rerun does not look up the answer that it repeats"
        talk.session.baseline()
        talk.until(Finished)
        talk.session.race(("ar", "sssd"))
        talk.seen.clear()
        talk.until(Finished)
        raced = [record.step for record in talk.seen if isinstance(record, StepText) and record.lane == "sssd"]
        assert len(raced) > alone / 2
        assert not any(node.source.kind == "datastore" for step in raced for node in step.nodes)
        assert learnt_tokens(talk) == known
        talk.session.clear()
        ask(talk)
        assert len(steps(talk)) < alone / 2, "a question that is asked again may"


LIKE_IT = "Tell me a story about a brave dragon who wants to find a friend."


@pytest.mark.parametrize("compares", [False, True])
def test_comparisons_look_up_in_what_was_learnt_only_if_asked_to(tmp_path, compares):
    with learner(tmp_path) as talk:
        ask(talk)
        ask(talk, LIKE_IT)
        known = learnt_tokens(talk)
    with learner(tmp_path, learns=False, compares=compares) as talk:
        talk.session.race(("ar", "sssd"), "Tell me a story about a shy fox who wants to find a friend.")
        talk.seen.clear()
        talk.until(Finished)
        raced = [record.step for record in talk.seen if isinstance(record, StepText) and record.lane == "sssd"]
        assert any(node.source.kind == "datastore" for step in raced for node in step.nodes) == compares
        remembers = {one.lane: one.turn.remembers for one in talk.seen if isinstance(one, TurnText)}
        assert remembers == {"ar": 0, "sssd": known if compares else 0}
        assert talk.session.environment["datastore_tokens"] == (known if compares else 0)
        ask(talk, LIKE_IT)
        assert any(node.source.kind == "datastore" for step in steps(talk) for node in step.nodes), "the chat does"


def test_a_bench_looks_up_in_what_was_learnt_only_if_asked_to(tmp_path, monkeypatch):
    look_up, sizes = Snapshot.look_up, []

    def watched(self, *query, **how):
        sizes.append(len(self))
        return look_up(self, *query, **how)

    monkeypatch.setattr(Snapshot, "look_up", watched)
    with learner(tmp_path) as talk:
        ask(talk)
        assert learnt_tokens(talk)
        loaded = talk.loaded
        for compares in (False, True):
            lane = ModeLane(replace(loaded, compares=compares), "sssd", Options(max_new_tokens=60))
            sizes.clear()
            lane.answer(loaded.prompt([{"role": "user", "content": LIKE_IT}]))
            assert set(sizes) == ({learnt_tokens(talk)} if compares else set())


def test_a_stopped_answer_is_not_learnt(tmp_path):
    with learner(tmp_path) as talk:
        talk.goes_on.clear()
        talk.session.ask(QUESTION)
        talk.until(StepText)
        talk.session.stop()
        talk.goes_on.set()
        assert talk.until(EndText).end.reason == "stopped"
        assert learnt_tokens(talk) == 0


def test_nothing_is_kept_when_learning_is_off(tmp_path):
    with learner(tmp_path, learns=False) as talk:
        ask(talk)
    assert not (tmp_path / "stores").exists()


def test_a_session_without_a_datastore_makes_none():
    talk = Talk(mode="sssd")
    assert isinstance(talk.until(Ready), Ready)
    assert ask(talk)
    assert talk.session.close(5)
    assert not datastores().exists()


def test_a_damaged_store_is_a_note_and_chatting_goes_on(tmp_path):
    with learner(tmp_path) as talk:
        first = ask(talk)
    manifest = next((tmp_path / "stores").rglob("manifest.json"))
    manifest.write_text("{")
    with learner(tmp_path) as talk:
        notes = next(record for record in talk.seen if isinstance(record, Ready)).notes
        assert any("the datastore is not used" in note and "datastore clear" in note for note in notes)
        assert ask(talk) == first
    assert manifest.read_text() == "{"


def test_a_store_in_an_impossible_place_is_a_note(tmp_path):
    (tmp_path / "stores").write_text("a file where the folder should be")
    with learner(tmp_path) as talk:
        notes = next(record for record in talk.seen if isinstance(record, Ready)).notes
        assert any("the datastore is not used: Not a directory" in note for note in notes)
        assert ask(talk)


def test_a_full_disk_is_a_note_and_chatting_goes_on(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(datastore, "write_index", full)
    with learner(tmp_path) as talk:
        first = ask(talk)
        assert first
        note = talk.until(Note)
        assert note.message == "the datastore learns no more in this session: No space left on device"
        assert ask(talk, "Hello!")
