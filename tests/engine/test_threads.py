"""How many threads of a CPU a model gets: as few as cost next to nothing."""

import pytest
import torch

from spectui.engine.target import Target
from spectui.engine.threads import candidates, fewest, settle_threads

from .toys import VOCABULARY, tiny_model


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
        chosen = settle_threads(Target(tiny_model()), VOCABULARY, seconds)
        assert chosen in (1, 2)
        assert torch.get_num_threads() == chosen
    finally:
        torch.set_num_threads(before)
