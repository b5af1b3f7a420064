"""Hybrid: when it copies without asking the head, and what the tree of both is."""

import pytest

from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.hybrid import Hybrid, merged
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.gate import FIRST_PAUSE
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.values.step import Source
from spectui.engine.verification.sampler import Sampler

from ..heads import bigram, right_head
from ..toys import VOCABULARY, decoder_of, run, tiny_model

CURVE = {1: 2.0, 2: 2.2, 4: 2.3, 8: 2.6, 16: 3.2, 32: 4.5, 64: 7.0}
PROMPT = [3, 14, 15, 9, 2, 6, 5, 35, 8, 9, 7]
REPEATS = [7, 8, 9, 10, 11, 12, 7, 8, 9, 10, 11, 12, 7, 8, 9]
AUTO = Speculation()
HEAD, COPY = Source("eagle", rank=0), Source("prompt", n=2)


def tree_of(source, *paths):
    """A tree of paths of tokens."""
    tree = DraftTree()
    for path in paths:
        node = ROOT
        for token in path:
            node = tree.add(token, node, source, 0.5)
    return tree


def kinds(tree):
    return [source.kind for source in tree.sources]


def test_a_merged_tree_holds_the_paths_of_both_and_what_both_have_once():
    made = merged(tree_of(HEAD, [1, 2], [3]), tree_of(COPY, [1, 5], [3, 4, 6]), 64)
    assert sorted(made.path_tokens(node) for node in range(len(made))) == [[1], [1, 2], [1, 5], [3], [3, 4], [3, 4, 6]]
    assert kinds(made) == ["eagle"] * 3 + ["prompt"] * 3
    assert all(parent < node for node, parent in enumerate(made.parents))


def test_a_merged_tree_has_no_more_nodes_than_there_may_be():
    made = merged(tree_of(HEAD, [1, 2]), tree_of(COPY, [4, 5, 6, 7]), 4)
    assert [made.path_tokens(node) for node in range(len(made))] == [[1], [1, 2], [4], [4, 5]]


@pytest.fixture
def hybrid(monkeypatch):
    """A drafter whose head is played: it says what it is told to, and counts how often it was asked."""
    model = bigram(tiny_model())
    made = Hybrid(Resources(VOCABULARY, eagle=right_head(model), eagle_ms=0.5))
    made.asked = 0

    def says(context, limit):
        made.asked += 1
        return made.head_tree.keep(range(len(made.head_tree)))

    made.head_tree = tree_of(HEAD, [20])
    monkeypatch.setattr(made._eagle, "propose", says)
    return made


def context_of(tokens, speculation=AUTO, coupled=True, temperature=0.0):
    return Context(
        tokens=tokens, remaining=50, speculation=speculation,
        sampler=Sampler(Sampling(temperature=temperature), VOCABULARY), rule_is_coupled=coupled,
        latency=LatencyModel(CURVE), acceptance=AcceptanceModel(), prompt=len(tokens),
    )  # fmt: skip


def test_where_a_copy_promises_more_than_the_head_brings_the_head_is_not_asked(hybrid):
    first = hybrid.propose(context_of(REPEATS), 64)
    assert hybrid.asked == 1, "nothing is known of the head yet"
    assert set(kinds(first)) == {"eagle", "prompt"}
    second = hybrid.propose(context_of(REPEATS), 64)
    assert hybrid.asked == 1
    assert second.tokens[:3] == [10, 11, 12]
    assert set(kinds(second)) == {"prompt"}


def test_where_nothing_repeats_or_the_head_brings_more_it_is_asked(hybrid):
    hybrid.propose(context_of(REPEATS), 64)
    hybrid.begin(PROMPT)
    assert kinds(hybrid.propose(context_of(PROMPT), 64)) == ["eagle"]
    assert hybrid.asked == 2
    hybrid.head_tree = tree_of(HEAD, [20] * 16)
    hybrid.head_tree.probabilities = [1.0] * 16
    for _ in range(40):
        hybrid.propose(context_of(PROMPT), 64)
    hybrid.begin(REPEATS)
    hybrid.propose(context_of(REPEATS[:9]), 64)
    assert hybrid.asked == 43


def test_a_head_that_promises_less_than_plain_decoding_is_asked_now_and_then_and_copies_go_on(hybrid, monkeypatch):
    monkeypatch.setattr("spectui.engine.drafters.hybrid.perf_counter", iter(range(1000)).__next__)  # seconds
    hybrid.propose(context_of(PROMPT), 64)
    for _ in range(FIRST_PAUSE - 1):
        hybrid.propose(context_of(PROMPT), 64)
    assert hybrid.asked == 1
    hybrid.begin(REPEATS)
    assert set(kinds(hybrid.propose(context_of(REPEATS), 64))) == {"prompt"}
    hybrid.begin(PROMPT)
    hybrid.propose(context_of(PROMPT), 64)
    assert hybrid.asked == 2


@pytest.mark.parametrize("speculation", [Speculation(draft_tokens=3), Speculation(full_tree=True)])
def test_where_costs_are_not_to_decide_it_drafts_with_both(hybrid, speculation):
    for asked in (1, 2):
        made = hybrid.propose(context_of(REPEATS, speculation), 64)
        assert hybrid.asked == asked
        assert set(kinds(made)) == {"eagle", "prompt"}


def test_nothing_is_added_to_independent_draws(hybrid):
    hybrid.head_tree = DraftTree(merge=False)
    hybrid.head_tree.add(5, ROOT, HEAD, 0.5)
    made = hybrid.propose(context_of(REPEATS, coupled=False, temperature=1.0), 64)
    assert not made.merge
    assert made.tokens == [5]


def test_it_drafts_with_both_in_one_answer_and_the_text_is_the_same():
    model = bigram(tiny_model())
    options, cost = Options(max_new_tokens=80), LatencyModel(CURVE)
    plain, _ = run(decoder_of(model, options=options), PROMPT)
    text, steps = run(decoder_of(model, mode="hybrid", options=options, head=right_head(model), cost=cost), PROMPT)
    assert text == plain
    drafted = {node.source.kind for step in steps for node in step.nodes}
    assert "eagle" in drafted
    assert drafted & {"prompt", "output"}
    assert len(steps) < 40
