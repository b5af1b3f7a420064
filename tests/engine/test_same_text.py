"""The promise: whatever is drafted and whenever the mode changes, the text is the same. Exact in float64."""

import random
from functools import cache

import pytest

from spectui.engine.drafters.registry import MODES
from spectui.engine.values.options import Options, Sampling, Speculation

from .toys import RandomTrees, decoder_of, install, related, run, tiny_model

pytestmark = pytest.mark.oldest

PROMPT = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7]
SAMPLINGS = [
    Sampling(),
    Sampling(temperature=0.8, seed=1),
    Sampling(temperature=1.0, seed=2),
    Sampling(temperature=1.0, top_k=12, top_p=0.9, min_p=0.02, seed=3),
    Sampling(repetition_penalty=1.3),
    Sampling(temperature=0.9, repetition_penalty=1.2, top_p=0.95, seed=4),
]
LONG = 160
"""Tokens that no way to draft gives before every mode has had its turn."""
SPECULATIONS = [
    Speculation(),
    Speculation(draft_tokens=4),
    Speculation(draft_tokens="schedule"),
    Speculation(draft_tree=16),
    Speculation(full_tree=True),
]


@pytest.fixture(scope="module")
def models():
    target = tiny_model()
    return target, related(target)


@cache
def reference(models, sampling, tokens=80):
    return run(decoder_of(models[0], options=Options(sampling, max_new_tokens=tokens)), PROMPT)[0]


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("speculation", SPECULATIONS, ids=str)
def test_every_mode_gives_the_text_of_ar(models, sampling, speculation):
    expected = reference(models, sampling)
    for mode in MODES:
        decoder = decoder_of(*models, mode, Options(sampling, speculation, 80))
        tokens, _ = run(decoder, PROMPT)
        assert tokens == expected, mode


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_random_trees_give_the_text_of_ar(models, sampling, seed):
    expected = reference(models, sampling)
    decoder = decoder_of(models[0], options=Options(sampling, Speculation(draft_tokens=16), 80))
    install(decoder, RandomTrees(decoder._resources, seed, truth=PROMPT + expected))
    tokens, steps = run(decoder, PROMPT)
    assert tokens == expected
    assert len(steps) < 79, "the true continuation was offered, so fewer passes must be needed"


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_a_random_switch_at_every_step_gives_the_text_of_ar(models, sampling, seed):
    expected = reference(models, sampling, LONG)
    rng = random.Random(seed)
    decoder = decoder_of(*models, "ar", Options(sampling, max_new_tokens=LONG))
    install(decoder, RandomTrees(decoder._resources, seed, truth=PROMPT + expected))
    used = set()
    every = [*MODES, "toy"]
    first = rng.sample(every, len(every))

    def switch(decoder):
        mode = first.pop() if first else rng.choice(every)
        if mode == "toy":
            decoder.mode = mode
        else:
            decoder.set_mode(mode)
            decoder.set_options(Options(sampling, rng.choice(SPECULATIONS), LONG))
        used.add(mode)

    tokens, _ = run(decoder, PROMPT, switch)
    assert tokens == expected
    assert used == {*MODES, "toy"}


def test_another_seed_gives_another_text(models):
    one, other = (reference(models, Sampling(temperature=1.0, seed=seed)) for seed in (1, 2))
    assert one != other


def test_a_second_turn_reuses_the_cache_and_changes_nothing(models):
    options = Options(Sampling(temperature=0.7, seed=5), max_new_tokens=30)
    decoder = decoder_of(*models, "draft", options)
    first, _ = run(decoder, PROMPT)
    longer = [*PROMPT, *first, 7, 8, 9]
    prefill = decoder.prefill(longer)
    assert prefill.reused == len(PROMPT) + len(first) - 1
    while decoder.answer.end is None:
        decoder.step()
    fresh, _ = run(decoder_of(*models, "ar", options), longer)
    assert decoder.answer.emitted == fresh


def test_an_edited_prompt_keeps_only_what_agrees(models):
    decoder = decoder_of(*models, "draft", Options(max_new_tokens=20))
    run(decoder, PROMPT)
    edited = [*PROMPT[:6], 40, 41, 42]
    assert decoder.prefill(edited).reused == 6
    while decoder.answer.end is None:
        decoder.step()
    assert decoder.answer.emitted == run(decoder_of(models[0], options=Options(max_new_tokens=20)), edited)[0]
