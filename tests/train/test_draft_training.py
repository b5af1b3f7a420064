"""A draft model in training, against transformers' own forward of the same weights."""

from dataclasses import replace
from itertools import islice

import pytest
import torch
from safetensors.torch import load_file
from transformers import LlamaConfig, LlamaForCausalLM

from spectui.config.choice import ModelChoice
from spectui.engine.values.options import Options
from spectui.session.conversation import load_models
from spectui.system.errors import UserError
from spectui.train import draft_training, sizes
from spectui.train import target as targets
from spectui.train.batch import batched
from spectui.train.command import Order, exact_dtype, train_drafter
from spectui.train.draft_training import DraftTraining
from spectui.train.draft_writer import draft_config
from spectui.train.generator import Generator
from spectui.train.learner import frequent_tokens

from .tiny import CHAT, plan, target

QUESTIONS = [[20, 21, 22], [30, 31, 32, 33, 34], [40, 41]]
LAYERS = 2


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(targets, "multiplies_bfloat16", lambda: False)
    return target()


@pytest.fixture
def conversations(tiny):
    generator = Generator(tiny, CHAT, plan(questions=QUESTIONS, aux=()), seed=0)
    return list(islice(generator.conversations(rows=3), 3))


def training(tiny, conversations, layers=LAYERS):
    return DraftTraining(tiny, frequent_tokens(tiny, conversations, 40), layers)


def batch_of(conversations):
    return batched(conversations, 0, torch.device("cpu"), torch.float32)


def twin(training):
    """The same model as transformers has it."""
    target = training.target
    config = draft_config(target, len(training.draft.layers), training.ids)
    made = LlamaForCausalLM(LlamaConfig(**config)).float().eval()
    theirs = {f"model.{name}": value.detach() for name, value in training.draft.named_parameters()}
    theirs |= {"model.embed_tokens.weight": target.embed_tokens, "lm_head.weight": target.lm_head()}
    made.load_state_dict(theirs)
    return made


def test_all_layers_of_the_target_are_the_target(tiny, conversations):
    whole = training(tiny, conversations, tiny.layers)
    with torch.no_grad():
        made = whole._read(batch_of(conversations))
    for row, one in zip(made, conversations, strict=True):
        torch.testing.assert_close(row[: len(one.last)], one.last.float(), rtol=2e-2, atol=2e-2)


@pytest.mark.parametrize("count", [1, 2, 3])
def test_it_begins_as_the_first_layers(tiny, conversations, count):
    made = training(tiny, conversations, count)
    assert len(made.draft.layers) == count
    for index, layer in enumerate(made.draft.layers):
        assert torch.equal(layer.mlp.down_proj.weight, tiny.layer(index).down_proj)
    assert torch.equal(made.draft.norm.weight, tiny.norm)


def test_the_loss_and_its_gradient_are_those_of_a_plain_cross_entropy(tiny, conversations):
    """Of the 21 tokens that are not frequent all are drawn: so it is over the whole vocabulary."""
    made = training(tiny, conversations)
    reference, losses = twin(made), []
    for one in conversations:
        logits = reference(one.tokens.clone()[None, :-1]).logits[0, one.prompt - 1 :]
        wanted = (one.last.clone()[one.prompt - 1 :].float() @ tiny.lm_head().t()).softmax(-1)
        losses.append(-(wanted * logits.log_softmax(-1)).sum(-1))
    expected = torch.cat(losses).mean()
    expected.backward()
    loss = made._loss(batch_of(conversations))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    theirs = dict(reference.model.named_parameters())
    for name, parameter in made.draft.named_parameters():
        assert (parameter.grad - theirs[name].grad).norm() < 1e-3 * theirs[name].grad.norm(), name


def test_those_that_are_drawn_stand_for_all_others(tiny, conversations, monkeypatch):
    monkeypatch.setattr(draft_training, "OTHERS", 7)
    made = training(tiny, conversations)
    torch.manual_seed(0)
    read = conversations[0].last[-1].float()
    whole = (made._lm_head @ read).exp().sum()
    sums = [(weight @ read + weighted).exp().sum() for weight, weighted in (made._drawn() for _ in range(3000))]
    assert float(torch.stack(sums).mean() / whole) == pytest.approx(1.0, rel=0.05)


def test_the_greedy_chain_that_is_measured_is_what_it_drafts(tiny, conversations):
    made = training(tiny, conversations)
    reference = twin(made)
    with torch.no_grad():
        found = made._hits(batch_of(conversations))
        for one, hits in zip(conversations, found, strict=True):
            assert len(hits) == len(one.tokens) - one.prompt
            for at in range(one.prompt, len(one.tokens)):
                tokens = one.tokens[:at].tolist()
                for place in range(4):
                    logits = reference(torch.tensor([tokens])).logits[0, -1]
                    tokens.append(int(made.ids[logits[made.ids].argmax()]))  # it drafts the frequent tokens alone
                    text = one.tokens[at : at + place + 1].tolist()
                    right = tokens[at:] == text
                    assert all(hits[at - one.prompt][: place + 1]) == right
                    if not right:
                        break


def test_learning_lowers_the_loss(tiny, conversations):
    made = training(tiny, conversations)
    first = made.learn(conversations, 0.0)
    for _ in range(40):
        last = made.learn(conversations, 0.0)
    assert last < 0.9 * first  # what the target is unsure about stays
    assert made.measure(conversations).agreement > 0.1


def test_a_state_of_another_size_is_refused(tiny, conversations):
    state = training(tiny, conversations, 1).state()
    with pytest.raises(UserError, match="another kind, size or target"):
        training(tiny, conversations, 2).restore(state, 1)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A draft model of the demo target that has learnt for some seconds."""
    made = tmp_path_factory.mktemp("trained") / "draft"
    asked = [f"Tell me a story about a {who}." for who in ("dragon", "fox", "ship", "king")] * 5
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sizes, "CPU", sizes.CPU._replace(rows=8, pool=6))
        patch.setattr("spectui.train.stream.APART", 4)
        train_drafter(ModelChoice("demo"), asked, Order("lm", minutes=0.02, output=made), lambda _: None)
    return made


def test_what_is_written_drafts_for_its_target_and_leaves_the_text_as_it_is(folder):
    tensors = load_file(folder / "model.safetensors")
    assert {name.split(".")[2] for name in tensors if "layers" in name} == {"0", "1"}
    loaded = load_models(ModelChoice("demo", str(folder)), None, lambda *_: None)
    assert loaded.pair.draft.config.num_hidden_layers == 2
    assert loaded.pair.reserved == frozenset()
    ids = loaded.resources.draft.output_token_ids
    assert ids.tolist() == loaded.pair.draft.config.output_token_ids
    assert loaded.resources.draft.model.lm_head.weight.shape[0] == len(ids)
    prompt, texts = loaded.prompt([{"role": "user", "content": "Tell me a story."}]), {}
    for mode in ("ar", "draft"):
        decoder = loaded.decoder(mode, Options())
        decoder.prefill(prompt)
        while decoder.answer.end is None and len(decoder.answer.emitted) < 40:
            decoder.step()
        texts[mode] = decoder.answer.emitted[:40]
        decoder.close()
    assert texts["draft"] == texts["ar"]


def test_a_tokenizer_that_cannot_be_written_is_told_before_anything_counts_as_a_model(tiny, conversations, tmp_path):
    class Full:
        def save_pretrained(self, folder):
            raise Exception("No space left on device (os error 28)")

    tiny.pair = replace(tiny.pair, tokenizer=Full())
    with pytest.raises(UserError, match=r"No space left on device .*; make room or choose another --output"):
        training(tiny, conversations).write(tmp_path / "made")
    assert not (tmp_path / "made" / "config.json").exists()


def test_the_target_is_read_in_its_own_numbers():
    assert exact_dtype(ModelChoice("demo", device="cpu")) == "float32"
    assert exact_dtype(ModelChoice("demo", device="cpu", dtype="int8")) == "float32"
    assert exact_dtype(ModelChoice("demo", device="cpu", dtype="bfloat16")) == "bfloat16"


@pytest.mark.parametrize(
    ("order", "said"), [(Order("gpt"), "choose from eagle, lm"), (Order("lm", 99), "has 10 layers")]
)
def test_what_cannot_be_trained_is_told_in_a_line(order, said):
    with pytest.raises(UserError, match=said) as raised:
        train_drafter(ModelChoice("demo"), [], order, lambda _: None)
    assert "\n" not in str(raised.value)
