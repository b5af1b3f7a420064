"""The datastore on disk: what is learnt stays, whatever happens to the files, the disk or the program."""

import errno
import json
import os
import random
import signal
import subprocess
import sys
import time
from threading import Event, current_thread

import pytest

from spectui.engine.retrieval import datastore as module
from spectui.engine.retrieval.datastore import Bounds, Datastore, read_manifest
from spectui.engine.retrieval.index_file import DamagedStore, read_index, write_index
from spectui.engine.retrieval.live import LiveStore
from spectui.engine.retrieval.snapshot import Snapshot, frozen, learnt
from spectui.engine.retrieval.suffix_index import SuffixIndex

SMALL = Bounds(tail=60, live=200, corpus=100, count=3)
PROMPT = [1, 2, 3, 4]


@pytest.fixture
def store(tmp_path):
    return Datastore(tmp_path / "store", "mark", 500, "toy", SMALL)


def texts_in(indexes):
    return sorted((list(map(int, tokens)), key) for index in indexes for tokens, key in index.texts())


def answers(count, seed=0, size=12):
    rng = random.Random(seed)
    return [learnt([number, seed], [rng.randrange(400) for _ in range(size)]) for number in range(count)]


def follows(store, query):
    return {row[0] for row, _ in Snapshot(store.open()).look_up(query, 1, 100, 1)}


def test_it_starts_empty_and_learns(store):
    assert store.open() == []
    store.learn([learnt(PROMPT, [7, 8, 9])])
    assert follows(store, [7, 8]) == {9}
    assert follows(store, [3, 4]) == {7}, "the prompt's last three tokens stand in front"
    assert texts_in(store.open())[0][0] == [2, 3, 4, 7, 8, 9]


def test_what_was_learnt_is_there_after_a_new_start(store, tmp_path):
    store.learn(answers(3))
    again = Datastore(tmp_path / "store", "mark", 500)
    assert texts_in(again.open()) == sorted(answers(3))
    assert again.read().title == "toy"


def test_the_newest_answers_are_merged_and_the_oldest_dropped(store):
    every = answers(100)
    for one in every:
        store.learn([one])
        manifest = store.read()
        assert len(manifest.live) <= SMALL.count
        assert all(entry.tokens <= SMALL.live for entry in manifest.live)
    kept = texts_in(store.open())
    assert 20 < len(kept) < 100
    assert kept == sorted(every[-len(kept) :]), "those that are left are the newest"
    names = {path.name for path in store.folder.glob("*.index")}
    assert names == {entry.file for entry in manifest.live}, "nothing is left lying about"


def test_the_same_answer_is_learnt_once(store):
    store.learn(answers(2))
    before = store.read()
    store.learn(answers(2))
    assert store.read() == before


def test_a_corpus_is_cut_to_the_bound_and_stays_apart(store):
    store.learn(answers(2))
    long = [number % 300 for number in range(250)]
    manifest = store.add([(long, ""), ([5, 6, 7], "")], "book")
    assert [entry.tokens for entry in manifest.corpus] == [100, 100, 57]
    assert {entry.name for entry in manifest.corpus} == {"book"}
    assert follows(store, [5, 6]) == {7}
    assert texts_in(store.open()) == sorted(answers(2))
    store.clear(learnt_only=True)
    assert (len(store.read().corpus), store.read().live) == (3, ())
    store.clear()
    assert store.open() == []


def test_a_corpus_that_fails_half_way_adds_nothing(store):
    def texts():
        for number in range(50):
            yield [number] * 20, ""
            if number == 30:
                raise KeyboardInterrupt

    before = store.read()
    with pytest.raises(KeyboardInterrupt):
        store.add(texts(), "book")
    assert store.read() == before
    assert not list(store.folder.glob("*.index"))


@pytest.mark.parametrize("vocabulary", [500, 100_000])
def test_an_index_is_the_same_in_memory_and_on_disk(tmp_path, vocabulary):
    width = 2 if vocabulary < 65535 else 4
    rng = random.Random(0)
    index = SuffixIndex.build([([rng.randrange(vocabulary) for _ in range(300)], "k") for _ in range(5)], width)
    size = write_index(tmp_path / "x.index", index, "mark")
    again = read_index(tmp_path / "x.index", "mark", check=True)
    assert size == (tmp_path / "x.index").stat().st_size
    assert list(again.order) == list(index.order)
    assert texts_in([again]) == texts_in([index])
    assert bytes(again.raw) == bytes(index.raw)


def test_a_store_of_another_tokenizer_is_refused_with_the_reason(store, tmp_path):
    store.learn(answers(1))
    with pytest.raises(DamagedStore, match="another tokenizer"):
        Datastore(tmp_path / "store", "other", 500).open()


DAMAGE = {
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-70]),
    "longer": lambda path: path.write_bytes(path.read_bytes() + b"x" * 64),
    "empty": lambda path: path.write_bytes(b""),
    "a picture": lambda path: path.write_bytes(b"\x89PNG\r\n" + os.urandom(500)),
    "a header that lies": lambda path: path.write_bytes(b"spectui.index\n" + (2**60).to_bytes(8, "big") + b"{}"),
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("name", DAMAGE)
def test_a_damaged_index_is_one_clear_line_and_left_alone(store, tmp_path, name):
    store.learn(answers(3))
    path = next(store.folder.glob("*.index"))
    DAMAGE[name](path)
    left = path.read_bytes() if path.exists() else None
    again = Datastore(tmp_path / "store", "mark", 500)
    with pytest.raises(DamagedStore) as caught:
        again.open()
    assert "\n" not in str(caught.value)
    assert left is None or path.read_bytes() == left
    again.clear()
    again.learn(answers(1))
    assert texts_in(again.open()) == answers(1)


def test_a_flipped_bit_is_found_when_asked_and_harmless_otherwise(store):
    store.learn(answers(5))
    path = next(store.folder.glob("*.index"))
    data = bytearray(path.read_bytes())
    data[-100] ^= 64
    path.write_bytes(bytes(data))
    fresh = Datastore(store.folder, "mark", 500)
    Snapshot(fresh.open()).look_up(answers(1)[0][0][:4], 8)
    with pytest.raises(DamagedStore, match="checksum"):
        fresh.open(check=True)


MANIFESTS = [
    "",
    "{",
    "[]",
    '{"format": "spectui.datastore/2"}',
    '{"format": "spectui.datastore/1"}',
    "\x00\xff",
]


@pytest.mark.parametrize("text", MANIFESTS)
def test_a_damaged_manifest_is_one_clear_line(store, text):
    store.learn(answers(1))
    (store.folder / "manifest.json").write_text(text, "latin-1")
    with pytest.raises(DamagedStore, match="manifest"):
        store.open()


def test_a_manifest_cannot_name_files_elsewhere(store, tmp_path):
    store.learn(answers(1))
    path = store.folder / "manifest.json"
    value = json.loads(path.read_text())
    value["live"][0]["file"] = "../../secret"
    path.write_text(json.dumps(value))
    with pytest.raises(DamagedStore):
        store.open()


# -- learning while the program runs


def live_of(store, learns=True):
    failures = []
    return LiveStore(store, learns, failures.append), failures


def test_answers_are_learnt_in_the_background_and_seen_by_a_live_reader(store):
    live, failures = live_of(store)
    live.learn(PROMPT, [7, 8, 9])
    assert live.close(10)
    assert not failures
    assert {row for row, _ in live.reader().snapshot(PROMPT).look_up([7, 8], 1)} == {(9,)}


def test_a_frozen_reader_sees_neither_what_comes_later_nor_its_own_prompt(store):
    store.learn([learnt(PROMPT, [7, 8, 9])])
    live, _ = live_of(store)
    before = frozen(live.indexes)
    live.learn([9, 9], [7, 8, 5])
    assert live.close(10)
    assert before.snapshot(PROMPT).look_up([7, 8], 1) == []
    assert {row for row, _ in before.snapshot([6]).look_up([7, 8], 1)} == {(9,)}
    assert {row for row, _ in frozen(live.indexes).snapshot([6]).look_up([7, 8], 1)} == {(9,), (5,)}


def test_what_sorts_has_ended_when_an_answer_is_learnt(store, monkeypatch):
    live, _ = live_of(store)
    sorting = []
    learn = store.learn
    monkeypatch.setattr(store, "learn", lambda texts: (sorting.append(current_thread()), learn(texts)))
    live.learn(PROMPT, [7, 8, 9])
    deadline = time.monotonic() + 10
    while not live.indexes and time.monotonic() < deadline:
        time.sleep(0.01)
    sorting[0].join(1)
    assert not sorting[0].is_alive(), "its team of OpenMP threads would slow down every later pass"
    assert live.close(10)


def test_nothing_is_kept_when_learning_is_off(store):
    live, _ = live_of(store, learns=False)
    live.learn(PROMPT, [7, 8, 9])
    assert live.close(1)
    assert not store.folder.exists()


def test_indexing_waits_while_something_is_measured(store):
    live, _ = live_of(store)
    live.pause()
    live.learn(PROMPT, [7, 8, 9])
    time.sleep(0.2)
    assert read_manifest(store.folder) is None
    live.resume()
    assert live.close(10)
    assert len(store.open()) == 1


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EACCES])
def test_a_full_disk_or_a_read_only_folder_ends_learning_with_one_line_and_loses_nothing(store, monkeypatch, code):
    store.learn(answers(2))
    live, failures = live_of(store)
    monkeypatch.setattr(module, "write_index", fail_with(code))
    live.learn(PROMPT, [7, 8, 9])
    live.learn(PROMPT, [7, 8, 10])
    assert live.close(10)
    assert failures == [f"the datastore learns no more in this session: {os.strerror(code)}"]
    assert texts_in(live.indexes) == sorted(answers(2))
    assert texts_in(Datastore(store.folder, "mark", 500).open()) == sorted(answers(2))


def fail_with(code):
    def fail(*args):
        raise OSError(code, os.strerror(code))

    return fail


def test_a_failed_write_leaves_no_temporary_file(store, monkeypatch):
    store.learn(answers(1))
    monkeypatch.setattr("spectui.engine.retrieval.index_file.os.fsync", fail_with(errno.EIO))
    with pytest.raises(OSError, match=os.strerror(errno.EIO)):
        store.learn(answers(1, seed=5))
    assert not list(store.folder.glob("*.tmp"))
    assert texts_in(store.open()) == answers(1)


def test_decoding_goes_on_while_the_index_is_built(store, monkeypatch):
    building, go_on = Event(), Event()
    write = module.write_index

    def slow(*args):
        building.set()
        assert go_on.wait(10)
        return write(*args)

    monkeypatch.setattr(module, "write_index", slow)
    live, _ = live_of(store)
    live.learn(PROMPT, [7, 8, 9])
    assert building.wait(10)
    assert live.reader().snapshot([6]).look_up([7, 8], 1) == [], "a look-up does not wait for the index"
    live.learn(PROMPT, [7, 8, 5])
    go_on.set()
    assert live.close(10)
    assert len(texts_in(live.indexes)) == 2


LEARNER = """
import sys
from pathlib import Path
from spectui.engine.retrieval.datastore import Bounds, Datastore
store = Datastore(Path(sys.argv[1]), "mark", 500, "toy", Bounds(tail=600, live=3000, corpus=100, count=8))
first, count = int(sys.argv[2]), int(sys.argv[3])
print("ready", flush=True)
for number in range(first, first + count):
    store.learn([([number % 400, 7, number // 400], f"key {number}")])
    print(number, flush=True)
"""


def learner(folder, first, count):
    return subprocess.Popen([sys.executable, "-c", LEARNER, str(folder), str(first), str(count)],
                            stdout=subprocess.PIPE, text=True)  # fmt: skip


def test_two_programs_learn_into_one_store_and_nothing_is_lost(tmp_path):
    both = [learner(tmp_path / "store", first, 60) for first in (0, 1000)]
    for process in both:
        process.communicate(timeout=120)
        assert process.returncode == 0
    kept = {key for _, key in texts_in(Datastore(tmp_path / "store", "mark", 500).open())}
    assert kept == {f"key {number}" for first in (0, 1000) for number in range(first, first + 60)}


def test_a_kill_at_any_moment_leaves_all_that_was_learnt_before(tmp_path):
    rng = random.Random(4)
    first, done = 0, []
    for _ in range(8):
        process = learner(tmp_path / "store", first, 10_000)
        assert process.stdout.readline() == "ready\n"
        time.sleep(rng.uniform(0.0, 0.15))
        process.send_signal(signal.SIGKILL)
        numbers = [int(line) for line in process.communicate()[0].split()]
        done += numbers
        first = (done[-1] if done else 0) + 2
        store = Datastore(tmp_path / "store", "mark", 500)
        kept = {key for _, key in texts_in(store.open(check=True))}
        assert {f"key {number}" for number in done} <= kept
    assert done
    store.learn([([1, 2], "after")])
    files = {path.name for path in store.folder.iterdir()} - {"lock", "manifest.json"}
    assert files == {entry.file for entry in store.read().live}, "what a kill left behind is swept"
