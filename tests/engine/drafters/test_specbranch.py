"""SpecBranch: what it drafts, what becomes of it, and that two threads change nothing."""

import gc
import random
import threading
import time
from dataclasses import FrozenInstanceError
from itertools import pairwise
from types import SimpleNamespace

import pytest
import torch

from spectui.engine.drafters.branch_growth import Growth, branch_point
from spectui.engine.drafters.draft_cache import DraftCache
from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.hrad import NONE, SOME
from spectui.engine.drafters.ranking import Candidate
from spectui.engine.drafters.specbranch import SpecBranch
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.draft_policy import CLOSED
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.tuning.background_worker import BackgroundWorker, ThreadSplit
from spectui.engine.tuning.thread_split import measure_thread_split, splits
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.verification.sampler import Sampler
from spectui.record.metrics import Meter, total

from ..toys import VOCABULARY, decoder_of, related, run, tiny_model

PROMPT = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7]
SAMPLINGS = [
    Sampling(),
    Sampling(temperature=0.8, seed=1),
    Sampling(temperature=1.0, top_p=0.9, repetition_penalty=1.2),
]
SHAPES = [
    Speculation(),
    Speculation(draft_tokens=1, branches=1, epsilon=0.0),
    Speculation(draft_tokens=3, branches=8, epsilon=0.9),
    Speculation(draft_tokens=6, branches=2, epsilon=0.1),
    Speculation(rule="classic", draft_tokens=4),
]


@pytest.fixture(scope="module")
def target():
    return CausalLM(tiny_model())


@pytest.fixture(scope="module")
def draft(target):
    return CausalLM(related(target.model, 0.03))


EARLIER = set()


@pytest.fixture(autouse=True)
def threads_of_other_tests():
    """Decoders of other tests may still be about to end theirs."""
    EARLIER.clear()
    EARLIER.update(beside())


def ended():
    """Whether no thread is left, after a moment for those that are about to end."""
    deadline = time.monotonic() + 5
    while beside() and time.monotonic() < deadline:
        time.sleep(0.01)
    return not beside()


def made(target, draft, sampling=SAMPLINGS[0], speculation=SHAPES[3], tokens=80, **more):
    return decoder_of(target, draft, "specbranch", Options(sampling, speculation, tokens), **more)


def plain(target, sampling, tokens=80):
    return run(decoder_of(target, options=Options(sampling, max_new_tokens=tokens)), PROMPT)[0]


def beside():
    every = threading.enumerate()
    return [thread for thread in every if thread.name.startswith("spectui-beside") and thread not in EARLIER]


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("speculation", SHAPES[:4], ids=str)
def test_the_text_is_that_of_ar_whatever_either_thread_waits_for(target, draft, sampling, speculation, monkeypatch):
    expected = plain(target, sampling)
    rng = random.Random(4)
    for model, name in ((CausalLM, "step"), (DraftCache, "feed")):
        original = getattr(model, name)

        def late(*args, original=original, **kwargs):
            time.sleep(rng.choice([0, 0, 0.001, 0.004]))
            return original(*args, **kwargs)

        monkeypatch.setattr(model, name, late)
    tokens, steps = run(made(target, draft, sampling, speculation), PROMPT)
    assert tokens == expected
    assert any(step.branches for step in steps)


def test_the_classic_rule_draws_from_the_targets_distribution_alone(target, draft):
    with torch.inference_mode():
        p = target.model(torch.tensor([PROMPT])).logits[0, -1].softmax(-1)
    counts = torch.zeros(VOCABULARY)
    for seed in range(400):
        decoder = made(target, draft, Sampling(temperature=1.0, seed=seed), SHAPES[4], 2)
        counts[run(decoder, PROMPT)[0][0]] += 1
    assert float((counts / 400 - p).abs().sum() / 2) < 0.12


def test_a_fixed_length_gives_the_same_steps_again(target, draft):
    first, again = (run(made(target, draft), PROMPT)[1] for _ in range(2))
    assert [(step.nodes, step.branches) for step in first] == [(step.nodes, step.branches) for step in again]
    assert sum(step.accepted for step in first) > 10


def test_branches_are_what_the_draft_model_would_say(target, draft):
    """Against a draft model that reads everything anew, without a cache."""
    k, length, epsilon = 4, 3, 0.1
    decoder = made(target, draft, speculation=Speculation(draft_tokens=length, branches=k, epsilon=epsilon))
    _, steps = run(decoder, PROMPT)
    sequence = PROMPT + decoder.answer.emitted

    @torch.inference_mode()
    def says(tokens):
        return draft.model(torch.tensor([tokens])).logits[0, -1].softmax(-1)

    looked = 0
    for step in steps:
        if step.branches is None:
            continue
        path = sequence[: step.position + 1] + [node.token for node in step.nodes]
        q = says(path)
        confidence, ids = q.topk(k)
        assert step.branches.confidence == pytest.approx(float(confidence[0]))
        count = max(1, int(k * (1 - float(confidence[0]))))
        assert [chain[0] for chain in step.branches.tokens] == ids[:count].tolist()
        for number, chain in enumerate(step.branches.tokens):
            written = list(path)
            for place, token in enumerate(chain):
                q = says(written)
                assert place == 0 or token == int(q.argmax())
                stops = place > 0 and float(q[token]) <= epsilon
                assert not stops or place == len(chain) - 1, "a branch ends where the next one begins"
                written.append(token)
                looked += 1
            assert len(chain) <= length + 1
            assert number == 0 or len(set(step.branches.tokens)) == len(step.branches.tokens)
    assert looked > 50


def test_a_winning_branch_is_the_next_segment(target, draft):
    _, steps = run(made(target, draft, speculation=Speculation(draft_tokens=4, epsilon=0.0)), PROMPT)
    won = 0
    for step, following in pairwise(steps):
        if step.branches is None or step.branches.won is None or following.branches is None:
            continue
        chain = step.branches.tokens[step.branches.won]
        assert chain[0] == step.emitted[-1].token
        assert tuple(node.token for node in following.nodes) == chain[1:]
        won += 1
    assert won > 3
    assert steps[0].nodes == ()
    assert steps[0].branches is not None, "the target begins alone while branches are drafted"


def candidate(token, confidence=0.5):
    return Candidate(token, confidence, confidence)


def segment(*tokens):
    return tuple((candidate(token),) for token in tokens)


BRANCHES = segment(7, 8, 9), segment(5, 6), segment(4)


def test_what_is_dropped_and_what_is_waste():
    first = Growth((), BRANCHES, known=1).outcome([7])
    assert (first.won, first.dropped, first.waste) == (0, 0, 3)
    second = Growth((), BRANCHES, known=1).outcome([5])
    assert (second.won, second.dropped, second.waste) == (1, 1, 3), "what was on the chain before counts as dropped"
    none = Growth((), BRANCHES, known=1).outcome([11])
    assert (none.won, none.dropped, none.waste) == (None, 3, 3)
    refused = Growth((3,), BRANCHES).outcome([9])
    assert refused.won is None, "the segment was refused before the branches began"
    behind = Growth((3,), BRANCHES).outcome([3, 5])
    assert behind.won == 1


@pytest.mark.parametrize(("says", "verified", "point"), [(None, 3, 3), (NONE, 3, 0), (SOME, 3, 1), (NONE, 2, 2)])
def test_a_warning_branches_where_confidence_has_not(says, verified, point):
    drafted = [(candidate(token, q),) for token, q in ((5, 0.9), (6, 0.6), (7, 0.8))]
    assert branch_point(drafted, verified, says) == point


def test_branches_beside_a_segment_hedge_against_its_refusal():
    growth = Growth((), (segment(8, 9), segment(4)), beside=True)
    refused = growth.outcome([8])
    assert (refused.at, refused.won, refused.dropped, refused.waste) == (-1, 0, 0, 1)
    stood = growth.outcome([5, 6, 8])
    assert (stood.won, stood.dropped, stood.waste) == (None, 0, 3), "the segment itself is among the step's nodes"


def test_branches_are_handed_over_by_the_thread_that_has_drafted_them(target, draft):
    """While they are drafted nobody else holds them, and afterwards nobody can change them."""
    drafter = SpecBranch(Resources(VOCABULARY, draft))
    drafter.begin(PROMPT)
    speculation = Speculation(draft_tokens=3, branches=4, epsilon=0.0)
    context = Context(PROMPT, 60, speculation, Sampler(Sampling(), VOCABULARY), True, LatencyModel(), AcceptanceModel())
    job = drafter.overlap(drafter.propose(context, 64))
    assert job.growth is None
    job.join()
    assert len(job.growth.branches[0]) == 4
    with pytest.raises(FrozenInstanceError):
        job.growth.branches = ()
    drafter.close()


def test_rollback_counts_every_token_of_the_chain_once(target):
    worse = CausalLM(related(target.model, 0.12))
    decoder = made(target, worse, speculation=Speculation(draft_tokens=4, epsilon=0.1))
    meter = Meter()
    meter.count(decoder.prefill(PROMPT))
    while decoder.answer.end is None:
        meter.count(decoder.step())
    n = meter.numbers
    assert n.emitted - 1 == n.accepted + n.steps
    assert n.confirmed <= n.steps
    assert n.rollback == pytest.approx(
        (n.rejected + n.unreached + n.cut + n.dropped) / (n.drafted + n.confirmed + n.dropped)
    )
    assert 0.0 < n.rollback < 1.0
    twice = total([n, n])
    assert (twice.rollback, twice.tokens_per_step) == (n.rollback, n.tokens_per_step), "prefill's tokens in neither"
    assert twice.tokens_per_second == pytest.approx(n.tokens_per_second)


def test_no_thread_is_left_by_a_switch_an_end_or_a_dropped_decoder(target, draft):
    decoder = made(target, draft)
    decoder.prefill(PROMPT)
    decoder.step()
    assert len(beside()) == 1
    decoder.set_mode("ar")
    assert beside() == []
    decoder.set_mode("specbranch")
    decoder.step()
    decoder.close()
    assert beside() == []
    decoder.step()
    del decoder
    gc.collect()
    assert ended()


def test_a_failure_in_either_thread_leaves_a_decoder_that_goes_on(target, draft, monkeypatch):
    expected = plain(target, SAMPLINGS[0])
    for owner, name in ((CausalLM, "step"), (DraftCache, "catch_up"), (DraftCache, "feed")):
        decoder = made(target, draft)
        decoder.prefill(PROMPT)
        decoder.step()
        with monkeypatch.context() as patch:

            def fail(*_, **__):
                raise MemoryError("full")

            patch.setattr(owner, name, fail)
            with pytest.raises(MemoryError, match="full"):
                all(decoder.step() for _ in range(10))
        decoder.forget()
        assert run(decoder, PROMPT)[0] == expected
        decoder.close()


def test_where_drafting_is_too_slow_it_says_so_and_stops(target, draft, monkeypatch):
    original = DraftCache.feed

    def slow(*args):
        time.sleep(0.02)
        return original(*args)

    monkeypatch.setattr(DraftCache, "feed", slow)
    cost = LatencyModel({1: 2.0, 64: 2.0})
    decoder = made(target, draft, speculation=Speculation(), tokens=150, cost=cost)
    _, steps = run(decoder, PROMPT)
    closed = [step for step in steps if step.why_no_draft == CLOSED]
    assert len(closed) > 20
    assert all(step.branches is None for step in closed)


@pytest.mark.parametrize("context", range(13, 24))
def test_the_end_of_the_context_may_lie_anywhere(target, draft, context):
    decoder = made(target, draft, context=context)
    tokens, _ = run(decoder, PROMPT)
    assert len(PROMPT) + len(tokens) == context


@pytest.mark.parametrize("place", range(1, 20, 3))
def test_an_end_of_the_answer_may_lie_in_segment_or_branch(target, draft, place):
    expected = plain(target, SAMPLINGS[0])
    eos = expected[place]
    tokens, _ = run(made(target, draft, eos={eos}), PROMPT)
    assert tokens == expected[: expected.index(eos) + 1]


@pytest.mark.slow
def test_ten_thousand_steps_with_cancels_and_switches(target, draft, monkeypatch):
    """No deadlock, no leak, never a wrong token."""
    rng = random.Random(7)
    truth = plain(target, SAMPLINGS[0], 150)
    caches, new_cache = [], draft.new_cache

    def watched():
        caches.append(new_cache())
        return caches[-1]

    monkeypatch.setattr(draft, "new_cache", watched)
    decoder = made(target, draft, tokens=150)
    decoder.prefill(PROMPT)
    steps = 0
    while steps < 10_000:
        decoder.step()
        steps += 1
        assert decoder.answer.emitted == truth[: len(decoder.answer.emitted)]
        dice = rng.random()
        if decoder.answer.end is not None or dice < 0.02:
            cancelled = iter([False, rng.random() < 0.3])
            if decoder.prefill(PROMPT, lambda: next(cancelled, False)) is None:  # noqa: B023
                decoder.prefill(PROMPT)
        elif dice < 0.06:
            decoder.set_mode(rng.choice(["ar", "draft", "specbranch", "specbranch", "sssd"]))
        elif dice < 0.1 and decoder.mode != "specbranch":
            decoder.set_mode("specbranch")
        elif dice < 0.12:
            shape = rng.choice(SHAPES[:4])
            decoder.set_options(Options(SAMPLINGS[0], shape, 150))
        assert len(beside()) <= 1
    assert all(cache.capacity <= 2048 for cache in caches)
    decoder.close()
    assert beside() == []


def test_a_device_is_divided_by_what_was_tried(target, draft):
    assert splits(1) == [(1, 1)]
    assert splits(2) == [(1, 1), (2, 2)]
    assert splits(16) == [(15, 1), (12, 4), (8, 8), (16, 16)]
    before = torch.get_num_threads()
    share = measure_thread_split(target, draft, seconds=0.05, rounds=2)
    assert (share.target_threads, share.draft_threads) in splits(before)
    assert share.slowdown >= 1.0
    assert share.draft_ms > 0.0
    assert torch.get_num_threads() == before, "the calling thread has its threads back"


@pytest.mark.parametrize(("draft_ms", "length"), [(1.0, 6), (0.5, 13), (4.0, 1)])
def test_the_first_branch_is_as_long_as_the_measured_times_allow(target, draft, draft_ms, length):
    share = ThreadSplit(slowdown=1.75, draft_ms=draft_ms)
    drafter = SpecBranch(Resources(VOCABULARY, draft, share=share))
    drafter.begin(PROMPT)
    context = SimpleNamespace(speculation=Speculation(), latency=LatencyModel({1: 2.0, 5: 4.0, 64: 40.0}))
    assert drafter.branch_length(context) == length


def test_the_target_has_all_threads_again_after_the_work():
    before = torch.get_num_threads()
    beside_ = BackgroundWorker(torch.device("cpu"))
    work = beside_.start(torch.get_num_threads, ThreadSplit(3, 2))
    assert torch.get_num_threads() == 3
    seen, (begin, end) = work.wait()
    assert begin <= end
    assert seen == 2
    assert torch.get_num_threads() == before
    beside_.close()
