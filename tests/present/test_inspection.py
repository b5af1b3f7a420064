"""What the inspector says of a step."""

import pytest

from spectui.engine.values.events import Prefill, Turn
from spectui.engine.values.options import Options
from spectui.engine.values.step import Branches, Candidate, Emitted, Node, Quote, Source, Span, Step, Times
from spectui.present.inspection import (
    OWN,
    choices,
    cost_words,
    fate_words,
    items,
    passage,
    place_of,
    source_sentence,
    words_of,
    workers,
)
from spectui.record.events import PrefillText, StepText, TurnText

PROMPT = ("the", " cat", " sat", ".", " the")
TOP = (
    (Candidate(11, 0.6, 0.1), Candidate(12, 0.3, 0.2)),
    (Candidate(13, 0.5, -1.0), Candidate(14, 0.1, 2.0)),
)
COPIED = Source("prompt", n=1, at=1)


def step(nodes, emitted, top=None, position=5, **more):
    return Step("pld", 0, position, 9.0, tuple(nodes), 1, tuple(emitted), Times(1.0, 5.0, 0.5, 0.5, 7.0),
                more.pop("spans", ()), 8, None, more.pop("branches", None), top)  # fmt: skip


RECORD = StepText(
    "chat",
    step(
        [Node(11, -1, COPIED, None, "accepted"), Node(13, 0, COPIED, 0.5, "rejected"),
         Node(15, 1, COPIED, None, "unreached"), Node(12, -1, Source("guess", rank=2), 0.2, "rejected")],
        [Emitted(11, "accepted"), Emitted(14, "correction")],
        TOP,
    ),
    (" cat", " sat", ".", " dog"), (" cat", " ran"), (), ((" cat", " dog"), (" sat", " ran")),
)  # fmt: skip
TOLD = [TurnText("chat", Turn((1, 2, 3, 4, 5), "pld", Options()), "?", PROMPT),
        PrefillText("chat", Prefill(1.0, 0, 6, 2.0), " the"), RECORD]  # fmt: skip
WORDS = words_of(TOLD)


def test_words_stand_at_their_places_in_the_sequence():
    assert [WORDS[index] for index in range(8)] == [*PROMPT, " the", " cat", " ran"]


def test_the_tree_ends_in_the_targets_own_token():
    assert [(item.boxes, item.node, item.parent) for item in items(RECORD)] == [
        ("├─ ", 0, -1), ("│  ├─ ", 1, 0), ("│  │  ", 2, 1), ("│  └─ ", OWN, 0), ("└─ ", 3, -1),
    ]  # fmt: skip
    assert place_of(RECORD.step, OWN) == 0


def test_a_tree_without_measure_is_bounded():
    deep = [Node(1, index - 1, COPIED, None, "unreached") for index in range(60_000)]
    record = StepText("chat", step(deep, [Emitted(1, "target")]), ("x",) * len(deep), ("y",))
    assert len(items(record)) == 512


def test_what_the_target_wanted_with_the_noise_that_decided():
    first = choices(RECORD, -1)
    assert [(one.text, one.is_chosen, one.is_drafted) for one in first] == [(" cat", True, True), (" dog", False, True)]
    second = choices(RECORD, 0)
    assert [(one.text, one.noise, one.is_chosen) for one in second] == [(" ran", 2.0, True), (" sat", -1.0, False)]
    assert second[0].score == pytest.approx(-2.302585 + 2.0)
    assert choices(RECORD, 1) == []
    assert choices(StepText("chat", RECORD.step._replace(target_top=None), RECORD.nodes, RECORD.emitted), 0) == []


def test_each_fate_in_a_sentence():
    assert fate_words(RECORD, 0) == "Accepted: the target chose it too."
    assert fate_words(RECORD, 1) == 'Rejected: the target chose " ran" here.'
    assert fate_words(RECORD, 2) == "Never checked: a token before it was rejected."
    assert fate_words(RECORD, 3) == 'Rejected: the target chose " cat" here.'
    assert fate_words(RECORD, OWN) == "The target chose it in place of a rejected token."


def test_where_a_draft_comes_from():
    assert source_sentence(RECORD, 0, WORDS) == 'Copied: " cat" stands behind " the" in the text before.'
    assert source_sentence(RECORD, 3, WORDS) == "Guessed: it had rank 3 in the target's last logits, 20 % sure."
    stored = Node(11, -1, Source("datastore", n=2, count=7), None, "accepted")
    record = StepText("chat", step([stored], [Emitted(11, "accepted")]), (" cat",), (" cat",))
    assert source_sentence(record, 0, WORDS) == ('Copied: " cat" stands 7 times behind " the the" in the datastore.')
    drafted = RECORD.step._replace(nodes=(Node(11, -1, Source("draft", rank=1), 0.25, "accepted"),))
    words = source_sentence(StepText("chat", drafted, (" cat",), ()), 0, WORDS)
    assert words == "The draft model wrote it as its choice number 2, 25 % sure."


def test_the_passage_from_which_it_was_copied():
    assert passage(RECORD, 0, WORDS) == ("", "the", " cat", " sat. the the cat ran")
    assert passage(RECORD, 1, WORDS) == ("", "the", " cat sat", ". the the cat ran")
    assert passage(RECORD, 3, WORDS) is None


def test_the_passage_in_the_datastore_from_which_it_was_copied():
    stored = Source("datastore", n=2, count=7)
    nodes = [Node(11, -1, stored, None, "accepted"), Node(13, 0, stored, None, "rejected")]
    quotes = (Quote(1, (21, 22), (23,)),)
    told = StepText("chat", step(nodes, [Emitted(11, "accepted"), Emitted(14, "correction")])._replace(quotes=quotes),
                    (" cat", " sat"), (" cat", " ran"), quotes=(((" once", "."), (" down",)),))  # fmt: skip
    assert passage(told, 1, WORDS) == (" once.", " the the", " cat sat", " down")
    assert passage(told, 0, WORDS) is None, "nobody noted it"
    assert source_sentence(told, 1, WORDS) == 'Copied: " sat" stands 7 times behind " the the cat" in the datastore.'


def test_what_it_cost_and_brought():
    assert cost_words(RECORD.step, 5.0) == (
        "draft 1.00 + check 5.00 + rest 1.00 → 7.00 ms for 2 tokens; plain ≈ 10.00 ms: 3.00 ms won"
    )
    assert cost_words(RECORD.step, 3.0).endswith("1.00 ms lost")
    assert cost_words(RECORD.step, None).endswith("for 2 tokens")


def test_who_worked_when():
    branches = Branches(-1, 0.5, ((1,),), None, 0, 0)
    both = step([], [], branches=branches, spans=(Span("draft", 0.0, 3.5), Span("verify", 1.0, 7.0)))
    assert workers(both, 7) == [("draft ", "████···"), ("target", "·██████")]
    assert workers(RECORD.step, 7) == []
