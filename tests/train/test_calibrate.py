"""The head of SpecBranch: recording, training, its file, and what a person sees."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import LlamaConfig

from spectui.bench.questions import read_questions
from spectui.cli.calibrate import run_calibrate
from spectui.config.paths import heads
from spectui.engine.drafters.hrad import ALL, CERTAIN, NONE, SOME, Head, last_layers
from spectui.engine.model.quantised import BareModel
from spectui.engine.values.options import Options, Speculation
from spectui.models.heads import find_head, pair_fingerprint, read_head, save_head, shipped_heads
from spectui.system.errors import UserError
from spectui.train.calibration import FEWEST, fixed
from spectui.train.examples import Examples, Recorder, label, record
from spectui.train.training import confusion, train

from ..demo import SETTINGS, runtime


@pytest.fixture(scope="module")
def loaded():
    return runtime()


def learnable(count=600, size=24):
    """Three classes that a small network can tell apart."""
    torch.manual_seed(0)
    y = torch.randint(0, 3, (count,))
    x = torch.randn(count, size)
    x[torch.arange(count), y] += 4.0
    return x, y


def head_for(x, trained, layers=(0,)):
    width = x.shape[1] // (len(layers) + 1)
    return Head(trained.weights, trained.mean, trained.scale, torch.zeros(5, width), layers)


def test_training_finds_what_can_be_found_and_is_reproducible():
    x, y = learnable()
    trained = [train(x[:500], y[:500], lambda: None) for _ in range(2)]
    assert all(torch.equal(a, b) for (a, _), (b, _) in zip(trained[0].weights, trained[1].weights, strict=True))
    counts = confusion(head_for(x, trained[0]), x[500:], y[500:])
    assert sum(map(sum, counts)) == 100
    assert sum(counts[index][index] for index in range(3)) > 90


def test_a_head_says_only_what_it_is_certain_of():
    x, y = learnable()
    head = head_for(x, train(x, y, lambda: None))
    for row in x[:60]:
        hidden, embedding = row[None, :12], row[12:]
        head.embedding[0] = embedding
        likely, what = head.scores(row).softmax(-1).max(-1)
        if abs(float(likely) - CERTAIN) > 0.02:
            warns = int(what) != ALL and float(likely) >= CERTAIN
            assert head.foresees(hidden, 0) == (int(what) if warns else None)


def test_labels():
    assert [label(0, 4), label(1, 4), label(3, 4), label(4, 4)] == [NONE, SOME, SOME, ALL]
    assert last_layers(6) == (3, 4, 5, 6)
    assert last_layers(2) == (0, 1, 2)


def test_what_is_recorded_is_what_happened(loaded):
    """Against transformers' own hidden states of the finished text, read in one pass."""
    prompt = loaded.prompt([{"role": "user", "content": "Tell me a story about an old mouse."}])
    layers = last_layers(loaded.target.layers)
    embedding = loaded.pair.target.get_input_embeddings().weight.detach()
    examples = Examples()
    decoder = loaded.decoder("ar", fixed(Options(max_new_tokens=60)))
    decoder.add_drafter("record", Recorder(loaded.resources, layers, embedding, examples))
    decoder.set_mode("record")
    decoder.prefill(prompt)
    steps = []
    while decoder.answer.end is None:
        steps.append(decoder.step())
    decoder.close()
    with torch.inference_mode():
        states = loaded.pair.target(torch.tensor([decoder.answer.tokens]), output_hidden_states=True).hidden_states
    judged = [step for step in steps if step.nodes and not any(node.fate == "cut" for node in step.nodes)]
    x, y = examples.tensors()
    assert len(judged) == len(y) > 3
    for step, row, what in zip(judged, x, y.tolist(), strict=True):
        assert what == label(step.accepted, len(step.nodes))
        before = [states[layer][0, step.position - 1] for layer in layers]
        expected = torch.cat([*before, embedding[decoder.answer.tokens[step.position]]])
        assert torch.allclose(row, expected, atol=2e-3)


def test_every_kind_of_segment_is_found(loaded):
    prompts = [loaded.prompt([{"role": "user", "content": q.turns[0]}]) for q in read_questions("practice")[::120]]
    done = []
    examples = record(loaded, prompts, fixed(Options(max_new_tokens=60)), lambda: done.append(1))
    assert set(examples.labels) == {NONE, SOME, ALL}
    assert len(done) == len(prompts)


def test_the_head_of_the_demo_pair_is_shipped_and_used(loaded):
    assert loaded.resources.head is not None
    assert (shipped_heads() / f"{pair_fingerprint(loaded.pair.target, loaded.pair.draft)}.safetensors").is_file()
    prompt = loaded.prompt([{"role": "user", "content": "Translate into German: The dog sleeps in the garden."}])
    texts = []
    for hrad in (True, False):
        decoder = loaded.decoder("specbranch", Options(speculation=Speculation(hrad=hrad), max_new_tokens=40))
        decoder.prefill(prompt)
        while decoder.answer.end is None:
            decoder.step()
        texts.append(decoder.answer.emitted)
        decoder.close()
    assert texts[0] == texts[1]


def test_a_head_file_that_is_not_right_is_one_line(loaded, tmp_path):
    target, layers = loaded.pair.target, loaded.target.layers
    mark = pair_fingerprint(target, loaded.pair.draft)
    file = tmp_path / f"{mark}.safetensors"
    save_head(file, loaded.resources.head, mark, "a test")
    assert read_head(file, mark, target, layers).layers == last_layers(layers)
    with pytest.raises(UserError, match="another pair"):
        read_head(file, "0" * 16, target, layers)
    whole = file.read_bytes()
    file.write_bytes(whole[: len(whole) // 2])
    head, notes = find_head(target, loaded.pair.draft, layers, tmp_path)
    assert head is None
    assert "spectui calibrate" in notes[0]
    file.write_bytes(whole)
    tensors = load_file(file)
    del tensors["2.bias"]
    save_file(tensors, file, {"format": "spectui.head/1", "fingerprint": mark})
    with pytest.raises(UserError, match="damaged"):
        read_head(file, mark, target, layers)
    with pytest.raises(UserError, match="cannot write"):
        save_head(tmp_path / f"{mark}.safetensors" / "below", loaded.resources.head, mark, "")


def test_the_fingerprint_tells_pairs_apart(loaded):
    target, draft = loaded.pair.target, loaded.pair.draft
    assert pair_fingerprint(target, draft) == pair_fingerprint(target, draft) != pair_fingerprint(draft, target)


def test_the_mark_of_a_model_whose_layers_are_quantised_knows_how_many_these_are():
    embedding = torch.ones(8, 4)
    shape = {"vocab_size": 8, "hidden_size": 4, "num_attention_heads": 2}
    two, three = (BareModel(LlamaConfig(**shape, num_hidden_layers=layers), embedding) for layers in (2, 3))
    assert pair_fingerprint(two, two) != pair_fingerprint(two, three)


@pytest.fixture
def loaded_before(monkeypatch, loaded):
    """The command finds its models loaded and measured."""
    alone = replace(loaded, pair=replace(loaded.pair, draft=None))
    monkeypatch.setattr("spectui.models.loading.load_pair", lambda choice, _: choice.draft == "none")
    monkeypatch.setattr("spectui.session.runtime.prepare", lambda without, *_: alone if without else loaded)


@pytest.mark.slow
def test_the_command_trains_reports_and_keeps(capsys, monkeypatch, tmp_path, loaded_before):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path))
    monkeypatch.setattr("spectui.train.calibration.LONGEST", 48)
    settings = SETTINGS
    assert run_calibrate(settings, ["practice"], 40) == 0
    out = capsys.readouterr().out
    assert "all accepted" in out
    assert "without the head: rollback" in out
    assert [file.suffix for file in heads().iterdir()] == [".safetensors"]


def test_the_command_says_what_is_missing(monkeypatch, tmp_path, loaded_before):
    monkeypatch.setenv("SPECTUI_HOME", str(tmp_path))
    with pytest.raises(UserError, match="segments; give more with --questions"):
        run_calibrate(SETTINGS, ["practice"], 3)
    assert FEWEST > 100
    without = replace(SETTINGS, model=replace(SETTINGS.model, draft="none"))
    with pytest.raises(UserError, match="--draft"):
        run_calibrate(without, ["practice"], 3)
    assert not heads().exists()
