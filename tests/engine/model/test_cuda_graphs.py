"""Recorded passes give what plain ones give, on buffers that never move under a recording."""

import random

import pytest
import torch
from transformers import LlamaConfig, MistralConfig, Qwen3Config

from spectui.engine.model.causal_lm import CausalLM, causal
from spectui.engine.model.cuda_graphs import ROWS, PlainRecorder
from spectui.engine.values.draft_tree import DraftTree
from spectui.engine.values.options import Options, Sampling

from ..toys import TINY, VOCABULARY, decoder_of, model_of, random_tree, related, run, tiny_model

pytestmark = pytest.mark.oldest


class StrictRecorder(PlainRecorder):
    """Refuses what a graph could not do: a recording made while it was being replayed, tensors that have moved."""

    def __init__(self):
        self.recordings = 0
        self.replays = 0

    def record(self, run):
        self.recordings += 1
        made, again = super().record(run)
        tensors = [cell.cell_contents for cell in run.__closure__ if isinstance(cell.cell_contents, torch.Tensor)]
        assert len(tensors) == 6  # ids, places, slots, mask, keys, values
        fixed = [*tensors, *made]
        places = [tensor.data_ptr() for tensor in fixed]

        def replay():
            self.replays += 1
            assert [tensor.data_ptr() for tensor in fixed] == places
            again()

        return made, replay


def both(model):
    recorder = StrictRecorder()
    made = CausalLM(model, recorder=recorder), CausalLM(model), recorder
    recorder.recordings = recorder.replays = 0  # the check at load runs recorded passes too
    return made


@pytest.mark.parametrize(
    "config",
    [LlamaConfig(**TINY), Qwen3Config(**TINY, head_dim=8), LlamaConfig(**{**TINY, "num_key_value_heads": 4})],
    ids=["llama", "qwen3", "ungrouped"],
)
def test_logits_and_states_are_those_of_plain_passes(config):
    recorded, plain, recorder = both(model_of(config))
    assert recorded.why_not_recorded is None
    rng = random.Random(4)
    caches = recorded.new_cache(16), plain.new_cache(16)
    prompt = [rng.randrange(VOCABULARY) for _ in range(9)]
    for target, cache in zip((recorded, plain), caches, strict=True):
        target.prefill(cache, prompt)
    for _ in range(25):
        tree, token = random_tree(rng, VOCABULARY, most=20), rng.randrange(VOCABULARY)
        hidden = rng.choice([(), (1, 2)])
        made, expected = (
            target.step(cache, token, tree, hidden) for target, cache in zip((recorded, plain), caches, strict=True)
        )
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        if hidden:
            torch.testing.assert_close(made.hidden, expected.hidden, atol=1e-12, rtol=0)
        path = [0, *(sorted(rng.sample(range(1, len(tree) + 1), 1)) if len(tree) else [])]
        for cache in caches:
            cache.commit(path)
    assert recorder.replays == 25
    assert recorder.recordings <= 25


def test_rows_behind_scratch_rows():
    recorded, plain, recorder = both(tiny_model())
    for_both = []
    for target in (recorded, plain):
        cache = target.new_cache()
        target.prefill(cache, [1, 2, 3])
        outs = [target.forward(cache, [5, 6], causal(2), (0, 1)).logits]
        visible = torch.tensor([[True, False, True, False], [True, True, False, True]])
        outs.append(target.forward(cache, [7, 8], visible, (1, 2), scratch_depths=(0, 1)).logits)
        outs.append(target.forward(cache, [9], None, (3,)).logits)
        for_both.append(torch.cat(outs))
    torch.testing.assert_close(*for_both, atol=1e-12, rtol=0)
    assert recorder.replays == 3


def test_a_result_outlives_the_next_pass():
    recorded, _, _ = both(tiny_model())
    cache = recorded.new_cache()
    recorded.prefill(cache, [1, 2, 3])
    first = recorded.step(cache, 4, DraftTree(), hidden=(1,))
    kept = first.logits.clone(), first.hidden.clone()
    cache.truncate(3)
    recorded.step(cache, 9, DraftTree(), hidden=(1,))
    assert torch.equal(first.logits, kept[0])
    assert torch.equal(first.hidden, kept[1])


@pytest.mark.parametrize("mode", ["ar", "draft", "sssd", "logitspec", "specbranch", "pld"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_mode_gives_the_same_text(mode, temperature):
    model = tiny_model()
    options = Options(sampling=Sampling(temperature=temperature, seed=3), max_new_tokens=60)
    prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    recorder = StrictRecorder()
    recorded = decoder_of(
        CausalLM(model, recorder=recorder),
        CausalLM(related(model), recorder=StrictRecorder()),
        mode,
        options,
    )
    plain = decoder_of(tiny_model(), related(tiny_model()), "ar", options)
    try:
        assert run(recorded, prompt)[0] == run(plain, prompt)[0]
    finally:
        recorded.close()
    assert recorder.replays > 5


def test_a_cache_that_grows_is_recorded_anew():
    recorded, plain, recorder = both(tiny_model())
    caches = recorded.new_cache(8), plain.new_cache(8)
    for target, cache in zip((recorded, plain), caches, strict=True):
        target.prefill(cache, [1, 2, 3])
    for token in range(30):
        made, expected = (
            target.step(cache, token, DraftTree()) for target, cache in zip((recorded, plain), caches, strict=True)
        )
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        for cache in caches:
            cache.commit([0])
    assert recorder.recordings == 4  # 8, 16, 32 and 64 rows
    assert len(caches[0].recorded) == 1


def test_caches_do_not_share_recordings():
    recorded, plain, recorder = both(tiny_model())
    pairs = [(recorded.new_cache(), plain.new_cache()) for _ in range(2)]
    for number, (one, other) in enumerate(pairs):
        recorded.prefill(one, [1 + number, 2, 3])
        plain.prefill(other, [1 + number, 2, 3])
    for token in range(6):
        one, other = pairs[token % 2]
        made, expected = recorded.step(one, token, DraftTree()), plain.step(other, token, DraftTree())
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        one.commit([0])
        other.commit([0])
    assert recorder.recordings == 2


def test_what_is_too_large_or_too_early_runs_plainly():
    recorded, plain, recorder = both(tiny_model())
    cache, other = recorded.new_cache(), plain.new_cache()
    made, expected = (target.forward(each, [1], None, (0,)) for target, each in ((recorded, cache), (plain, other)))
    torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
    cache.commit([0])
    many = list(range(ROWS[-1] + 1))
    recorded.forward(cache, [token % VOCABULARY for token in many], causal(len(many)), many)
    assert recorder.replays == 0


def test_a_recording_that_fails_is_not_tried_again():
    class Broken:
        tried = 0

        def record(self, run):
            self.tried += 1
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    broken = Broken()
    target, plain = CausalLM(tiny_model(), recorder=broken), CausalLM(tiny_model())
    answers = [run(decoder_of(each, options=Options(max_new_tokens=9)), [1, 2, 3])[0] for each in (target, plain)]
    assert answers[0] == answers[1]
    assert broken.tried == 1
    assert target.why_not_recorded == "RuntimeError: operation not permitted when stream is capturing"


def test_why_nothing_is_recorded():
    dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    recorder = PlainRecorder()
    assert "cpu" in CausalLM(tiny_model()).why_not_recorded
    rotary = CausalLM(model_of(LlamaConfig(**TINY, rope_parameters=dynamic)), recorder=recorder)
    assert "rotary frequencies" in rotary.why_not_recorded
    window = CausalLM(model_of(MistralConfig(**TINY, sliding_window=4)), recorder=recorder)
    assert "window" in window.why_not_recorded
