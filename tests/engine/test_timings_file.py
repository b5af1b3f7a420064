"""Measured times outlive the program, and are measured again where they cannot be used."""

import json
from time import perf_counter
from typing import ClassVar

import pytest
import torch

from spectui.config.choice import ModelChoice
from spectui.config.paths import timings_folder
from spectui.engine import timings_file
from spectui.engine.measurement import Timings
from spectui.engine.policy.latency import SIZES
from spectui.engine.timings_file import keep_timings, key_of, read_timings, timings_path
from spectui.engine.tuning import threads
from spectui.engine.tuning.background_worker import ThreadSplit
from spectui.models.loading import load_pair
from spectui.session import runtime as loaded

TIMINGS = Timings({size: 1.0 + size for size in SIZES}, 0.3, ThreadSplit(1, 1, 1.2, 0.4))
KEY = {"format": "a", "versions": {"torch": "1"}}


@pytest.mark.parametrize("timings", [TIMINGS, Timings(), Timings(TIMINGS.verify_ms)])
def test_what_is_kept_is_read_again(tmp_path, timings):
    assert read_timings(tmp_path, KEY) is None
    keep_timings(tmp_path / "new", KEY, timings)
    assert read_timings(tmp_path / "new", KEY) == timings
    assert [path.suffix for path in (tmp_path / "new").iterdir()] == [".json"]


def test_times_of_other_versions_or_models_are_not_used(tmp_path):
    keep_timings(tmp_path, KEY, TIMINGS)
    other = KEY | {"versions": {"torch": "2"}}
    assert read_timings(tmp_path, other) is None
    timings_path(tmp_path, KEY).rename(timings_path(tmp_path, other))
    assert read_timings(tmp_path, other) is None, "the key stands in the file as well"


def changed(**values):
    return lambda kept: kept["timings"].update(values)


@pytest.mark.parametrize(
    "damage",
    [changed(draft_ms="soon"), changed(draft_ms=-1.0), changed(draft_ms=0.0), changed(draft_ms=float("nan")),
     changed(verify_ms={"1": 1.0}), changed(verify_ms={"one": 1.0}), changed(verify_ms=[1.0]), changed(share=7),
     changed(share={"target_threads": 10**6, "draft_threads": 1, "slowdown": 1.0, "draft_ms": 1.0}),
     changed(draft_ms=float("inf")), lambda kept: kept.pop("timings"),
     lambda kept: kept.update(key=[]), lambda kept: kept["timings"].pop("verify_ms"),
     changed(verify_ms={str(size): 0.0 for size in SIZES})],
)  # fmt: skip
def test_a_file_that_makes_no_sense_counts_for_nothing(tmp_path, damage):
    keep_timings(tmp_path, KEY, TIMINGS)
    path = timings_path(tmp_path, KEY)
    kept = json.loads(path.read_text())
    damage(kept)
    path.write_text(json.dumps(kept))
    assert read_timings(tmp_path, KEY) is None


@pytest.mark.parametrize("content", [b"", b'{"key": ', b"\xff\xfe\x00", b"[]", b"null", b"[" * 100_000])
def test_a_damaged_file_counts_for_nothing(tmp_path, content):
    timings_path(tmp_path, KEY).write_bytes(content)
    assert read_timings(tmp_path, KEY) is None
    keep_timings(tmp_path, KEY, TIMINGS)
    assert read_timings(tmp_path, KEY) == TIMINGS


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path):
    (tmp_path / "file").write_text("")
    keep_timings(tmp_path / "file", KEY, TIMINGS)


# -- with the real pair


@pytest.fixture(scope="module")
def pair():
    return load_pair(ModelChoice("demo"), lambda *_: None)


class Starts:
    """Loads again and again, and tells what happened; what is measured takes its time only once."""

    made: ClassVar[list] = []

    def __init__(self, pair, monkeypatch):
        self.pair, self.measured, self.stages = pair, 0, []
        measure = loaded.measure_all

        def counted(*args):
            self.measured += 1
            if not self.made:
                self.made.append(measure(*args))
            return self.made[0]

        monkeypatch.setattr(loaded, "measure_all", counted)
        monkeypatch.setattr(loaded, "settle_threads", lambda targets, vocabulary: targets[-1])

    def again(self):
        self.stages.clear()
        return loaded.prepare(self.pair, lambda stage, _: self.stages.append(stage), perf_counter())


@pytest.fixture
def starts(pair, monkeypatch, home):
    (home / "cache").unlink()
    return Starts(pair, monkeypatch)


def test_the_second_start_measures_nothing(starts, monkeypatch):
    first = starts.again()
    assert "measuring what drafting and verification take" in starts.stages
    monkeypatch.setattr(loaded, "hold", lambda *_: True)
    second = starts.again()
    assert starts.measured == 1
    assert starts.stages == ["checking the times of an earlier start"]
    assert second.target.is_packed == first.target.is_packed
    assert second.latency.points == first.latency.points
    assert second.resources.share == first.resources.share
    assert second.resources.draft_ms == first.resources.draft_ms


def test_another_number_of_threads_measures_anew(starts, monkeypatch):
    starts.again()
    monkeypatch.setattr(timings_file, "ALL", timings_file.ALL + 1)
    starts.again()
    assert starts.measured == 2


def test_each_model_finds_its_threads_among_all(starts, monkeypatch):
    tried, before = [], torch.get_num_threads()

    def settled(targets, vocabulary):
        tried.append(torch.get_num_threads())
        torch.set_num_threads(1)  # the best for the model before says nothing about the next
        return targets[-1]

    monkeypatch.setattr(loaded, "settle_threads", settled)
    monkeypatch.setattr(threads, "ALL", 2)
    try:
        for draft in ("", "none"):
            loaded.prepare(load_pair(ModelChoice("demo", draft), lambda *_: None), lambda *_: None, perf_counter())
    finally:
        torch.set_num_threads(before)
    assert tried == [2, 2]


def test_another_version_measures_anew(starts, monkeypatch):
    starts.again()
    monkeypatch.setattr(timings_file, "version", lambda name: "0")
    starts.again()
    assert starts.measured == 2


def test_times_that_are_wrong_are_measured_again_and_replaced(starts):
    made = starts.again()
    key = key_of(made.pair.models, made.pair.numbers)
    wrong = Timings(dict.fromkeys(SIZES, 100000.0), 1e5, made.resources.share)
    keep_timings(timings_folder(), key, wrong)
    again = starts.again()
    assert starts.measured == 2
    assert again.latency.points[1] < 1e4
    assert read_timings(timings_folder(), key).verify_ms == again.latency.points
