"""Every rule is lossless: the emitted tokens have the target's distribution, whatever was drafted."""

import itertools
import random

import pytest
import torch

from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Sampling
from spectui.engine.values.step import Source
from spectui.engine.verification.noise import gumbel, key
from spectui.engine.verification.sampler import Sampler
from spectui.engine.verification.verifiers import VERIFIERS, Pass, walk

V, RUNS = 5, 8_000
P1 = torch.tensor([0.40, 0.25, 0.20, 0.10, 0.05], dtype=torch.float64)
Q1 = torch.tensor([0.15, 0.45, 0.10, 0.10, 0.20], dtype=torch.float64)
P2 = torch.stack([P1.roll(shift) for shift in range(V)])
Q2 = torch.stack([Q1.roll(2 * shift) for shift in range(V)])


def joint():
    """Probability of each pair of first two tokens under the target."""
    return {(a, b): float(P1[a] * P2[a, b]) for a, b in itertools.product(range(V), repeat=2)}


def target_logits(tree):
    rows = [P1] + [P2[tree.tokens[node]] if tree.depths[node] == 1 else P1 for node in range(len(tree))]
    return torch.stack(rows).log()


def draw(q, seed, index, number):
    return int((q.log() + gumbel(key(seed, index, number, 77), V)).argmax())


def no_draft(seed):
    return DraftTree()


def coupled_chain(seed):
    """The draft ranks with the target's own noise, which the coupled rule allows."""
    sampler = Sampler(Sampling(1.0, seed=seed), V)
    tree = DraftTree()
    first = int((Q1.log() + sampler.noise(1, torch.float64)).argmax())
    node = tree.add(first, ROOT, Source("d"))
    tree.add(int((Q2[first].log() + sampler.noise(2, torch.float64)).argmax()), node, Source("d"))
    return tree


def fixed_tree(seed):
    """A deterministic proposal with several children, as retrieval makes it."""
    tree = DraftTree()
    for first in (1, 0):
        node = tree.add(first, ROOT, Source("d"))
        for second in (2, 4):
            tree.add(second, node, Source("d"))
    return tree


def drawn_chain(seed):
    tree = DraftTree(merge=False)
    tree.rows[ROOT] = Q1
    first = draw(Q1, seed, 1, 0)
    node = tree.add(first, ROOT, Source("d"))
    tree.rows[node] = Q2[first]
    tree.add(draw(Q2[first], seed, 2, 0), node, Source("d"))
    return tree


def drawn_tree(seed):
    """Three i.i.d. children below the root, two below each of them; equal ones are counted."""
    tree = DraftTree(merge=False)
    tree.rows[ROOT] = Q1
    firsts = [tree.add(draw(Q1, seed, 1, number), ROOT, Source("d")) for number in range(3)]
    for node in firsts:
        q = Q2[tree.tokens[node]]
        tree.rows[node] = q
        for number in range(2):
            tree.add(draw(q, seed, 10 + node, number), node, Source("d"))
    return tree


CASES = [
    ("coupled", no_draft),
    ("coupled", coupled_chain),
    ("coupled", fixed_tree),
    ("classic", no_draft),
    ("classic", drawn_chain),
    ("classic", drawn_tree),
    ("classic", fixed_tree),
]


def emitted(rule, drafts, seed):
    """The first two tokens of a run that verifies one tree and, if need be, takes one more plain step."""
    tree = drafts(seed)
    sampler = Sampler(Sampling(1.0, seed=seed), V)
    verdict = VERIFIERS[rule].judge(Pass(tree, target_logits(tree), 0, 0, ()), sampler)
    tokens = [*(tree.tokens[node] for node in verdict.path), verdict.token]
    if len(tokens) < 2:
        more = Pass(DraftTree(), P2[tokens[0]][None].log(), 1, 1, ())
        tokens.append(VERIFIERS[rule].judge(more, sampler).token)
    return tokens[0], tokens[1]


@pytest.mark.parametrize(("rule", "drafts"), CASES, ids=lambda case: getattr(case, "__name__", case))
def test_two_tokens_have_the_targets_joint_distribution(rule, drafts):
    expected = joint()
    counts = dict.fromkeys(expected, 0)
    for seed in range(RUNS):
        counts[emitted(rule, drafts, seed)] += 1
    n = RUNS
    chi_square = sum((counts[pair] - n * p) ** 2 / (n * p) for pair, p in expected.items())
    assert chi_square < 52  # 24 degrees of freedom: P < 0.001


def test_the_test_would_notice_a_biased_rule():
    """A rule that draws again after a refusal (as some published code does) fails the same test."""
    expected = joint()
    counts = dict.fromkeys(expected, 0)
    for seed in range(RUNS):
        first, second = emitted("coupled", fixed_tree, seed)
        if first not in (0, 1):
            first = draw(P1, seed, 99, 0)
            second = draw(P2[first], seed, 98, 0)
        counts[first, second] += 1
    n = RUNS
    assert sum((counts[pair] - n * p) ** 2 / (n * p) for pair, p in expected.items()) > 200


def test_the_coupled_draft_agrees_as_often_as_its_bound_says():
    tv = float((P1 - Q1).abs().sum() / 2)
    hits = 0
    for seed in range(4000):
        tree = coupled_chain(seed)
        sampler = Sampler(Sampling(1.0, seed=seed), V)
        verdict = VERIFIERS["coupled"].judge(Pass(tree, target_logits(tree), 0, 0, ()), sampler)
        hits += bool(verdict.path)
    assert hits / 4000 > (1 - tv) / (1 + tv) - 0.03


def test_the_walk_follows_all_duplicates_and_takes_the_longest():
    tree = DraftTree(merge=False)
    tree.add(1, ROOT, Source("d"))
    twin = tree.add(1, ROOT, Source("d"))
    deep = tree.add(2, twin, Source("d"))
    assert walk(tree, [1, 2, 2, 3]) == [twin, deep]


@pytest.mark.parametrize("seed", range(50))
def test_the_walk_equals_a_search_over_all_paths(seed):
    rng = random.Random(seed)
    tree = DraftTree(merge=False)
    for node in range(rng.randint(0, 12)):
        tree.add(rng.randrange(3), rng.randint(-1, node - 1), Source("d"))
    choices = [rng.randrange(3) for _ in range(len(tree) + 1)]
    good = [[]]
    for node in range(len(tree)):
        path = tree.path(node)
        if all(choices[tree.parents[step] + 1] == tree.tokens[step] for step in path):
            good.append(path)
    assert walk(tree, choices) == max(good, key=len)


def test_a_greedy_classic_run_is_the_coupled_one():
    tree = fixed_tree(0)
    made = Pass(tree, target_logits(tree), 0, 0, ())
    sampler = Sampler(Sampling(), V)
    classic, coupled = (VERIFIERS[name].judge(made, sampler) for name in ("classic", "coupled"))
    assert (classic.path, classic.token) == (coupled.path, coupled.token)


class Elsewhere:
    """A draft model's distribution on a device of its own: it can only be moved."""

    def __init__(self, row):
        self.row = row

    def to(self, like):
        return self.row.to(like)

    def __getattr__(self, name):
        raise RuntimeError(f"Expected all tensors to be on the same device ({name})")


@pytest.mark.parametrize("seed", range(20))
def test_the_classic_rule_takes_the_draws_of_a_draft_model_on_another_device(seed):
    trees = [DraftTree(merge=False) for _ in range(2)]
    for tree, q in zip(trees, (Q1, Elsewhere(Q1)), strict=True):
        tree.rows[ROOT] = q
        for number in range(2):
            tree.add(draw(Q1, seed, 0, number), ROOT, Source("d"))
    verdicts = [
        VERIFIERS["classic"].judge(Pass(tree, target_logits(tree), 0, seed, [0]), Sampler(Sampling(1.0, seed=seed), V))
        for tree in trees
    ]
    assert verdicts[0][:2] == verdicts[1][:2]
