import math

import pytest
import torch

from spectui.engine.verification.noise import PositionNoise, gumbel, key, uniforms


def test_the_tensor_hash_is_splitmix64():
    def reference(word, token):
        mask = (1 << 64) - 1
        value = (token * 0x9E3779B97F4A7C15 + word) & mask
        value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & mask
        value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & mask
        return (((value ^ (value >> 31)) >> 12) + 0.5) * 2.0**-52

    word = key(7, 123, 0)
    assert uniforms(word, 50).tolist() == [reference(word, token) for token in range(50)]


def test_uniforms_stay_inside_and_are_uniform():
    values = torch.cat([uniforms(key(seed, 1), 5000) for seed in range(40)])
    assert float(values.min()) > 0.0
    assert float(values.max()) < 1.0
    counts = torch.histc(values, bins=50, min=0.0, max=1.0)
    expected = len(values) / 50
    chi_square = float(((counts - expected) ** 2 / expected).sum())
    assert chi_square < 90  # 49 degrees of freedom: P < 0.0004


def test_the_race_of_two_equal_tokens_is_fair_across_positions():
    wins = sum(bool(g[3] > g[8]) for g in (gumbel(key(5, position), 10) for position in range(4000)))
    assert abs(wins - 2000) < 4 * math.sqrt(1000)


def test_noise_depends_on_seed_position_and_stream_only():
    one, same = PositionNoise(1, 100), PositionNoise(1, 100)
    one(3)
    assert torch.equal(one(7), same(7))
    assert not torch.equal(one(7), one(8))
    assert not torch.equal(one(7), PositionNoise(2, 100)(7))
    assert not torch.equal(one(7), PositionNoise(1, 100, stream=1)(7))


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_noise_is_finite(seed):
    assert bool(torch.isfinite(gumbel(key(seed, 2**31), 200_000)).all())


def test_neighbouring_positions_are_uncorrelated():
    a, b = (uniforms(key(0, position), 100_000) for position in (10, 11))
    correlation = float(torch.corrcoef(torch.stack([a, b]))[0, 1])
    assert abs(correlation) < 0.015
