"""Where answers end, what steps say, and what a failure leaves behind."""

import pytest
import torch

from spectui.engine.drafters.drafter import Drafter
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.values.answer import STOP_REACH, Answer, Limits, cut
from spectui.engine.values.clock import LaneClock
from spectui.engine.values.draft_tree import ROOT, DraftTree
from spectui.engine.values.needs import Needs
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.engine.values.step import Source
from spectui.system.errors import UserError

from .toys import VOCABULARY, RandomTrees, decoder_of, install, related, run, tiny_model

PROMPT = [3, 14, 15, 9, 2, 6]


@pytest.fixture(scope="module")
def target():
    return CausalLM(tiny_model())


@pytest.fixture(scope="module")
def draft():
    return CausalLM(related(tiny_model(), 0.05))


@pytest.fixture(scope="module")
def long_answer(target):
    return run(decoder_of(target, options=Options(max_new_tokens=60)), PROMPT)[0]


class Oracle(Drafter):
    """Proposes the true continuation, with one wrong sibling at every depth."""

    def __init__(self, resources, truth, length=6):
        super().__init__(resources)
        self.truth, self.length = truth, length

    def propose(self, context, limit):
        tree = DraftTree()
        node = ROOT
        for token in self.truth[len(context.tokens) :][: self.length]:
            wrong = (token + 1) % VOCABULARY
            tree.add(wrong, node, Source("wrong"), 0.1)
            node = tree.add(token, node, Source("truth"), 0.9)
        return tree


def oracle(target, truth, **settings):
    decoder = decoder_of(target, **settings)
    install(decoder, Oracle(decoder._resources, PROMPT + truth))
    return decoder


def fixed(**options):
    return Options(Sampling(), Speculation(draft_tokens=16), **options)


@pytest.mark.parametrize("most", range(1, 20))
def test_the_length_limit_is_exact_inside_an_accepted_run(target, long_answer, most):
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=most))
    tokens, _ = run(decoder, PROMPT)
    assert tokens == long_answer[:most]
    assert decoder.answer.end == "length"


@pytest.mark.parametrize("place", range(2, 30, 3))
def test_eos_ends_the_answer_inside_an_accepted_run(target, long_answer, place):
    eos = long_answer[place]
    first = long_answer.index(eos)
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=60), eos={eos})
    tokens, steps = run(decoder, PROMPT)
    assert tokens == long_answer[: first + 1]
    assert decoder.answer.end == "eos"
    if steps:
        fates = [node.fate for node in steps[-1].nodes]
        assert fates.count("accepted") == steps[-1].accepted <= len(steps[-1].emitted)


@pytest.mark.parametrize("length", range(2, 20, 3))
def test_a_stop_cuts_where_it_says(target, long_answer, length):
    def stop(answer, new):
        return length if len(answer) >= length else None

    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=60), stop=stop)
    assert run(decoder, PROMPT)[0] == long_answer[:length]
    assert decoder.answer.end == "stop"


def test_a_stop_is_shown_as_much_of_a_long_answer_as_of_a_short_one():
    seen = []

    def stop(tail, new):
        seen.append((list(tail), new))
        return new + 2

    answer = Answer(list(range(1000)), 10)
    assert cut(answer, [7, 8, 9], Limits(5000, stop=stop), 5000) == (2, "stop")
    assert seen == [([*range(1000 - STOP_REACH, 1000), 7, 8, 9], STOP_REACH)]


@pytest.mark.parametrize("context", range(8, 24))
def test_a_full_context_ends_the_answer(target, long_answer, context):
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=60), context=context)
    tokens, _ = run(decoder, PROMPT)
    assert len(PROMPT) + len(tokens) == context
    assert decoder.answer.end == "context"


def test_after_a_cut_the_next_turn_is_as_good_as_fresh(target, long_answer):
    eos = long_answer[9]
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=60), eos={eos})
    tokens, _ = run(decoder, PROMPT)
    longer = [*PROMPT, *tokens, 1, 2, 3]
    decoder.set_mode("ar")
    again, _ = run(decoder, longer)
    fresh, _ = run(decoder_of(target, options=fixed(max_new_tokens=60), eos={eos}), longer)
    assert again == fresh


def test_fates_and_kinds_tell_what_happened(target, long_answer):
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=60))
    decoder.prefill(PROMPT)
    step = decoder.step()
    assert [node.fate for node in step.nodes] == ["rejected", "accepted"] * 6
    assert [token.kind for token in step.emitted] == ["accepted"] * 6 + ["bonus"]
    assert step.accepted == 6
    assert step.position == len(PROMPT)
    assert step.why_no_draft is None
    assert step.ms.wall >= step.ms.verify > 0.0


def test_a_refused_draft_is_followed_by_a_correction(target, long_answer):
    decoder = decoder_of(target, options=fixed(max_new_tokens=60))

    class Wrong(Drafter):
        def propose(self, context, limit):
            tree = DraftTree()
            wrong = (long_answer[len(context.tokens) - len(PROMPT)] + 1) % VOCABULARY
            tree.add(5, tree.add(wrong, ROOT, Source("x"), 0.5), Source("x"), 0.5)
            return tree

    install(decoder, Wrong(decoder._resources))
    decoder.prefill(PROMPT)
    step = decoder.step()
    assert [node.fate for node in step.nodes] == ["rejected", "unreached"]
    assert [token.kind for token in step.emitted] == ["correction"]


def test_plain_steps_emit_the_targets_own_token(target):
    decoder = decoder_of(target, options=Options(max_new_tokens=3))
    _, steps = run(decoder, PROMPT)
    assert [step.emitted[0].kind for step in steps] == ["target", "target"]


def test_a_drafter_gets_the_ids_and_states_it_asks_for(target, long_answer):
    asked, taken = [], []

    class Curious(Drafter):
        needs = Needs(top_ids=5, hidden=(1, 2))

        def take_states(self, tokens, start, states):
            taken.append((list(tokens), start, states))

        def propose(self, context, limit):
            asked.append((context.tokens[-1], list(context.top_ids)))
            tree = DraftTree()
            tree.add(long_answer[len(context.tokens) - len(PROMPT)], ROOT, Source("x"), 0.9)
            return tree

    decoder = decoder_of(target, options=fixed(max_new_tokens=9))
    install(decoder, Curious(decoder._resources))
    text, _ = run(decoder, PROMPT)
    for pending, top in asked:
        assert top[0] == pending, "the pending token is the argmax of the logits that chose it"
        assert len(top) == 5
    whole = [*PROMPT, *text]
    expected = target.forward(target.new_cache(), ForwardInput.chain(whole, 0)._replace(hidden_layers=(1, 2))).hidden
    known = 0
    for tokens, start, states in taken:
        assert start == known, "every verified token once, the prompt's in front"
        known += states.shape[1]
        assert tokens == whole[: len(tokens)]
        torch.testing.assert_close(states, expected[:, start:known], atol=1e-9, rtol=0)
    assert known == len(whole) - 1


def test_inspection_shows_the_targets_choices_at_every_walked_node(target, long_answer):
    decoder = oracle(target, long_answer, options=fixed(max_new_tokens=20, inspect=True))
    decoder.prefill(PROMPT)
    step = decoder.step()
    assert [row[0].token for row in step.target_top] == [token.token for token in step.emitted]
    assert all(0.0 <= one.probability <= 1.0 and one.noise is None for row in step.target_top for one in row)


def test_the_clock_of_a_lane_is_the_sum_of_its_work(target):
    decoder = decoder_of(target, options=Options(max_new_tokens=6))
    decoder.clock = LaneClock()
    prefill = decoder.prefill(PROMPT)
    walls = []
    while decoder.answer.end is None:
        step = decoder.step()
        walls.append(step.ms.wall)
        assert step.time_ms == pytest.approx(prefill.time_ms + sum(walls))


def test_a_cancelled_prefill_leaves_a_usable_decoder(target, monkeypatch):
    monkeypatch.setattr("spectui.engine.model.causal_lm.PREFILL_CHUNK", 2)
    decoder = decoder_of(target, options=Options(max_new_tokens=5))
    calls = iter([False, True])
    assert decoder.prefill(PROMPT, lambda: next(calls)) is None
    assert run(decoder, PROMPT)[0] == run(decoder_of(target, options=Options(max_new_tokens=5)), PROMPT)[0]


@pytest.mark.parametrize("prompt", [[], list(range(40))])
def test_prompts_that_cannot_be_answered_are_refused_in_one_line(target, prompt):
    with pytest.raises(UserError) as caught:
        decoder_of(target, context=40).prefill(prompt)
    assert "\n" not in str(caught.value)


def test_an_unknown_rule_is_refused(target):
    with pytest.raises(UserError, match="coupled or classic"):
        decoder_of(target, options=Options(speculation=Speculation(rule="hopeful")))


def test_the_classic_rule_runs_with_every_shape_of_draft(target, draft):
    for speculation in (
        Speculation(rule="classic"),
        Speculation(3, rule="classic"),
        Speculation(draft_tree=12, rule="classic"),
    ):
        options = Options(Sampling(1.0, seed=1), speculation, 40)
        tokens, steps = run(decoder_of(target, draft, "draft", options), PROMPT)
        assert len(tokens) == 40
        assert sum(step.accepted for step in steps) > 0


def test_the_earliest_end_wins():
    answer = Answer([1, 2, 3, 4], 3)
    limits = Limits(100, frozenset({9}), lambda tokens, new: 3 if len(tokens) >= 3 else None)
    assert cut(answer, [5, 6, 9], limits, 50) == (2, "stop")
    assert cut(answer, [9, 6, 7], limits, 50) == (1, "eos")
    assert cut(answer, [5], Limits(100), 50) == (1, None)
    assert cut(answer, [5, 6, 7], Limits(100), 3) == (2, "length")


def test_random_trees_need_not_fit_the_remaining_length(target, long_answer):
    decoder = decoder_of(target, options=fixed(max_new_tokens=7))
    install(decoder, RandomTrees(decoder._resources, 3, truth=PROMPT + long_answer))
    assert run(decoder, PROMPT)[0] == long_answer[:7]


def test_at_temperature_inspection_shows_the_noise_that_decided(target):
    options = Options(Sampling(temperature=1.0, seed=5), Speculation(draft_tokens=4), 20, inspect=True)
    decoder = decoder_of(target, options=options)
    install(decoder, RandomTrees(decoder._resources, 3))
    decoder.prefill(PROMPT)
    while decoder.answer.end is None:
        step = decoder.step()
        chosen = [max(row, key=lambda one: one.score).token for row in step.target_top]
        assert chosen[: len(step.emitted)] == [token.token for token in step.emitted]
        assert all(one.noise is not None for row in step.target_top for one in row)
