"""LogitSpec and prompt look-up: trees against a slow reference, edges, and what they cost."""

import random

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.logitspec import LogitSpec, branch_length
from spectui.engine.drafters.prompt_lookup import PromptLookup
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.retrieval.ngram_index import NgramIndex
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.verification.sampler import Sampler

from ..toys import VOCABULARY, decoder_of, install, run, tiny_model

FULL = Speculation(full_tree=True)


def slow_pool(tokens, longest=3, span=20):
    """Every n-gram with the continuation that wins, built anew from LogitSpec's replacement rule (2507.01449)."""
    pool = {}
    last = len(tokens) - 1
    for end in range(1, last):
        followed = tokens[end : min(end + span, last)]
        for n in range(1, min(longest, end) + 1):
            gram = tuple(tokens[end - n : end])
            if len(followed) >= len(pool.get(gram, [])):
                pool[gram] = followed
    return pool


def slow_find(pool, suffix, longest=3):
    for n in range(longest, 0, -1):
        if len(suffix) >= n and tuple(suffix[-n:]) in pool:
            return pool[tuple(suffix[-n:])]
    return []


def slow_tree(tokens, top, capacity=64, longest=3, span=20):
    """The official tree as (token, parent) pairs, branches apart."""
    pool = slow_pool(tokens, longest, span)
    branches = [slow_find(pool, tokens, longest)]
    for rank, guess in enumerate(top[:capacity]):
        if guess != tokens[-1]:
            follow = slow_find(pool, [*tokens, guess], longest)
            branches.append([guess, *follow][: 4 if rank <= 8 else 3 if rank <= 32 else 1])
    tree = []
    for branch in branches:
        parent = -1
        for token in branch:
            if len(tree) == capacity - 1:
                return tree
            tree.append((token, parent))
            parent = len(tree) - 1
    return tree


def context_of(tokens, top=(), speculation=FULL, remaining=100, calibration=None):
    return Context(
        tokens=tokens, remaining=remaining, speculation=speculation, sampler=Sampler(Sampling(), VOCABULARY),
        rule_is_coupled=True, latency=LatencyModel(), acceptance=calibration or AcceptanceModel(), step=0, top_ids=top,
    )  # fmt: skip


def pairs(tree):
    return list(zip(tree.tokens, tree.parents, strict=True))


sequences = st.lists(st.integers(0, 5), min_size=1, max_size=120)


@given(sequences, st.integers(1, 4), st.integers(1, 25))
def test_what_is_found_equals_a_pool_that_is_built_anew(tokens, longest, span):
    index = NgramIndex(longest)
    for length in range(1, len(tokens) + 1):
        index.follow(tokens[:length])
        slow = slow_pool(tokens[:length], longest, span)
        for suffix in (tokens[:length], [*tokens[:length], 3]):
            match = index.find(suffix[-longest:], span)
            found = index.continuation(match, span) if match else []
            assert found == slow_find(slow, suffix, longest)


@given(sequences, st.integers(1, 4), st.integers(0, 120))
def test_an_index_has_every_place_of_every_ngram_however_it_has_grown(tokens, longest, leap):
    index = NgramIndex(longest)
    index.follow(tokens[:leap])
    index.follow(tokens)
    assert index.tokens == tokens
    for n in range(1, longest + 1):
        places = {}
        for end in range(n, len(tokens) + 1):
            places.setdefault(tuple(tokens[end - n : end]), []).append(end)
        for gram, ends in places.items():
            assert index.ends(gram) == ends
    assert not index.ends([9])


@given(sequences, sequences, st.integers(0, 60))
def test_an_index_follows_any_change_of_the_sequence(one, other, same):
    changed = [*one[:same], *other]
    index, fresh = NgramIndex(3), NgramIndex(3)
    index.follow(one)
    index.invalidate()
    index.follow(changed)
    fresh.follow(changed)
    assert index.tokens == changed
    for end in range(len(changed) + 1):
        for a in range(6):
            assert index.find([*changed[:end], a], 20) == fresh.find([*changed[:end], a], 20)


@given(sequences, st.permutations(range(6)), st.integers(1, 64), st.integers(1, 3), st.integers(1, 20))
def test_the_full_tree_is_the_official_one(tokens, top, capacity, longest, span):
    wanted = Speculation(full_tree=True, draft_tree_capacity=capacity, max_ngram_size=longest, num_pred_tokens=span)
    drafter = LogitSpec(Resources(6))
    drafter.begin([])
    for length in range(1, len(tokens) + 1, 3):
        part = tokens[:length]
        tree = drafter.propose(context_of(part, top, wanted), 64)
        assert pairs(tree) == slow_tree(part, top, capacity, longest, span)


def test_the_full_tree_on_real_logits_is_the_official_one():
    target = CausalLM(tiny_model())
    decoder = decoder_of(target, options=Options(speculation=FULL, max_new_tokens=60))
    drafter = LogitSpec(Resources(VOCABULARY))
    propose, checked = drafter.propose, []

    def check(context, limit):
        tree = propose(context, limit)
        expected = slow_tree(list(context.tokens), list(context.top_ids), 64)
        if context.remaining >= 20:
            assert pairs(tree) == expected
            checked.append(len(tree))
        return tree

    drafter.propose = check
    install(decoder, drafter)
    run(decoder, [random.Random(2).randrange(9) for _ in range(40)])
    assert len(checked) > 5
    assert max(checked) >= 59


def test_the_guesses_are_the_raw_logits_at_the_pending_token():
    model = tiny_model()
    target = CausalLM(model)
    options = Options(sampling=Sampling(temperature=1.0, seed=3), speculation=FULL, max_new_tokens=30)
    decoder = decoder_of(target, options=options)
    drafter = LogitSpec(Resources(VOCABULARY))
    propose, seen = drafter.propose, []

    def watch(context, limit):
        seen.append((list(context.tokens), list(context.top_ids)))
        return propose(context, limit)

    drafter.propose = watch
    install(decoder, drafter)
    run(decoder, [1, 2, 3, 4])
    for tokens, top in seen[:-1]:
        with torch.inference_mode():
            logits = model(torch.tensor([tokens[:-1]])).logits[0, -1]
        assert top[:8] == logits.topk(8).indices.tolist()


def test_merged_prefixes_keep_every_path_and_cost_fewer_nodes():
    rng = random.Random(5)
    tokens = [rng.randrange(4) for _ in range(60)]
    tokens += tokens[20:22]
    top = [0, 1, 2, 3]
    apart = LogitSpec(Resources(6)).propose(context_of(tokens, top), 64)
    merged = LogitSpec(Resources(6)).propose(context_of(tokens, top, Speculation()), 64)
    paths = {tuple(apart.path_tokens(node)) for node in range(len(apart))}
    assert {tuple(merged.path_tokens(node)) for node in range(len(merged))} == paths
    assert len(merged) <= len(apart)
    assert len(paths) == len(merged)


EDGES = {
    "a context shorter than the window": ([3], [1, 2], {}),
    "a pool without candidates": ([1, 2, 3, 4, 5], [], {}),
    "capacity 1": ([1, 2, 1, 2, 1], [1, 2, 3], {"draft_tree_capacity": 1}),
    "an end among the guesses": ([1, 2, 5, 2, 1, 2], [5, 0, 1], {}),
    "no room": ([1, 2, 1, 2, 1], [1, 2, 3], {}),
}


@pytest.mark.parametrize("name", EDGES)
@pytest.mark.parametrize("full", [True, False])
def test_edges(name, full):
    tokens, top, changes = EDGES[name]
    remaining = 0 if name == "no room" else 9
    drafter = LogitSpec(Resources(6, ends=frozenset({5})))
    tree = drafter.propose(context_of(tokens, top, Speculation(full_tree=full, **changes), remaining), 64).shallow(
        remaining
    )
    assert len(tree) <= changes.get("draft_tree_capacity", 64) - 1
    assert not tree.depths or max(tree.depths) <= remaining
    if not full:
        ends = [node for node, token in enumerate(tree.tokens) if token == 5]
        assert not any(parent in ends for parent in tree.parents), "nothing is drafted below the end of an answer"
    if not len(tree):
        assert drafter.propose(context_of(tokens, top, Speculation(**changes), remaining), 64).why or remaining == 0


def test_a_vocabulary_smaller_than_the_capacity():
    target = CausalLM(tiny_model(vocab_size=7))
    options = Options(speculation=Speculation(full_tree=True), max_new_tokens=30)
    plain, _ = run(decoder_of(target, options=options), [1, 2, 3])
    drafted, steps = run(decoder_of(target, mode="logitspec", options=options), [1, 2, 3])
    assert drafted == plain
    assert any(step.nodes for step in steps)


def test_prompt_lookup_copies_behind_the_longest_match():
    tokens = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 1, 2, 3]
    tree = PromptLookup(Resources(20)).propose(context_of(tokens), 64)
    assert tree.tokens == [4, 5, 6, 7, 8, 9, 10, 11, 12, 13]
    assert tree.parents == list(range(-1, 9))
    assert (tree.sources[0].kind, tree.sources[0].n, tree.sources[0].at) == ("prompt", 3, 3)
    empty = PromptLookup(Resources(20)).propose(context_of([1, 2, 3]), 64)
    assert not len(empty)
    assert empty.why


def test_branches_become_shorter_with_the_rank():
    assert [branch_length(rank) for rank in (0, 8, 9, 32, 33, 60)] == [4, 4, 3, 3, 1, 1]


def test_a_glance_at_the_cost_leaves_the_official_tree_whole():
    """Whether guesses pay is found out for an adaptive draft; who then asks for the full tree gets it."""
    tokens, top = [1, 2, 3, 1, 2], [3, 4, 5, 0]
    drafter = LogitSpec(Resources(6))
    drafter.begin(tokens)
    adaptive = context_of(tokens, top, Speculation())._replace(latency=LatencyModel({1: 1.0, 64: 64.0}))
    assert len(drafter.propose(adaptive, 64))
    tree = drafter.propose(context_of(tokens, top, FULL)._replace(step=1), 64)
    assert pairs(tree) == slow_tree(tokens, top, 64)
