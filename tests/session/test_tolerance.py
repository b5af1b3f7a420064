"""What rounding explains depends on the numbers that a model computes with."""

import pytest
import torch

from spectui.session.equivalence import EXACT, Divergence, tolerance

NONE = float("inf")


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_float32_and_wider_stay_as_strict_as_ever(dtype):
    allowed = tolerance(dtype, 0.8, 20.0)
    assert allowed == EXACT == (1e-4, 1e-4, 1e-5)
    assert not Divergence(3, 0.3, 0.0, NONE, allowed).explained
    assert Divergence(3, 5e-5, 5e-5, NONE, allowed).explained


@pytest.mark.parametrize(
    ("difference", "gap", "explained"),
    [(0.3, 0.25, True), (0.8, 0.25, True), (0.3, 0.0, True),  # as measured with SmolLM2 (equivalence.py)
     (0.1, 0.25, False), (1.5, 0.0, False), (NONE, 0.0, False)],
    ids=["usual", "large", "tie", "gap too wide", "passes too far apart", "no pass to compare"],
)  # fmt: skip
def test_in_bfloat16_a_near_tie_is_explained_and_nothing_else(difference, gap, explained):
    allowed = tolerance(torch.bfloat16, difference, 20.0)
    assert Divergence(3, difference, gap, NONE, allowed).explained is explained


def test_float16_is_held_to_its_finer_steps():
    assert tolerance(torch.float16, 0.1, 20.0).logits == pytest.approx(tolerance(torch.bfloat16, 0.1, 20.0).logits / 8)


def test_a_low_temperature_stretches_what_the_passes_differ_by():
    cold, usual = (tolerance(torch.bfloat16, 0.1, 20.0, temperature) for temperature in (0.1, 1.0))
    assert Divergence(3, 0.1, 1.5, NONE, cold).explained
    assert not Divergence(3, 0.1, 1.5, NONE, usual).explained
