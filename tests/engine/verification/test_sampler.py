import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import (
    LogitsProcessorList,
    MinPLogitsWarper,
    RepetitionPenaltyLogitsProcessor,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from spectui.engine.values.options import Sampling
from spectui.engine.verification.sampler import Sampler

V = 40


def rows(seed, count=3):
    return torch.randn(count, V, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 3


@settings(max_examples=60)
@given(
    st.integers(0, 10_000),
    st.sampled_from([0.3, 0.8, 1.0, 1.7]),
    st.sampled_from([0, 1, 5, 39, 100]),
    st.sampled_from([0.1, 0.5, 0.95, 1.0]),
    st.sampled_from([0.0, 0.05, 0.5]),
    st.sampled_from([1.0, 1.3, 0.8]),
)
def test_processors_agree_with_those_of_transformers(seed, temperature, top_k, top_p, min_p, penalty):
    logits, seen = rows(seed), [[1, 2, 3, 3], [4, 4, 9, 0], [39, 7, 7, 1]]
    processors = LogitsProcessorList()
    if penalty != 1.0:
        processors.append(RepetitionPenaltyLogitsProcessor(penalty))
    processors.append(TemperatureLogitsWarper(temperature))
    if top_k:
        processors.append(TopKLogitsWarper(top_k))
    if top_p < 1.0:
        processors.append(TopPLogitsWarper(top_p))
    if min_p:
        processors.append(MinPLogitsWarper(min_p))
    sampler = Sampler(Sampling(temperature, top_k, top_p, min_p, penalty), V)
    mine = sampler.probabilities(logits, seen)
    theirs = processors(torch.tensor(seen), logits).softmax(-1)
    torch.testing.assert_close(mine, theirs)


@given(st.integers(0, 10_000), st.sampled_from([0.0, 0.7, 1.2]))
def test_a_row_does_not_depend_on_its_batch(seed, temperature):
    sampler = Sampler(Sampling(temperature, top_p=0.9, seed=seed), V)
    logits, indices = rows(seed, 6), [9, 10, 10, 11, 12, 12]
    together = sampler.choose(logits, indices).tolist()
    assert sampler.chosen(logits, indices) == together
    alone = [int(sampler.choose(logits[row : row + 1], [index])) for row, index in enumerate(indices)]
    assert together == alone


def test_ties_go_to_the_lowest_id():
    logits = torch.zeros(1, V)
    assert int(Sampler(Sampling(), V).choose(logits, [0])) == 0
    assert Sampler(Sampling(), V).chosen(logits, [0]) == [0]


@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_padding_is_never_chosen(temperature):
    logits = torch.zeros(50, V)
    logits[:, 30:] = 50.0
    assert int(Sampler(Sampling(temperature), 30).choose(logits, list(range(50))).max()) < 30


def test_the_choice_is_a_sample_of_p():
    logits = torch.tensor([[2.0, 1.0, 0.0, -1.0, 0.5]], dtype=torch.float64)
    sampler = Sampler(Sampling(1.0, seed=3), 5)
    p = logits.softmax(-1)[0]
    n = 20_000
    chosen = torch.cat([sampler.choose(logits, [index]) for index in range(n)])
    counts = torch.bincount(chosen, minlength=5).double()
    assert float(((counts - n * p) ** 2 / (n * p)).sum()) < 18.5  # 4 degrees of freedom: P < 0.001


@pytest.mark.parametrize(
    "wrong",
    [{"temperature": -1}, {"top_p": 0.0}, {"top_p": 1.1}, {"min_p": 1.0}, {"top_k": -1}, {"seed": -1}],
)
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValueError, match="must be"):
        Sampling(**wrong)
