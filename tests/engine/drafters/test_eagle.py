"""EAGLE-3: the fast head against one written from the paper, what its cache keeps, and what its trees are."""

import random

import pytest
import torch

from spectui.engine.drafters.eagle.head import EagleHead
from spectui.engine.drafters.eagle.head_cache import HeadCache
from spectui.engine.drafters.model_drafter import DEPTH
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.policy.latency import LatencyModel, RunningMedian
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.values.step import Source

from ..heads import LAYERS, SlowHead, bigram, load_head, numbers, random_head, random_tensors, right_head, write_head
from ..toys import VOCABULARY, decoder_of, random_tree, run, tiny_model

PROMPT = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7]


@pytest.fixture(scope="module")
def model():
    return tiny_model()


@pytest.fixture(scope="module")
def target(model):
    return CausalLM(model)


def states_of(target, tokens):
    """The target's states [layers, tokens, width]."""
    inputs = ForwardInput.chain(tokens, 0)._replace(hidden_layers=LAYERS)
    return target.forward(target.new_cache(), inputs).hidden


def side_by_side(states):
    """[tokens, layers * width]."""
    return torch.cat(list(states), -1)


@pytest.mark.parametrize("qwen", [False, True], ids=["llama", "qwen3"])
@pytest.mark.parametrize("norm_first", [False, True], ids=["plain", "norm_before_residual"])
@pytest.mark.parametrize("dialect", ["flat", "speculators"])
def test_a_tree_of_drafts_is_what_the_paper_says_of_each_path(tmp_path, model, target, dialect, norm_first, qwen):
    told = numbers(model.config)
    tensors = random_tensors(model.config, told, qwen=qwen)
    head = load_head(write_head(tmp_path, told, tensors, dialect, norm_before_residual=norm_first), model)
    slow = SlowHead(told, tensors, model.get_input_embeddings().weight.detach(), norm_first)
    assert head.target_ids.tolist() == slow.ids
    rng, states = random.Random(3), states_of(target, PROMPT[:-1])
    tree = random_tree(rng, VOCABULARY, PROMPT, most=9, depth=4)
    while len(tree) < 5:
        tree = random_tree(rng, VOCABULARY, PROMPT, most=9, depth=4)
    cache = HeadCache(head)
    cache.take(PROMPT[:-1], 0, states)
    logits = {ROOT: cache.catch_up(PROMPT)[0]}
    for depth in range(1, max(tree.depths) + 1):
        level = [node for node in range(len(tree)) if tree.depths[node] == depth]
        logits |= dict(zip(level, cache.feed(tree, level), strict=True))
    for node, made in logits.items():
        path = tree.path_tokens(node) if node != ROOT else []
        expected = slow.logits([*PROMPT, *path], side_by_side(states))
        torch.testing.assert_close(made, expected, atol=5e-5, rtol=0)  # norms and rope are in float32


def test_layers_may_come_in_any_order_and_twice(tmp_path, model, target):
    told = numbers(model.config, layers=[1, 0, 1])
    tensors = random_tensors(model.config, told)
    head = load_head(write_head(tmp_path, told, tensors), model)
    slow = SlowHead(told, tensors, model.get_input_embeddings().weight.detach())
    states = states_of(target, PROMPT[:-1])
    cache = HeadCache(head)
    cache.take(PROMPT[:-1], 0, states)
    expected = slow.logits(PROMPT, side_by_side(states[[1, 0, 1]]))
    torch.testing.assert_close(cache.catch_up(PROMPT)[0], expected, atol=5e-5, rtol=0)


def test_the_norm_before_the_residual_matters(tmp_path, model, target):
    made = []
    for norm_first in (False, True):
        cache = HeadCache(random_head(tmp_path / str(norm_first), model, norm_before_residual=norm_first))
        cache.take(PROMPT[:-1], 0, states_of(target, PROMPT[:-1]))
        made.append(cache.catch_up(PROMPT))
    assert (made[0] - made[1]).abs().max() > 0.1


def fresh(head, target, tokens, seen_from=0):
    """What a head that reads the whole sequence anew says behind it, of states from some place on."""
    cache = HeadCache(head)
    cache.take(tokens[:-1], seen_from, states_of(target, tokens[:-1])[:, seen_from:])
    return cache.catch_up(tokens)


def test_a_cache_that_follows_says_what_one_says_that_reads_anew(tmp_path, model, target):
    head, rng = random_head(tmp_path, model), random.Random(0)
    cache, tokens = HeadCache(head), list(PROMPT)
    cache.take(tokens, 0, states_of(target, tokens))
    tokens.append(4)
    for _ in range(30):
        torch.testing.assert_close(cache.catch_up(tokens), fresh(head, target, tokens), atol=1e-9, rtol=0)
        tree = DraftTree()
        first = tree.add(rng.randrange(VOCABULARY), ROOT, Source("x"), 0.5)
        cache.feed(tree, [first])
        if rng.random() < 0.4:  # an edited prompt, or another turn
            same = rng.randrange(2, len(tokens))
            tokens = [*tokens[:same], *(rng.randrange(VOCABULARY) for _ in range(rng.randint(1, 5)))]
            start = rng.randrange(same + 1)
            cache.take(tokens, start, states_of(target, tokens)[:, start:])
            tokens.append(rng.randrange(VOCABULARY))
            if start == same:
                expected_hole = start > 0
                if expected_hole:  # the state before the change is gone: that row is missing, and only that
                    cache = HeadCache(head)
                    cache.take(tokens[:-1], 0, states_of(target, tokens[:-1]))
            continue
        start, count = len(tokens) - 1, rng.randint(1, 4)
        tokens += [rng.randrange(VOCABULARY) for _ in range(count)]
        cache.take(tokens, start, states_of(target, tokens[:-1])[:, start:])


def test_tokens_of_other_modes_are_left_out(tmp_path, model, target):
    head, tokens = random_head(tmp_path, model), [*PROMPT, 1, 2, 3, 4, 5]
    cache = HeadCache(head)
    cache.take(tokens[:7], 0, states_of(target, tokens[:7]))
    assert cache.catch_up(tokens[:8]) is not None
    cache.invalidate()
    assert cache.catch_up(tokens) is None
    states = states_of(target, tokens)
    cache.take([*tokens, 9], 12, states[:, 12:])
    made = cache.catch_up([*tokens, 9])
    assert made is not None
    assert not torch.allclose(made, fresh(head, target, [*tokens, 9]))
    assert not torch.allclose(made, fresh(head, target, [*tokens, 9], seen_from=12)), "it remembers the prompt"


def test_a_long_prompt_is_read_in_pieces(tmp_path):
    model = tiny_model(max_position_embeddings=2048)
    target, head = CausalLM(model), random_head(tmp_path, model)
    prompt = [(7 * place) % VOCABULARY for place in range(1100)]
    cache, whole = HeadCache(head), target.new_cache()
    target.prefill(whole, prompt, hidden=LAYERS, take=lambda start, states: cache.take(prompt, start, states))
    torch.testing.assert_close(cache.catch_up([*prompt, 5]), fresh(head, target, [*prompt, 5]), atol=1e-9, rtol=0)


def eagle_decoder(target, head, **more):
    return decoder_of(target, mode="eagle", options=Options(**more), head=head)


@pytest.mark.parametrize("temperature", [0.0, 0.9])
def test_chains_are_the_heads_first_choices(tmp_path, model, target, temperature):
    """Against the slow head, with the noise that the target will choose by."""
    told = numbers(model.config)
    tensors = random_tensors(model.config, told)
    head = load_head(write_head(tmp_path, told, tensors), model)
    slow = SlowHead(told, tensors, model.get_input_embeddings().weight.detach())
    sampling = Sampling(temperature=temperature, seed=3)
    decoder = eagle_decoder(target, head, sampling=sampling, speculation=Speculation(draft_tokens=3), max_new_tokens=12)
    text, steps = run(decoder, PROMPT)
    whole = [*PROMPT, *text]
    for step in steps:
        tokens = whole[: step.position + 1]
        states = side_by_side(states_of(target, tokens[:-1]))
        assert [node.source.kind for node in step.nodes] == ["eagle"] * len(step.nodes)
        for node in step.nodes:
            scores = slow.logits(tokens, states)
            if temperature:
                scores = scores / temperature + decoder._sampler.noise(len(tokens), torch.float64)[slow.ids]
            assert slow.ids[int(scores.argmax())] == node.token
            tokens.append(node.token)


def test_a_tree_has_the_likeliest_paths(tmp_path, model, target):
    head = random_head(tmp_path, model)
    decoder = eagle_decoder(target, head, speculation=Speculation(draft_tree=9), max_new_tokens=20)
    _, steps = run(decoder, PROMPT)
    full = [step for step in steps if step.nodes and step.limit]
    assert max(len(step.nodes) for step in full) == 9
    assert any(node.source.rank for step in full for node in step.nodes)
    assert all(0.0 <= node.probability <= 1.0 for step in full for node in step.nodes)


def test_the_classic_rule_draws_from_the_targets_distribution_alone(tmp_path, model, target):
    head = random_head(tmp_path, model)
    with torch.inference_mode():
        first = model(torch.tensor([PROMPT])).logits[0, -1].softmax(-1)
        behind = model(torch.tensor([[*PROMPT, token] for token in range(VOCABULARY)])).logits[:, -1].softmax(-1)
    second, counts = first @ behind, torch.zeros(VOCABULARY)
    for seed in range(800):
        sampling, shape = Sampling(temperature=1.0, seed=seed), Speculation(rule="classic", draft_tokens=2)
        decoder = eagle_decoder(target, head, sampling=sampling, speculation=shape, max_new_tokens=4)
        text, steps = run(decoder, PROMPT)
        assert steps[0].nodes
        counts[text[1]] += 1
    assert float((counts / 800 - second).abs().sum() / 2) < 0.13


SHAPES = {
    "adaptive, cost unmeasured": (Speculation(), None),
    "adaptive": (Speculation(), LatencyModel({1: 10.0, 2: 10.0, 4: 10.1, 8: 10.2, 16: 10.5, 32: 11.0, 64: 12.0})),
    "chain": (Speculation(draft_tokens=5), None),
    "schedule": (Speculation(draft_tokens="schedule"), None),
    "tree": (Speculation(draft_tree=12), None),
    "full tree": (Speculation(full_tree=True), None),
}


SAMPLINGS = [
    Sampling(),
    Sampling(temperature=0.9, seed=1),
    Sampling(temperature=0.9, top_k=12, top_p=0.9, min_p=0.02, seed=3),
    Sampling(temperature=0.9, repetition_penalty=1.2, top_p=0.95, seed=4),
]


@pytest.mark.parametrize("sampling", SAMPLINGS, ids=str)
@pytest.mark.parametrize("shape", SHAPES)
def test_what_a_head_that_is_right_says_is_accepted(shape, sampling):
    """Under all settings of sampling: what the target does to its logits and by which noise it chooses, so does it."""
    model = bigram(tiny_model())
    speculation, cost = SHAPES[shape]
    options = Options(sampling, speculation, 60)
    expected, _ = run(decoder_of(model, options=options), PROMPT)
    decoder = decoder_of(model, mode="eagle", options=options, head=right_head(model), cost=cost)
    decoder._policies["eagle"].pauses = False
    text, steps = run(decoder, PROMPT)
    assert text == expected
    assert {step.emitted[-1].kind for step in steps[:-1]} <= {"bonus", "target"}, "no node's children are all refused"
    accepted = [node for step in steps for node in step.nodes if node.fate == "accepted"]
    assert all(node.source.rank == 0 for node in accepted)
    assert len(accepted) >= 28
    if "tree" not in shape and shape != "adaptive":
        assert all(step.accepted == len(step.nodes) for step in steps[:-1])


def depths(step):
    found = []
    for node in step.nodes:
        found.append(1 if node.parent < 0 else found[node.parent] + 1)
    return found


def test_what_is_not_in_the_heads_vocabulary_is_refused_and_all_else_accepted():
    model = bigram(tiny_model())
    options = Options(Sampling(temperature=0.9, seed=2), Speculation(draft_tokens=4), 60)
    own = set(range(0, VOCABULARY, 2))
    text, steps = run(decoder_of(model, mode="eagle", options=options, head=right_head(model, own)), PROMPT)
    assert text == run(decoder_of(model, options=options), PROMPT)[0]
    for step in steps[:-1]:
        said = [token.token for token in step.emitted]
        assert all(token in own for token in said[:-1])
        assert len(said) == 5 or said[-1] not in own
    assert {len(step.emitted) for step in steps} > {1, 5}


def test_a_step_after_the_first_switch_drafts_nothing_and_the_next_one_does():
    model = bigram(tiny_model())
    decoder = decoder_of(model, options=Options(max_new_tokens=60), head=right_head(model))
    decoder.prefill(PROMPT)
    for _ in range(5):
        decoder.step()
    decoder.set_mode("eagle")
    first, second = decoder.step(), decoder.step()
    assert not first.nodes
    assert "has not seen" in first.why_no_draft
    assert second.accepted > 3, "what it has seen since is enough for a head that looks at the last token alone"
    decoder.set_mode("ar")
    for _ in range(3):
        decoder.step()
    decoder.set_mode("eagle")
    assert decoder.step().nodes, "since its first use it is told of what other modes see"


def test_states_of_steps_without_a_draft_are_not_lost(monkeypatch):
    """While the policy pauses, nothing is asked for; the head reads what it missed in one go."""
    model = bigram(tiny_model())
    dear = LatencyModel({size: float(size) for size in (1, 2, 4, 8, 16, 32, 64)})
    decoder = decoder_of(model, mode="eagle", options=Options(max_new_tokens=100), head=right_head(model), cost=dear)
    decoder.prefill(PROMPT)
    decoder._policies["eagle"].gate._paused = 6
    reads, read = [], EagleHead.read
    monkeypatch.setattr(EagleHead, "read", lambda *some: reads.append(some) or read(*some))
    steps = [decoder.step() for _ in range(8)]
    assert [bool(step.limit) for step in steps[:6]] == [False] * 6
    cache = decoder._drafters["eagle"]._cache
    assert len(reads) == 2, "prompt and pause in one pass, then what the next step verified"
    assert cache._positions == list(range(len(decoder.answer.tokens) - len(steps[-1].emitted) - 1))


def test_a_dear_target_gets_deep_trees_and_a_dear_head_shallow_ones():
    model = bigram(tiny_model())
    model.lm_head.weight.data.mul_(4.0)  # a head that is sure of what it says
    flat = LatencyModel({size: 10.0 + size / 100 for size in (1, 2, 4, 8, 16, 32, 64)})
    deepest = []
    for head_ms in (0.1, 50.0):
        decoder = decoder_of(model, mode="eagle", options=Options(max_new_tokens=60), head=right_head(model), cost=flat)
        eagle = decoder._drafters["eagle"]
        eagle.pass_ms = RunningMedian(head_ms)
        eagle.pass_ms.update = lambda _: None
        decoder._policies["eagle"].pauses = False
        deepest.append(max(max(depths(step), default=0) for step in run(decoder, PROMPT)[1]))
    assert deepest[0] == DEPTH
    assert deepest[1] == 1
