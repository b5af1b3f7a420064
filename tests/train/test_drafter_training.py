"""A training from its first answer to the folder of a head: what is written, what survives what goes wrong."""

import errno
import json
from copy import copy
from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file
from transformers import GPT2Config, GPT2LMHeadModel

from spectui.engine.model.int8 import quantised
from spectui.system.errors import UserError
from spectui.train import drafter_training, head_training, sizes
from spectui.train import target as targets
from spectui.train.checkpoint import Progress, read_checkpoint, write_checkpoint
from spectui.train.drafter_training import CHECKPOINT, LOG, TRAINING, DrafterTraining
from spectui.train.head_writer import write_head
from spectui.train.kinds import KINDS
from spectui.train.stream import Stream
from spectui.train.target import Target

from .tiny import CHAT, pair, plan, target

VOCABULARY = 40


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(drafter_training, "VOCABULARY", VOCABULARY)
    monkeypatch.setattr(sizes, "CPU", sizes.CPU._replace(rows=8, pool=6, batch=3))
    monkeypatch.setattr("spectui.train.stream.APART", 32)


@pytest.fixture(scope="module")
def tiny():
    return target()


class Watch:
    """Follows a training, and does something once it has learnt ``after`` times."""

    def __init__(self, after=None, act=None):
        self.seen, self.after, self.act = [], after, act

    def __call__(self, status):
        self.seen.append(status)
        learnt = sum(one.tokens > 0 for one in self.seen)
        if self.act and learnt == self.after:
            self.act()


def training(tiny, folder, told=None):
    def stream_of(kept, used):
        return Stream(tiny, CHAT, plan(), kept, used)

    return DrafterTraining(tiny, KINDS["eagle"], 2, stream_of, folder, told or Watch())


def interrupt():
    raise KeyboardInterrupt


def test_what_is_written_is_the_flat_dialect(tiny, tmp_path):
    made = training(tiny, tmp_path)
    made.run(0.02, resume=False)
    config = json.loads((tmp_path / "config.json").read_text())
    assert config["architectures"] == ["LlamaForCausalLMEagle3"]
    assert (config["draft_vocab_size"], config["vocab_size"]) == (VOCABULARY, 61)
    assert config["eagle_aux_hidden_state_layer_ids"] == [2, 4, 5]
    tensors = load_file(tmp_path / "model.safetensors")
    d, middle, keys = 32, 48, 16
    expected = {
        "fc.weight": (d, 3 * d),
        "midlayer.self_attn.q_proj.weight": (d, 2 * d),
        "midlayer.self_attn.k_proj.weight": (keys, 2 * d),
        "midlayer.self_attn.v_proj.weight": (keys, 2 * d),
        "midlayer.self_attn.o_proj.weight": (d, d),
        "midlayer.input_layernorm.weight": (d,),
        "midlayer.hidden_norm.weight": (d,),
        "midlayer.post_attention_layernorm.weight": (d,),
        "midlayer.mlp.gate_proj.weight": (middle, d),
        "midlayer.mlp.up_proj.weight": (middle, d),
        "midlayer.mlp.down_proj.weight": (d, middle),
        "norm.weight": (d,),
        "lm_head.weight": (VOCABULARY, d),
        "d2t": (VOCABULARY,),
        "t2d": (61,),
    }
    assert {name: tuple(tensor.shape) for name, tensor in tensors.items()} == expected
    ids = tensors["d2t"] + torch.arange(VOCABULARY)
    assert tensors["t2d"].nonzero()[:, 0].tolist() == ids.tolist()
    assert tensors["lm_head.weight"].dtype == torch.bfloat16
    assert made.worth.tokens_per_step >= 1.0


def test_a_training_goes_on_where_it_was(tiny, tmp_path):
    training(tiny, tmp_path).run(0.02, resume=False)
    first, state = read_checkpoint(tmp_path / TRAINING / CHECKPOINT, 61)
    with pytest.raises(UserError, match="--resume"):
        training(tiny, tmp_path).run(0.02, resume=False)
    training(tiny, tmp_path).run(0.02, resume=True)
    second, other = read_checkpoint(tmp_path / TRAINING / CHECKPOINT, 61)
    assert second.steps > first.steps
    assert second.tokens > first.tokens
    assert second.conversations >= first.conversations
    assert torch.equal(state["ids"], other["ids"])
    lines = [json.loads(line) for line in (tmp_path / TRAINING / LOG).read_text().splitlines()]
    assert [line["steps"] for line in lines] == sorted(line["steps"] for line in lines)
    assert all(line["tokens_per_step"] >= 1.0 for line in lines)


def test_few_answers_are_enough_where_time_is_short(tiny, tmp_path, monkeypatch):
    monkeypatch.setattr(sizes, "CPU", sizes.CPU._replace(pool=100_000))
    watch = Watch()
    training(tiny, tmp_path, watch).run(0.02, resume=False)
    assert watch.seen[-1].tokens > 0


def of(tiny, kind="eagle", layers=2, **changes):
    """A training of another drafter, or for another target."""
    other = copy(tiny)
    other.pair = replace(tiny.pair, **changes)
    return lambda folder: DrafterTraining(
        other, KINDS[kind], layers, lambda kept, used: Stream(other, CHAT, plan(), kept, used), folder, Watch()
    )


@pytest.mark.parametrize("resume", [True, False])
@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"name": "other"}, "holds the training of an EAGLE-3 head for tiny; choose another --output"),
        ({"kind": "lm"}, "holds the training of an EAGLE-3 head for tiny; choose another --output"),
    ],
)
def test_a_folder_belongs_to_one_drafter_of_one_model(tiny, tmp_path, changes, said, resume):
    training(tiny, tmp_path).run(0.01, resume=False)
    kept = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(UserError, match=said):
        of(tiny, **changes)(tmp_path).run(0.01, resume)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == kept


def test_a_draft_model_keeps_its_number_of_layers(tiny, tmp_path):
    of(tiny, "lm", 2)(tmp_path).run(0.01, resume=False)
    with pytest.raises(UserError, match="holds the training of a draft model of 2 layers for tiny"):
        of(tiny, "lm", 1)(tmp_path).run(0.01, resume=True)


def test_a_model_that_was_not_trained_there_is_never_overwritten(tiny, tmp_path):
    (tmp_path / "model.safetensors").write_bytes(b"precious")
    with pytest.raises(UserError, match="holds a model that would be overwritten; choose another --output"):
        training(tiny, tmp_path).run(0.01, resume=False)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_a_damaged_origin_is_told_in_a_line(tiny, tmp_path):
    (tmp_path / TRAINING).mkdir()
    (tmp_path / TRAINING / "origin.json").write_bytes(b"{")
    with pytest.raises(UserError, match="is damaged; choose another --output"):
        training(tiny, tmp_path).run(0.01, resume=False)


def test_a_folder_that_cannot_be_made_is_told_in_a_line(tiny, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UserError, match=r"cannot train in .*file/head: .*; choose another --output"):
        training(tiny, tmp_path / "file" / "head").run(0.01, resume=False)


@pytest.mark.parametrize("ids", [torch.tensor([61]), torch.tensor([-1]), torch.tensor([0.5])])
def test_a_checkpoint_with_tokens_of_another_model_is_told_in_a_line(tiny, tmp_path, ids):
    write_checkpoint(tmp_path / TRAINING / CHECKPOINT, Progress(1.0), {"ids": ids})
    with pytest.raises(UserError, match="its tokens are not those of the model; begin anew"):
        training(tiny, tmp_path).run(None, resume=True)


def test_an_interrupted_training_keeps_everything(tiny, tmp_path):
    with pytest.raises(KeyboardInterrupt):
        training(tiny, tmp_path, Watch(3, interrupt)).run(5.0, resume=False)
    progress, state = read_checkpoint(tmp_path / TRAINING / CHECKPOINT, 61)
    assert progress.steps >= 1
    assert (tmp_path / "model.safetensors").exists()
    again = head_training.HeadTraining(tiny, state["ids"])
    again.restore(state, progress.steps)
    assert all(torch.equal(value, state[name]) for name, value in again.state().items())


def test_what_breaks_down_is_told_in_a_line_and_leaves_the_last_good_ones(tiny, tmp_path, monkeypatch):
    training(tiny, tmp_path).run(0.02, resume=False)
    kept = {path: path.read_bytes() for path in (tmp_path / "model.safetensors", tmp_path / TRAINING / CHECKPOINT)}
    monkeypatch.setattr(
        head_training.HeadTraining, "_loss", lambda self, batch: self.head.norm.weight.sum() * float("nan")
    )
    with pytest.raises(UserError, match="no number") as raised:
        training(tiny, tmp_path).run(0.02, resume=True)
    assert "\n" not in str(raised.value)
    assert all(path.read_bytes() == data for path, data in kept.items())


def test_a_full_disk_is_told_in_a_line(tiny, tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("spectui.train.model_folder.write_whole", full)
    with pytest.raises(UserError, match="No space left on device; make room"):
        training(tiny, tmp_path).run(0.02, resume=False)


@pytest.mark.parametrize("damage", [b"", b"nonsense" * 20])
def test_a_damaged_checkpoint_is_told_in_a_line(tiny, tmp_path, damage):
    (tmp_path / TRAINING).mkdir()
    (tmp_path / TRAINING / CHECKPOINT).write_bytes(damage)
    with pytest.raises(UserError, match="begin anew"):
        training(tiny, tmp_path).run(None, resume=True)


def test_there_is_nothing_to_resume(tiny, tmp_path):
    with pytest.raises(UserError, match="no training to go on with; begin anew without --resume"):
        training(tiny, tmp_path).run(None, resume=True)


def test_a_target_whose_layers_cannot_be_read_is_refused():
    torch.manual_seed(0)
    config = GPT2Config(vocab_size=61, n_positions=64, n_embd=32, n_layer=2, n_head=2)
    with pytest.raises(UserError, match="not of the Llama family; choose a model of the Llama family") as raised:
        Target(pair(GPT2LMHeadModel(config).eval()), 64)
    assert "\n" not in str(raised.value)


def test_int8_weights_have_their_scales_beside_them(tmp_path):
    weight, norm = torch.randn(40, 32), torch.randn(32)
    config = {"vocab_size": 61}
    write_head(tmp_path, config, {"lm_head.weight": weight, "norm.weight": norm}, torch.arange(40) + 5, int8=True)
    stored = load_file(tmp_path / "model.safetensors")
    assert stored["lm_head.weight"].dtype == torch.int8
    assert stored["lm_head.weight_scale"].shape == (40, 1)
    torch.testing.assert_close(stored["lm_head.weight"] * stored["lm_head.weight_scale"], weight, rtol=0, atol=0.02)
    assert stored["norm.weight"].dtype == torch.bfloat16
    assert "norm.weight_scale" not in stored


def test_quantised_rows_of_nothing_stay_nothing():
    whole, scale = quantised(torch.zeros(2, 4))
    assert not whole.any()
    assert torch.isfinite(scale).all()


def test_layers_are_counted_as_published_heads_count_them():
    assert targets.aux_layers(30) == (2, 15, 27)
    assert targets.aux_layers(32) == (2, 16, 29)
