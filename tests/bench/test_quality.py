"""What int8 costs in quality is measured, and known at later starts."""

from time import perf_counter

import pytest

from spectui.bench import quality
from spectui.bench.quality import Quality, quantised_quality
from spectui.bench.request import Request, make_lanes
from spectui.config.choice import ModelChoice
from spectui.config.settings import Settings
from spectui.engine.model.int8 import exact_here
from spectui.models.loading import load_pair
from spectui.session.runtime import prepare
from spectui.system.errors import UserError


def quiet(*_):
    pass


@pytest.mark.skipif(not exact_here(for_few_rows=False), reason="no exact int8 products here")
def test_the_result_is_kept_for_later_starts(tmp_path, monkeypatch):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(quality, "TOKENS", 100)
    choice = ModelChoice("demo", "none", dtype="int8")
    assert prepare(load_pair(choice, quiet), quiet, perf_counter()).ready.quality is None
    found = quantised_quality(choice, "practice", quiet)
    assert found.tokens >= 90
    assert found.nll == pytest.approx(found.exact_nll, rel=0.02)
    assert 0.5 < found.agreement <= 1.0
    assert prepare(load_pair(choice, quiet), quiet, perf_counter()).ready.quality == found.words


def test_a_model_that_is_not_in_int8_is_told():
    with pytest.raises(UserError, match="demo runs in float32 here; add --dtype int8"):
        quantised_quality(ModelChoice("demo"), "practice", quiet)


def test_words_do_not_round_a_difference_away():
    assert Quality(5000, 3.3221, 3.3208, 0.9964).words == "NLL +0.04%, 99.6% same top token"


@pytest.mark.skipif(not exact_here(for_few_rows=False), reason="no exact int8 products here")
def test_transformers_is_no_peer_of_a_model_without_its_own_weights():
    loaded = prepare(load_pair(ModelChoice("demo", dtype="int8"), quiet), quiet, perf_counter())
    lanes, left_out = make_lanes(loaded, Request((), ("pld",), ("hf", "hf-assisted")), Settings())
    assert [lane.name for lane in lanes] == ["ar", "pld"]
    assert left_out == dict.fromkeys(
        ("hf", "hf-assisted"), "its own weights are not loaded beside quantised ones (--dtype float32)"
    )
