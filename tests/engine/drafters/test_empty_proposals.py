"""Where nothing can be drafted that pays, a proposal is empty and nothing is looked up."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.logitspec import LogitSpec
from spectui.engine.drafters.prompt_lookup import PromptLookup
from spectui.engine.drafters.sssd import Sssd
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.retrieval.ngram_index import NgramIndex
from spectui.engine.retrieval.private import PrivateStore
from spectui.engine.retrieval.snapshot import Reader, Snapshot
from spectui.engine.values.options import Sampling, Speculation
from spectui.engine.verification.sampler import Sampler

DEAR = LatencyModel({1: 1.4, 2: 2.2, 4: 2.5, 8: 2.9, 16: 4.0, 32: 5.8, 64: 9.4})
CHEAP = LatencyModel({1: 10.0, 2: 10.0, 4: 10.1, 8: 10.2, 16: 10.5, 32: 11.0, 64: 12.0})
NEW, AGAIN = [1, 2, 3, 4, 5, 2], [1, 2, 3, 4, 1, 2]


def proposes(drafter, tokens, latency):
    sampler = Sampler(Sampling(), 9)
    return len(drafter.propose(Context(tokens, 9, Speculation(), sampler, True, latency, AcceptanceModel()), 64)) > 0


@given(st.lists(st.integers(0, 4), max_size=60), st.lists(st.integers(1, 9), max_size=20))
def test_a_pair_is_known_once_it_has_stood_there(tokens, pieces):
    index, length = NgramIndex(3), 0
    for piece in pieces:
        length = min(len(tokens), length + piece)
        said = tokens[:length]
        expected = length > 1 and (said[-2], said[-1]) in pairwise(said[:-1])
        index.follow(said)
        assert (len(index.ends(said[-2:])) > 1) == expected or length < 2


@pytest.mark.parametrize("method", [PromptLookup, LogitSpec, Sssd])
def test_where_verification_is_dear_only_a_pair_that_was_there_before_is_worth_a_look(method):
    for tokens, expected in ((NEW, False), (AGAIN, True)):
        drafter = method(Resources(9))
        drafter.begin(tokens)
        assert proposes(drafter, tokens, DEAR) == expected


@pytest.mark.parametrize("method", [PromptLookup, LogitSpec])
def test_where_verification_costs_next_to_nothing_a_single_token_is_worth_a_look_too(method):
    drafter = method(Resources(9))
    drafter.begin(NEW)
    assert proposes(drafter, NEW, CHEAP)


def test_another_text_is_met_without_the_pairs_of_the_last_one():
    drafter = Sssd(Resources(9))
    drafter.begin(AGAIN)
    assert proposes(drafter, AGAIN, DEAR)
    drafter.begin(NEW)
    assert not proposes(drafter, NEW, DEAR)


def test_a_datastore_is_always_worth_a_look(monkeypatch):
    asked = []
    monkeypatch.setattr(Snapshot, "look_up", lambda self, *query, **_: asked.append(query) or [])
    store = PrivateStore((), 9)
    store.learn([([1, 2], [3, 4])])
    drafter = Sssd(Resources(9, datastore=Reader(lambda: store.indexes)))
    drafter.begin(NEW)
    assert not proposes(drafter, NEW, DEAR)
    assert asked
