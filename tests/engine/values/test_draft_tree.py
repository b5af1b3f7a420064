import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.engine.values.draft_tree import ROOT, DraftTree, visibility
from spectui.engine.values.step import Source

from ..toys import random_tree

SOURCE = Source("test")


def test_equal_siblings_are_merged_unless_they_must_be_counted():
    merged, counted = DraftTree(), DraftTree(merge=False)
    for tree in (merged, counted):
        tree.add(5, ROOT, SOURCE, 0.5)
        tree.add(5, ROOT, SOURCE, 0.5)
    assert (len(merged), len(counted)) == (1, 2)


@given(st.integers(0, 10_000), st.integers(0, 12))
def test_the_best_nodes_bring_their_ancestors_along(seed, count):
    tree = random_tree(random.Random(seed), 20, most=12)
    kept = tree.best(count)
    assert len(kept) == min(count, len(tree))
    assert all(parent < index for index, parent in enumerate(kept.parents))
    paths = {tuple(tree.path_tokens(node)) for node in range(len(tree))}
    assert {tuple(kept.path_tokens(node)) for node in range(len(kept))} <= paths
    assert sum(kept.scores) == pytest.approx(sum(sorted(tree.scores, reverse=True)[: len(kept)]))


@given(st.integers(0, 10_000), st.integers(0, 6))
def test_shallow_drops_exactly_the_deep_nodes(seed, depth):
    tree = random_tree(random.Random(seed), 20, most=12)
    assert len(tree.shallow(depth)) == sum(own <= depth for own in tree.depths)


@given(st.integers(0, 10_000))
def test_a_node_sees_the_root_its_ancestors_and_itself(seed):
    tree = random_tree(random.Random(seed), 20, most=12)
    seen = visibility(tree.parents)
    for node in range(len(tree)):
        expected = {0, *(index + 1 for index in tree.path(node))}
        assert set(np.flatnonzero(seen[node + 1]).tolist()) == expected
    assert seen[0].tolist() == [True] + [False] * len(tree)
