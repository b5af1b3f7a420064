"""SSSD: trie, suffix index, look-up and tree against brute force, and the tree in a decoder."""

import random
from collections import Counter
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectui.engine.drafters.drafter import Context, Resources
from spectui.engine.drafters.sssd import NOTHING, Sssd
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.policy.acceptance import AcceptanceModel
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.retrieval.followers import LATEST, WINDOW, InConversation
from spectui.engine.retrieval.ngram_index import NgramIndex
from spectui.engine.retrieval.private import PrivateStore
from spectui.engine.retrieval.snapshot import Reader, Snapshot, prompt_key
from spectui.engine.retrieval.suffix_index import Learnt, SuffixIndex
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.verification.sampler import Sampler

from ..toys import VOCABULARY, decoder_of, install, run, tiny_model

FULL = Speculation(full_tree=True)
sequences = st.lists(st.integers(0, 4), min_size=1, max_size=70)
CURVE = LatencyModel({1: 2.0, 2: 2.2, 4: 2.3, 8: 2.6, 16: 3.2, 32: 4.5, 64: 7.0})


def context_of(tokens, prompt=None, speculation=FULL, remaining=100, cost=None, calibration=None):
    return Context(
        tokens=tokens, remaining=remaining, speculation=speculation, sampler=Sampler(Sampling(), VOCABULARY),
        rule_is_coupled=True, latency=cost or LatencyModel(), acceptance=calibration or AcceptanceModel(),
        prompt=len(tokens) if prompt is None else prompt,
    )  # fmt: skip


# -- references


def behind(tokens, n, prompt=1, official=False):
    index = NgramIndex(3)
    index.follow(tokens)
    return InConversation(index, n, prompt, official)


def runs_of(found):
    """Every path behind the match with its count and the place of its latest occurrence."""
    runs, waiting = {}, [((), found.root)]
    while waiting:
        path, node = waiting.pop()
        if any(at < stop for at, stop in node):  # a path that has left its window is another matter
            for one in found.of(node, path, 0.0):
                runs[*path, one.token] = (one.times, one.at)
                waiting.append(((*path, one.token), one.node))
    return runs


def slow_runs(windows):
    """The same from (start, tokens) windows, counted one by one."""
    found = {}
    for start, window in windows:
        for size in range(1, len(window) + 1):
            count, _ = found.get(tuple(window[:size]), (0, 0))
            found[tuple(window[:size])] = (count + 1, start + size - 1)
    return found


def windows_behind(tokens, run):
    """(start, tokens) of what follows each occurrence of a run; both are a window long in all."""
    n = len(run)
    starts = [at for at in range(len(tokens) - n + 1) if tokens[at : at + n] == run]
    return [(start + n, tokens[start + n : start + WINDOW]) for start in starts]


def official_windows(tokens, prompt):
    asked = [(start, tokens[start : min(start + WINDOW, prompt)]) for start in range(max(0, prompt - 3))]
    first = max(0, prompt - 3)
    answered = [(start, tokens[start : start + WINDOW]) for start in range(first, len(tokens) - WINDOW + 1)]
    return asked + answered


def slow_places(texts, query):
    """(text, index) of every suffix that begins with the query, in the order of the suffixes."""
    end = 10**9
    suffixes = [([*text[i:], end], which, i) for which, text in enumerate(texts) for i in range(len(text))]
    return [(which, i) for suffix, which, i in sorted(suffixes) if suffix[: len(query)] == list(query)]


def slow_look_up(texts, query, count, entries=100, enough=50):
    """Continuations from one index, with the query shortened from the left."""
    found = []
    for n in range(len(query), 0, -1):
        places = slow_places(texts, query[-n:])
        picks = range(len(places)) if len(places) <= entries else [i * len(places) // entries for i in range(entries)]
        for which, i in (places[pick] for pick in picks):
            found.append((tuple(texts[which][i + n : i + n + count]), n))
        if len(found) >= enough:
            break
    return found


def slow_tree(tokens, prompt, texts, capacity=64, remaining=100):
    """The official tree: every path of every source with its probability, the best of them taken in order."""
    runs = slow_runs(official_windows(tokens, prompt))
    scored = []
    for n in range(1, min(3, len(tokens)) + 1):
        match = tuple(tokens[-n:])
        for path in [one[n:] for one in runs if one[:n] == match and len(one) > n]:
            score = 1.0
            for depth in range(1, len(path) + 1):
                ratio = runs[match + path[:depth]][0] / runs[match + path[: depth - 1]][0]
                score *= (0.6 if depth == 1 else 0.6 + 0.1 * n) * ratio
            scored.append((-score, 3 - n, path))
    if texts:
        rows = [row for row, _ in slow_look_up(texts, tokens[-4:], 6 if capacity <= 32 else 8)]
        counts = Counter(row[:size] for row in rows for size in range(1, len(row) + 1))
        for path in counts:
            score = counts[path[:1]] / len(rows)
            for shorter, longer in pairwise(path[:size] for size in range(1, len(path) + 1)):
                score *= counts[longer] / counts[shorter]
            scored.append((-score, 9, path))
    taken = []
    for _, _, path in sorted(scored):
        if len(path) <= remaining and path not in taken and len(taken) < capacity - 1:
            taken.append(path)
    return taken


def paths_of(tree):
    return [tuple(tree.path_tokens(node)) for node in range(len(tree))]


# -- what was said in the conversation


@given(sequences, st.integers(1, 3))
def test_what_followed_a_run_is_counted_whole(tokens, n):
    found, windows = behind(tokens, n), windows_behind(tokens, tokens[-n:])
    assert runs_of(found) == slow_runs(windows[-LATEST:])
    assert len(found.root) == len(windows[-LATEST:])


def test_only_the_latest_occurrences_are_counted():
    tokens = [at % 3 for at in range(9 * LATEST)]
    windows = windows_behind(tokens, tokens[-2:])
    assert len(windows) > LATEST
    assert runs_of(behind(tokens, 2)) == slow_runs(windows[-LATEST:])


@given(sequences, st.integers(1, 70), st.integers(1, 3))
def test_officially_the_official_windows_are_counted(tokens, prompt, n):
    prompt, run = min(prompt, len(tokens)), tuple(tokens[-n:])
    found = behind(tokens, n, prompt, official=True)
    runs = slow_runs(official_windows(tokens, prompt))
    expected = {path[len(run) :]: count for path, (count, _) in runs.items() if path[: len(run)] == run}
    assert len(found.root) == expected.pop((), 0)
    assert {path: count for path, (count, _) in runs_of(found).items()} == expected


# -- suffix index and look-up

texts_of = st.lists(st.lists(st.integers(0, 3), min_size=1, max_size=30), min_size=1, max_size=6)


@pytest.mark.parametrize("width", [2, 4])
@settings(max_examples=300)
@given(texts_of, st.lists(st.integers(0, 3), min_size=1, max_size=4))
def test_a_query_finds_the_places_that_brute_force_finds(width, texts, query):
    index = SuffixIndex.build([(text, "") for text in texts], width)
    starts = [sum(len(text) + 1 for text in texts[:which]) for which in range(len(texts))]
    first, stop = index.find(b"".join(token.to_bytes(width, "big") for token in query))
    expected = [starts[which] + i for which, i in slow_places(texts, query)]
    assert sorted(index.order[first:stop]) == sorted(expected)


@settings(max_examples=300)
@given(texts_of, st.lists(st.integers(0, 3), min_size=1, max_size=4), st.integers(1, 8), st.integers(1, 30))
def test_continuations_equal_brute_force(texts, query, count, enough):
    snapshot = Snapshot([SuffixIndex.build([(text, "") for text in texts], 2)])
    found = snapshot.look_up(query, count, 100, enough)
    assert sorted(found) == sorted(slow_look_up(texts, query, count, 100, enough))


def test_a_wide_range_gives_entries_at_even_distances():
    rng = random.Random(1)
    text = [rng.randrange(3) for _ in range(2000)]
    snapshot = Snapshot([SuffixIndex.build([(text, "")], 2)])
    found = snapshot.look_up([1], 8, 100, 50)
    assert len(found) == 100
    assert found == slow_look_up([text], [1], 8)


def test_sub_indexes_share_the_entries_by_their_size():
    big, small = [1, 2] * 4000, [1, 3] * 500
    snapshot = Snapshot([SuffixIndex.build([(text, "")], 2) for text in (big, small)])
    rows = [row for row, _ in snapshot.look_up([1], 1, 90, 50)]
    assert Counter(rows) == {(2,): 79, (3,): 10}
    tiny = Snapshot([SuffixIndex.build([(text, "")], 2) for text in (big, [1, 3] * 30)])
    assert Counter(row for row, _ in tiny.look_up([1], 1, 100, 50))[(3,)] == 10, "a small one is heard, too"


def test_answers_to_the_same_prompt_are_hidden():
    mine, other = ([1, 2, 3, 4], [5, 6, 7]), ([1, 2, 9, 4], [5, 6, 8])
    store = PrivateStore((), VOCABULARY)
    store.learn([mine, other])
    reader = Reader(lambda: store.indexes)
    assert {row for row, _ in reader.snapshot(mine[0]).look_up([5, 6], 1)} == {(7,), (8,)}
    reader.hides = True
    assert {row for row, _ in reader.snapshot(mine[0]).look_up([5, 6], 1)} == {(8,)}
    assert {row for row, _ in reader.snapshot(other[0]).look_up([5, 6], 1)} == {(7,)}
    assert prompt_key(mine[0]) != prompt_key(other[0])


@settings(max_examples=200)
@given(st.binary(max_size=200), st.lists(st.integers(-(2**31), 2**31 - 1), max_size=60), st.integers(0, 3))
def test_nonsense_in_a_damaged_index_never_fails(raw, order, hidden):
    import array

    index = SuffixIndex(raw, memoryview(array.array("i", order)), 2, [Learnt(0, 50, "k")])
    for found in Snapshot([index], "k" if hidden else "").look_up([1, 2, 3, 4], 8):
        assert len(found[0]) <= 8


# -- tree


def drafter_with(texts=(), vocabulary=VOCABULARY, ends=frozenset()):
    index = SuffixIndex.build([(text, "") for text in texts], 2)
    drafter = Sssd(Resources(vocabulary, ends=ends, datastore=Reader(lambda: [index] if texts else [])))
    drafter.begin([])
    return drafter


@settings(max_examples=150)
@given(sequences, st.integers(1, 70), st.one_of(st.just([]), texts_of), st.integers(2, 64), st.integers(1, 12))
def test_the_full_tree_is_the_official_one(tokens, prompt, texts, capacity, remaining):
    prompt = min(prompt, len(tokens))
    wanted = Speculation(full_tree=True, draft_tree_capacity=capacity)
    drafter = drafter_with(texts)
    for length in range(prompt, len(tokens) + 1, 4):
        part = tokens[:length]
        tree = drafter.propose(context_of(part, prompt, wanted, remaining), 64)
        assert paths_of(tree) == slow_tree(part, prompt, texts, capacity, remaining)


def test_the_full_tree_in_a_decoder_is_the_official_one_at_every_step():
    target = CausalLM(tiny_model())
    rng = random.Random(3)
    prompt = [rng.randrange(9) for _ in range(40)]
    decoder = decoder_of(target, options=Options(speculation=FULL, max_new_tokens=60))
    texts = [[rng.randrange(VOCABULARY) for _ in range(80)] for _ in range(20)]
    index = SuffixIndex.build([(text, "") for text in texts], 2)
    drafter = Sssd(Resources(VOCABULARY, datastore=Reader(lambda: [index])))
    propose, checked = drafter.propose, []

    def check(context, limit):
        tree = propose(context, limit)
        expected = slow_tree(list(context.tokens), 40, texts, remaining=context.remaining)
        assert paths_of(tree) == expected
        checked.append(len(tree))
        return tree

    drafter.propose = check
    install(decoder, drafter)
    run(decoder, prompt)
    assert len(checked) > 5
    assert max(checked) == 63


def test_every_source_is_named_with_its_match_and_count():
    tokens = [1, 2, 3, 4, 5, 1, 2, 3]
    tree = drafter_with([[2, 3, 7, 8], [2, 3, 7, 9]]).propose(context_of(tokens, 8, Speculation()), 64)
    sources = {tree.tokens[node]: tree.sources[node] for node in range(len(tree)) if tree.depths[node] == 1}
    assert (sources[4].kind, sources[4].n, sources[4].count, sources[4].at) == ("prompt", 3, 1, 3)
    assert (sources[7].kind, sources[7].n, sources[7].count) == ("datastore", 2, 2)
    answered = drafter_with().propose(context_of(tokens, 2, Speculation()), 64)
    assert answered.sources[0].kind == "output"


def test_it_copies_on_beyond_the_window():
    tokens = [*range(1, 30), 1, 2, 3]
    tree = drafter_with().propose(context_of(tokens, speculation=Speculation()), 20)
    assert tree.tokens[:20] == list(range(4, 24))


def test_nothing_is_drafted_behind_an_end_or_outside_the_vocabulary():
    tokens = [1, 2, 3, 60, 4, 1, 2, 3]
    tree = drafter_with([[2, 3, 50, 5]], 50, frozenset({60})).propose(context_of(tokens, speculation=Speculation()), 64)
    assert 50 not in tree.tokens
    tree = drafter_with([[2, 3, 50, 5]], VOCABULARY, frozenset({60})).propose(
        context_of(tokens, speculation=Speculation()), 64
    )
    assert 60 in tree.tokens
    assert not any(parent == tree.tokens.index(60) for parent in tree.parents)
    assert 5 in tree.tokens


def test_it_says_why_when_nothing_is_known():
    tree = drafter_with().propose(context_of([1, 2, 3]), 64)
    assert not len(tree)
    assert tree.why == NOTHING


@pytest.mark.parametrize("tokens", [[3], [1, 1], [2, 2, 2, 2]])
@pytest.mark.parametrize(
    "speculation", [FULL, Speculation(), Speculation(full_tree=True, draft_tree_capacity=1)], ids=str
)
def test_short_and_uniform_sequences(tokens, speculation):
    tree = drafter_with([[2, 2]]).propose(context_of(tokens, 1, speculation, 5, CURVE), 64)
    assert len(tree) < speculation.draft_tree_capacity
    assert not tree.depths or max(tree.depths) <= 5


def test_the_cost_keeps_hopeless_nodes_out():
    rng = random.Random(0)
    tokens = [rng.randrange(4) for _ in range(400)]
    full = drafter_with().propose(context_of(tokens, cost=CURVE), 64)
    lean = drafter_with().propose(context_of(tokens, speculation=Speculation(), cost=CURVE), 64)
    assert len(full) == 63
    assert 1 <= len(lean) < 40


def test_a_store_that_grows_is_seen_by_the_next_answer_only():
    store = PrivateStore((), VOCABULARY)
    drafter = Sssd(Resources(VOCABULARY, datastore=Reader(lambda: store.indexes)))
    drafter.begin([])
    assert not len(drafter.propose(context_of([1, 2, 3]), 64))
    store.learn([([7, 8], [1, 2, 3, 4])])
    assert not len(drafter.propose(context_of([1, 2, 3]), 64))
    drafter.begin([])
    assert drafter.propose(context_of([1, 2, 3]), 64).tokens == [4]


def test_what_was_copied_is_quoted_with_what_stands_around_it():
    text = [9, 8, 1, 2, 3, 4, 5, 6]
    drafter = drafter_with([text])
    drafter.begin([7, 1, 2])
    tree = drafter.propose(context_of([7, 1, 2]), 8)
    quotes = {quote.node: quote for quote in drafter.quotes([7, 1, 2], tree)}
    copied = {tuple(tree.path_tokens(node)): node for node in range(len(tree))}
    first, second = quotes[copied[3,]], quotes[copied[3, 4]]
    assert (first.before, first.after) == ((9, 8), (4, 5, 6))
    assert (second.before, second.after) == ((9, 8), (5, 6))


def test_a_quote_ends_where_its_text_ends_and_shows_nothing_hidden():
    index = SuffixIndex.build([([1, 2], ""), ([3, 4, 5], "mine"), ([6, 4, 7], "")], 2)
    assert Snapshot([index]).quote([4], 3) == ([3], [5])
    assert Snapshot([index], "mine").quote([4], 3) == ([6], [7])
    assert Snapshot([index]).quote([9], 3) is None
