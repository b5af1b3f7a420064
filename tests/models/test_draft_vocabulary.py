"""Draft models with outputs for frequent tokens alone: which tokens they draft, and that the text stays the same."""

import pytest
import torch

from spectui.bench.agreement import Text, answer_rows
from spectui.engine.drafters.drafter import Resources
from spectui.engine.drafters.ranking import ranking_of
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput
from spectui.engine.values.options import Options, Sampling, Speculation
from spectui.models.draft_vocabulary import keep_frequent_outputs
from spectui.system.errors import UserError

from ..engine.toys import VOCABULARY, decoder_of, run, tiny_model

KEPT = sorted({0, *range(1, VOCABULARY, 2)})


def cut(seed=1, kept=KEPT):
    model = tiny_model(seed)
    model.config.output_token_ids = kept
    keep_frequent_outputs(model, "tiny")
    return model


def test_its_logits_are_those_of_the_tokens_that_it_keeps():
    whole, few = CausalLM(tiny_model(1)), CausalLM(cut())
    assert few.output_token_ids.tolist() == KEPT
    assert whole.output_token_ids is None
    logits = [lm.forward(lm.new_cache(), ForwardInput.chain([3, 1, 4, 1, 5], 0)).logits for lm in (whole, few)]
    torch.testing.assert_close(logits[1], logits[0][:, KEPT], atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("mode", ["draft", "specbranch"])
@pytest.mark.parametrize("sampling", [
    Sampling(temperature=0.0), Sampling(temperature=1.0, seed=3), Sampling(temperature=0.8, repetition_penalty=1.3)
])  # fmt: skip
def test_the_text_is_that_of_ar_and_only_tokens_that_it_keeps_are_drafted(mode, sampling):
    options = Options(sampling, Speculation(draft_tokens=4), max_new_tokens=40)
    expected, _ = run(decoder_of(tiny_model(0), options=options), [1, 2, 3])
    decoder = decoder_of(tiny_model(0), draft=cut(0), options=options)
    decoder.set_mode(mode)
    tokens, steps = run(decoder, [1, 2, 3])
    assert tokens == expected
    drafted = [node.token for step in steps for node in step.nodes]
    assert drafted
    assert set(drafted) <= set(KEPT)


def test_under_the_classic_rule_it_draws_from_what_it_keeps():
    options = Options(Sampling(temperature=1.0), Speculation(draft_tokens=3, rule="classic"), max_new_tokens=40)
    decoder = decoder_of(tiny_model(0), draft=cut(0), options=options)
    decoder.set_mode("draft")
    _, steps = run(decoder, [1, 2, 3])
    drafted = [node.token for step in steps for node in step.nodes]
    assert drafted
    assert set(drafted) <= set(KEPT)


def test_its_agreement_is_measured_over_all_tokens():
    text = Text("", [1, 2, 3], [4, 5, 6])
    rows = answer_rows(CausalLM(cut()), text)
    assert rows.shape == (3, VOCABULARY)
    assert rows[:, KEPT].isfinite().all()
    assert rows.isinf().sum() == 3 * (VOCABULARY - len(KEPT))


@pytest.mark.parametrize("kept", [[], [1, 1], [2, 1], [0, VOCABULARY], [-1], ["1"], "0", [True]])
def test_a_list_that_is_none_of_its_tokens_is_refused(kept):
    with pytest.raises(UserError, match="tiny is damaged: its output_token_ids are no list of its tokens"):
        cut(kept=kept)


def test_a_model_without_a_list_stays_as_it_is():
    model = tiny_model(1)
    keep_frequent_outputs(model, "tiny")
    assert model.lm_head.weight.shape[0] == VOCABULARY
    assert ranking_of(Resources(VOCABULARY, CausalLM(model)), CausalLM(model))._ids is None
