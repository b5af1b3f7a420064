"""What the step pane says about methods that guess and copy."""

from spectui.engine.values.step import Branches, Emitted, Node, Source, Step, Times
from spectui.present.step_sentence import origin, sentence, source_words
from spectui.record.events import StepText


def record(*nodes, last="!", kind="correction"):
    made = tuple(Node(1, index - 1, source, 0.5, fate) for index, (_, source, fate) in enumerate(nodes))
    accepted = sum(node.fate == "accepted" for node in made)
    emitted = (*(Emitted(1, "accepted") for _ in range(accepted)), Emitted(2, kind))
    step = Step("m", 3, 9, 1.0, made, accepted, emitted, Times(0, 1, 0, 0, 1), (), 64)
    texts = tuple(text for text, _, _ in nodes)
    return StepText("chat", step, texts, (*texts[:accepted], last))


GUESS, COPY = Source("guess", rank=4), Source("guess", rank=4, n=2, at=57)


def test_a_guess_and_what_was_copied_behind_it():
    told = record((" model", GUESS, "accepted"), (" of", COPY, "accepted"), (" the", COPY, "accepted"))
    assert origin(told) == 'guessed " model" (rank 5), then copied " of the" from the text before'
    assert origin(told) in sentence(told)


def test_in_a_tree_the_refused_token_is_the_one_where_the_walk_ended():
    nodes = (
        Node(1, -1, GUESS, 0.5, "accepted"),
        Node(2, -1, GUESS, 0.3, "rejected"),
        Node(3, 0, COPY, 0.5, "rejected"),
    )
    step = Step(
        "m", 3, 9, 1.0, nodes, 1, (Emitted(1, "accepted"), Emitted(9, "correction")), Times(0, 1, 0, 0, 1), (), 64
    )
    told = sentence(StepText("chat", step, (".", " 5", " Emma"), (".", " Tom")))
    assert (
        '1 drafted token (guessed "." (rank 5)) was accepted, then the target chose " Tom" instead of " Emma"' in told
    )


def test_a_copy_from_the_datastore_is_told_apart():
    stored, asked = Source("datastore", n=4, count=12), Source("prompt", n=3, count=2, at=5)
    told = record((" a", asked, "accepted"), (" b", stored, "accepted"), (" c", stored, "accepted"))
    assert origin(told) == 'copied " a" from the text before, then copied " b c" from the datastore'
    assert source_words(stored) == "datastore 4-gram ×12"


def beside(last_kind, tokens, won):
    """What the draft model of SpecBranch did meanwhile, in words."""
    told = record((" a", Source("draft"), "accepted"), (" b", Source("draft"), "rejected"), kind=last_kind)
    branches = Branches(0, 0.5, tokens, won, 0, 0)
    step = told.step._replace(branches=branches)
    return sentence(StepText("chat", step, told.nodes, told.emitted)).partition(". ")[2]


def test_what_was_drafted_meanwhile_is_told_in_whole_sentences():
    two, one = ((1, 2), (3,)), ((1, 2),)
    wrote = "Meanwhile the draft model wrote"
    assert beside("correction", two, None) == f"{wrote} 2 branches. They are dropped: a token before them was rejected"
    assert beside("bonus", two, None) == f'{wrote} 2 branches. They are dropped: none of them begins with "!"'
    assert beside("bonus", one, None) == f'{wrote} more tokens. They are dropped: they do not begin with "!"'
    assert beside("bonus", two, 0) == f'{wrote} 2 branches. Number 1 begins with "!" and is the next draft'
    assert beside("bonus", two, 1) == f'{wrote} 2 branches. Number 2 begins with "!"'
    assert beside("bonus", one, 0) == f'{wrote} more tokens. They begin with "!" and are the next draft'


def test_a_draft_model_needs_no_origin():
    told = record((" a", Source("draft", rank=0), "accepted"), (" b", Source("draft", rank=0), "rejected"))
    assert origin(told) == ""
    assert "(" not in sentence(told)


def test_sources_in_words():
    assert source_words(Source("next", n=3, at=1)) == "next 3-gram"
    assert source_words(GUESS) == "guess #5"
    assert source_words(COPY) == "guess #5 + 2-gram"
    assert source_words(Source("prompt", n=2)) == "prompt 2-gram"
