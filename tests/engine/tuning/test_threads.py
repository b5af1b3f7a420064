"""How many threads of a CPU a model gets: as few as cost next to nothing."""

import time

import pytest
import torch

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.tuning.threads import candidates, fewest, settle_threads

from ..toys import VOCABULARY, tiny_model


def test_powers_of_two_all_and_all_but_one_are_tried():
    assert candidates(1) == [1]
    assert candidates(2) == [1, 2]
    assert candidates(6) == [1, 2, 4, 5, 6]
    assert candidates(16) == [1, 2, 4, 8, 15, 16]


def test_the_fewest_that_are_hardly_slower_are_taken():
    assert fewest({1: [2.0], 2: [1.0], 4: [0.95]}) == 2
    assert fewest({1: [1.0, 9.0, 1.0], 2: [1.0, 1.0, 1.0]}) == 1, "one slow round is noise"
    assert fewest({1: [2.0], 2: [1.0], 4: [0.5]}) == 4


@pytest.mark.parametrize("seconds", [0.0, 0.2])
def test_torch_uses_what_was_found(seconds):
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        target = CausalLM(tiny_model())
        assert settle_threads([target], VOCABULARY, seconds) is target
        assert torch.get_num_threads() in (1, 2)
    finally:
        torch.set_num_threads(before)


def test_the_faster_of_two_layouts_is_taken(monkeypatch):
    slow, fast = CausalLM(tiny_model()), CausalLM(tiny_model())
    original = slow.step

    def late(*args, **kwargs):
        time.sleep(0.002)
        return original(*args, **kwargs)

    monkeypatch.setattr(slow, "step", late)
    before = torch.get_num_threads()
    try:
        assert settle_threads([slow, fast], VOCABULARY, 0.0) is fast
        assert settle_threads([fast, slow], VOCABULARY, 0.0) is fast
    finally:
        torch.set_num_threads(before)
