"""Recorded passes give what plain ones give, on buffers that never move under a recording."""

import random
import time
from threading import Lock

import pytest
import torch
from transformers import LlamaConfig, MistralConfig, Qwen3Config

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.cuda_graphs import FEW, ROWS, EagerCapturer, _width, _widths
from spectui.engine.model.forward import ForwardInput
from spectui.engine.model.llama import LlamaInput
from spectui.engine.values.draft_tree import DraftTree
from spectui.engine.values.options import Options, Sampling

from ..toys import TINY, VOCABULARY, decoder_of, model_of, random_tree, related, run, tiny_model

pytestmark = pytest.mark.oldest


class StrictCapturer(EagerCapturer):
    """Refuses what a graph could not do: a graph made while it was being replayed, tensors that have moved."""

    def __init__(self):
        self.captures = 0
        self.replays = 0

    def capture(self, run):
        self.captures += 1
        made, again = super().capture(run)
        inputs = next(cell.cell_contents for cell in run.__closure__ if isinstance(cell.cell_contents, LlamaInput))
        tensors = [field for field in inputs if isinstance(field, torch.Tensor)]
        assert len(tensors) == 6  # token_ids, position_ids, cache_slots, attention_mask, keys, values
        fixed = [*tensors, *made]
        places = [tensor.data_ptr() for tensor in fixed]

        def replay():
            self.replays += 1
            assert [tensor.data_ptr() for tensor in fixed] == places
            again()

        return made, replay


def both(model):
    capturer = StrictCapturer()
    made = CausalLM(model, capturer=capturer), CausalLM(model), capturer
    capturer.captures = capturer.replays = 0  # the check at load runs captured passes too
    return made


@pytest.mark.parametrize(
    "config",
    [LlamaConfig(**TINY), Qwen3Config(**TINY, head_dim=8), LlamaConfig(**{**TINY, "num_key_value_heads": 4})],
    ids=["llama", "qwen3", "ungrouped"],
)
def test_logits_and_states_are_those_of_plain_passes(config):
    captured, plain, capturer = both(model_of(config))
    assert captured.why_not_captured is None
    rng = random.Random(4)
    caches = captured.new_cache(16), plain.new_cache(16)
    prompt = [rng.randrange(VOCABULARY) for _ in range(9)]
    for target, cache in zip((captured, plain), caches, strict=True):
        target.prefill(cache, prompt)
    for _ in range(25):
        tree, token = random_tree(rng, VOCABULARY, most=20), rng.randrange(VOCABULARY)
        hidden = rng.choice([(), (1, 2)])
        made, expected = (
            target.step(cache, token, tree, hidden) for target, cache in zip((captured, plain), caches, strict=True)
        )
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        if hidden:
            torch.testing.assert_close(made.hidden, expected.hidden, atol=1e-12, rtol=0)
        path = [0, *(sorted(rng.sample(range(1, len(tree) + 1), 1)) if len(tree) else [])]
        for cache in caches:
            cache.commit(path)
    assert capturer.replays == 25
    assert capturer.captures <= 25


def test_rows_behind_scratch_rows():
    captured, plain, capturer = both(tiny_model())
    for_both = []
    for target in (captured, plain):
        cache = target.new_cache()
        target.prefill(cache, [1, 2, 3])
        outs = [target.forward(cache, ForwardInput.chain([5, 6], 3)).logits]
        visible = torch.tensor([[True, False, True, False], [True, True, False, True]])
        outs.append(target.forward(cache, ForwardInput([7, 8], (4, 5), visible)).logits)
        outs.append(target.forward(cache, ForwardInput([9], (6,))).logits)
        for_both.append(torch.cat(outs))
    torch.testing.assert_close(*for_both, atol=1e-12, rtol=0)
    assert capturer.replays == 3


def test_a_result_outlives_the_next_pass():
    captured, _, _ = both(tiny_model())
    cache = captured.new_cache()
    captured.prefill(cache, [1, 2, 3])
    first = captured.step(cache, 4, DraftTree(), hidden=(1,))
    kept = first.logits.clone(), first.hidden.clone()
    cache.truncate(3)
    captured.step(cache, 9, DraftTree(), hidden=(1,))
    assert torch.equal(first.logits, kept[0])
    assert torch.equal(first.hidden, kept[1])


@pytest.mark.parametrize("mode", ["ar", "draft", "sssd", "logitspec", "specbranch", "pld"])
@pytest.mark.parametrize("temperature", [0.0, 1.0])
def test_every_mode_gives_the_same_text(mode, temperature):
    model = tiny_model()
    options = Options(sampling=Sampling(temperature=temperature, seed=3), max_new_tokens=60)
    prompt = [3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5]
    capturer = StrictCapturer()
    captured = decoder_of(
        CausalLM(model, capturer=capturer),
        CausalLM(related(model), capturer=StrictCapturer()),
        mode,
        options,
    )
    plain = decoder_of(tiny_model(), related(tiny_model()), "ar", options)
    try:
        assert run(captured, prompt)[0] == run(plain, prompt)[0]
    finally:
        captured.close()
    assert capturer.replays > 5


def test_a_cache_that_grows_is_captured_anew():
    captured, plain, capturer = both(tiny_model())
    caches = captured.new_cache(64), plain.new_cache(64)
    for target, cache in zip((captured, plain), caches, strict=True):
        target.prefill(cache, [1, 2, 3])
    for token in range(130):
        made, expected = (
            target.step(cache, token % VOCABULARY, DraftTree())
            for target, cache in zip((captured, plain), caches, strict=True)
        )
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        for cache in caches:
            cache.commit([0])
    assert capturer.captures == 3  # 64, 128 and 256 rows
    assert len(caches[0].graphs) == 1


def test_caches_do_not_share_recordings():
    captured, plain, capturer = both(tiny_model())
    pairs = [(captured.new_cache(), plain.new_cache()) for _ in range(2)]
    for number, (one, other) in enumerate(pairs):
        captured.prefill(one, [1 + number, 2, 3])
        plain.prefill(other, [1 + number, 2, 3])
    for token in range(6):
        one, other = pairs[token % 2]
        made, expected = captured.step(one, token, DraftTree()), plain.step(other, token, DraftTree())
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
        one.commit([0])
        other.commit([0])
    assert capturer.captures == 2


def test_what_is_too_large_or_too_early_runs_plainly():
    captured, plain, capturer = both(tiny_model())
    cache, other = captured.new_cache(), plain.new_cache()
    made, expected = (
        target.forward(each, ForwardInput([1], (0,))) for target, each in ((captured, cache), (plain, other))
    )
    torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
    cache.commit([0])
    many = list(range(ROWS[-1] + 1))
    captured.forward(cache, ForwardInput.chain([token % VOCABULARY for token in many], 1))
    assert capturer.replays == 0


def test_a_capture_that_fails_is_not_tried_again():
    class Broken:
        tried = 0

        def capture(self, run):
            self.tried += 1
            raise RuntimeError("operation not permitted when stream is capturing\nmore")

    broken = Broken()
    target, plain = CausalLM(tiny_model(), capturer=broken), CausalLM(tiny_model())
    answers = [run(decoder_of(each, options=Options(max_new_tokens=9)), [1, 2, 3])[0] for each in (target, plain)]
    assert answers[0] == answers[1]
    assert broken.tried == 1
    assert target.why_not_captured == "RuntimeError: operation not permitted when stream is capturing"


def test_why_nothing_is_captured():
    dynamic = {"rope_type": "dynamic", "factor": 2.0, "rope_theta": 10000.0}
    capturer = EagerCapturer()
    assert "cpu" in CausalLM(tiny_model()).why_not_captured
    rotary = CausalLM(model_of(LlamaConfig(**TINY, rope_parameters=dynamic)), capturer=capturer)
    assert "rotary frequencies" in rotary.why_not_captured
    window = CausalLM(model_of(MistralConfig(**TINY, sliding_window=4)), capturer=capturer)
    assert "window" in window.why_not_captured


def test_a_draft_model_that_catches_up_with_a_few_tokens_has_its_last_row_from_a_graph():
    captured, plain, capturer = both(tiny_model())
    caches = captured.new_cache(), plain.new_cache()
    rng = random.Random(2)
    for few in (5, 1, 2, 8, 3, 1):
        ids = [rng.randrange(VOCABULARY) for _ in range(few)]
        made, expected = (target.prefill(cache, ids) for target, cache in zip((captured, plain), caches, strict=True))
        assert made.logits.shape == (1, VOCABULARY)
        torch.testing.assert_close(made.logits, expected.logits, atol=1e-12, rtol=0)
    assert capturer.replays == 5, "all but the first, behind which nothing is committed"
    assert capturer.captures == 4  # 1, 2, 4 and 8 rows
    captured.prefill(caches[0], list(range(FEW + 1)))
    assert capturer.replays == 5


class Slow(StrictCapturer):
    """Takes its time, and notices when two capture at once, whatever their models."""

    busy = Lock()
    clashes = 0
    last = 0.0

    def capture(self, run):
        if not Slow.busy.acquire(blocking=False):
            Slow.clashes += 1
            raise RuntimeError("operation not permitted when stream is capturing")
        try:
            time.sleep(0.002)
            return super().capture(run)
        finally:
            Slow.busy.release()


def test_two_threads_never_capture_at_once(monkeypatch):
    monkeypatch.setattr(CausalLM, "prepare", lambda *_: False)  # all that is captured is captured in steps
    model = tiny_model()
    target, draft = CausalLM(model, capturer=Slow()), CausalLM(related(model), capturer=Slow())
    expected = run(decoder_of(tiny_model(), options=Options(max_new_tokens=40)), [1, 2, 3])[0]
    for _ in range(5):
        decoder = decoder_of(target, draft, "specbranch", Options(max_new_tokens=40))
        assert run(decoder, [1, 2, 3])[0] == expected
        decoder.close()
    assert Slow.clashes == 0
    assert target.why_not_captured is draft.why_not_captured is None


@pytest.mark.parametrize("mode", ["ar", "draft", "sssd", "specbranch"])
def test_no_step_and_no_clock_is_charged_with_a_capture(mode):
    capturers = StrictCapturer(), StrictCapturer()
    model = tiny_model()
    target, draft = (CausalLM(each, capturer=one) for each, one in zip((model, related(model)), capturers, strict=True))
    decoder = decoder_of(target, draft, mode, Options(max_new_tokens=30))
    decoder.prefill([1, 2, 3])
    ready = [one.captures for one in capturers]
    replays = capturers[0].replays
    while decoder.answer.end is None:
        decoder.step()
    assert [one.captures for one in capturers] == ready
    assert capturers[0].replays - replays == decoder.steps
    decoder.rewind()
    run(decoder, [4, 5, 6])
    assert [one.captures for one in capturers] == ready, "the next answer finds them"
    decoder.close()


def test_a_mode_that_takes_over_in_an_answer_has_its_graphs_before_its_first_step():
    model, capturer = tiny_model(), StrictCapturer()
    decoder = decoder_of(CausalLM(model, capturer=capturer), related(model), "ar", Options(max_new_tokens=40))
    decoder.prefill([1, 2, 3])
    decoder.step()
    alone = capturer.captures
    decoder.set_mode("draft")
    ready = capturer.captures
    assert ready > alone
    while decoder.answer.end is None:
        decoder.step()
    assert capturer.captures == ready


class Late(EagerCapturer):
    """Each capture takes a second of a clock of its own."""

    def __init__(self, watch):
        self.watch = watch

    def capture(self, run):
        self.watch.seconds += 1.0
        return super().capture(run)


class Watch:
    """Time that only captures take, in nanoseconds."""

    seconds = 0.0

    def __call__(self):
        return int(self.seconds * 1e9)


def test_the_time_to_the_first_token_holds_no_capture(monkeypatch):
    watch = Watch()
    monkeypatch.setattr("spectui.engine.values.clock.perf_counter_ns", watch)
    decoder = decoder_of(CausalLM(tiny_model(), capturer=Late(watch)), options=Options(max_new_tokens=9))
    before = watch.seconds
    made = decoder.prefill([1, 2, 3])
    assert watch.seconds > before
    assert (made.ms, made.time_ms) == (0.0, 0.0)
    assert decoder.step().ms.wall == 0.0


def test_graphs_go_on_with_the_next_decoder_and_are_freed_with_a_sequence_that_failed():
    capturer = StrictCapturer()
    target = CausalLM(tiny_model(), capturer=capturer)
    first = decoder_of(target, options=Options(max_new_tokens=9))
    expected = run(first, [1, 2, 3])[0]
    first.retire()
    captures = capturer.captures
    second = decoder_of(target, options=Options(max_new_tokens=9))
    assert run(second, [1, 2, 3])[0] == expected
    assert capturer.captures == captures
    third = decoder_of(target, options=Options(max_new_tokens=9))
    assert third._cache is not second._cache
    third.retire()
    assert target.backend._spares == []  # nothing was captured on it
    second.retire()
    assert len(target.backend._spares) == 1
    decoder_of(target).forget()
    assert target.backend._spares == []


@pytest.mark.parametrize("capacity", [1024, 1600, 19968])
def test_widths_reach_all_that_is_committed_and_not_much_more(capacity):
    for rows in range(1, capacity + 1, 37):
        width = _width(rows, capacity)
        assert rows <= width <= capacity
        assert width <= max(1024, rows + max(512, rows / 2))
        assert width % 64 == 0
    every = list(_widths(700, capacity, capacity))
    assert every == sorted({_width(rows, capacity) for rows in range(700, capacity + 1)})
