"""llama.cpp as a peer: the files it is given, what stops it, and its lanes where its package is installed."""

import io
import os
from importlib.util import find_spec

import gguf
import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind
from rich.console import Console
from transformers import AutoConfig

from spectui.bench import llama_peer
from spectui.bench.bench import Bench
from spectui.bench.questions import Question
from spectui.bench.request import PEER_NAMES, Request, make_lanes
from spectui.config.choice import ModelChoice
from spectui.config.paths import gguf_files
from spectui.config.settings import Settings
from spectui.models.gguf.cache import converted
from spectui.models.gguf.write import q8_0_file
from spectui.models.loading import load_pair
from spectui.present.report import Report
from spectui.present.tables import markdown_text, print_report
from spectui.session.environment import environment
from spectui.session.runtime import prepare
from spectui.system.errors import UserError

from ..demo import runtime
from ..models.gguf_files import write_gguf
from ..program import one_line, spectui

IDS = [5, 40, 3, 99, 17, 250, 8, 30, 77, 120, 9, 200]
QUESTIONS = [Question("1", "chat", ("the 123 the", "and the 12?")), Question("2", "chat", ("the end",))]
needs_package = pytest.mark.skipif(
    find_spec("llama_cpp") is None, reason="llama-cpp-python is not installed: it is built from source in ten minutes"
)


@pytest.fixture(autouse=True)
def own_cache(home):
    """Files of one test are not found by another."""
    (home / "cache").unlink()
    (home / "cache").mkdir(0o700)


def made_q8_0(path, family="llama", **how):
    """A model, and the Q8_0 file that is made from its GGUF file."""
    expected = write_gguf(path, family, **how)
    folder = converted(path, "tiny", lambda *_: None)
    return expected, q8_0_file(folder, expected.config, "tiny", lambda *_: None)


def weights(file):
    return {tensor.name: gguf.dequantize(tensor.data, tensor.tensor_type) for tensor in gguf.GGUFReader(file).tensors}


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3"])
@pytest.mark.parametrize("tied", [True, False])
def test_a_q8_0_file_holds_the_weights_of_the_file_it_comes_from(tmp_path, family, tied):
    _, made = made_q8_0(tmp_path / "m.gguf", family, kind=Kind.Q8_0, tied=tied)
    before, after = weights(tmp_path / "m.gguf"), weights(made)
    assert before.keys() == after.keys()
    for name, values in before.items():
        np.testing.assert_allclose(after[name], values, rtol=1e-3, atol=1e-6, err_msg=name)
    fields = gguf.GGUFReader(made).fields
    for name, field in gguf.GGUFReader(tmp_path / "m.gguf").fields.items():
        if name.startswith(f"{family}."):
            told = field.contents()
            assert fields[name].contents() == (told if isinstance(told, str) else pytest.approx(told, rel=1e-6)), name


def test_a_q8_0_file_is_made_once_and_whole_or_not_at_all(tmp_path, monkeypatch):
    calls = []
    quantize = gguf.quantize

    def fails(values, kind):
        calls.append(kind)
        if len(calls) == 3:
            raise OSError(28, os.strerror(28))
        return quantize(values, kind)

    write_gguf(tmp_path / "m.gguf", kind=Kind.F32)
    folder = converted(tmp_path / "m.gguf", "tiny", lambda *_: None)
    config = AutoConfig.from_pretrained(folder)
    monkeypatch.setattr(gguf, "quantize", fails)
    with pytest.raises(UserError, match=r"could not be written to .*No space left"):
        q8_0_file(folder, config, "tiny", lambda *_: None)
    assert {path.suffix for path in gguf_files().iterdir()} <= {".lock"}
    made = q8_0_file(folder, config, "tiny", lambda *_: None)
    count = len(calls)
    assert q8_0_file(folder, config, "tiny", lambda *_: None) == made
    assert len(calls) == count
    os.utime(folder / "model.safetensors", (1, 1))
    newer = q8_0_file(folder, config, "tiny", lambda *_: None)
    assert list(gguf_files().glob("*.gguf")) == [newer] != [made], "what was made of older weights is removed"


def test_other_families_get_a_reason(tmp_path):
    config = write_gguf(tmp_path / "m.gguf").config
    config.model_type = "gpt_neox"
    with pytest.raises(UserError, match="llama, qwen2, qwen3, gemma3; tiny is of the family gpt_neox"):
        q8_0_file(tmp_path, config, "tiny", lambda *_: None)


def test_the_name_of_all_stands_for_each(monkeypatch):
    assert {peer.name for peer in llama_peer.wanted_of(["hf", "llama.cpp"])} == set(llama_peer.PEERS)
    assert [peer.name for peer in llama_peer.wanted_of(["llama.cpp-q8_0"])] == ["llama.cpp-q8_0"]
    assert set(llama_peer.NAMES) < set(PEER_NAMES)
    monkeypatch.setattr(llama_peer, "find_spec", lambda name: None)
    llama_peer.check_package(["hf"])
    with pytest.raises(UserError, match=r"pip install 'spectui\[llama-cpp\]' .*ten minutes") as caught:
        llama_peer.check_package(["llama.cpp-q8_0"])
    assert "\n" not in str(caught.value)


def test_the_bench_says_so_before_it_loads_anything(monkeypatch):
    monkeypatch.setattr(llama_peer, "find_spec", lambda name: None)
    done = spectui("bench", "--model", "demo", "--peers", "hf,llama.cpp")
    assert done.returncode == 1
    assert "llama.cpp needs the package llama-cpp-python: pip install 'spectui[llama-cpp]'" in one_line(done)


@pytest.mark.parametrize(
    ("code", "told"),
    [
        ("import os, signal; os.kill(os.getpid(), signal.SIGSEGV)", r"dies here \(signal 11\); .* pip install"),
        (
            "raise ValueError('unknown\x1b architecture')",
            "cannot run m.gguf: ValueError: unknown.* architecture; leave",
        ),
    ],
)
def test_a_build_that_dies_or_refuses_does_not_take_the_bench_with_it(tmp_path, monkeypatch, code, told):
    folder = tmp_path / "llama_cpp"
    folder.mkdir()
    (folder / "__init__.py").write_text(f"class Llama:\n    def __init__(self, *_, **__):\n        {code}\n")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])]))
    with pytest.raises(UserError, match=told) as caught:
        llama_peer.try_out(tmp_path / "m.gguf", 1)
    assert "\n" not in str(caught.value)


def test_what_came_from_no_gguf_file_or_has_no_weights_says_so():
    with pytest.raises(UserError, match="demo came from no GGUF file"):
        llama_peer.own_gguf(ModelChoice("demo"))
    with pytest.raises(UserError, match="has random weights"):
        llama_peer.made_gguf(runtime(), ModelChoice("random:demo"))


def test_a_file_of_q8_0_is_not_made_twice(tmp_path):
    write_gguf(tmp_path / "m.gguf", kind=Kind.Q8_0)
    with pytest.raises(UserError, match=r"m\.gguf is of Q8_0 itself"):
        llama_peer.made_gguf(runtime(), ModelChoice(str(tmp_path / "m.gguf")))


@needs_package
@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3"])
def test_llama_cpp_computes_from_a_made_file_what_transformers_computes(tmp_path, family):
    expected, made = made_q8_0(tmp_path / "m.gguf", family, kind=Kind.F32)
    model = llama_peer.opened(made, 64, 1, looks_up=True)
    model.eval(IDS)
    found = torch.from_numpy(model.scores[: len(IDS)].copy())
    with torch.inference_mode():
        logits = expected(input_ids=torch.tensor([IDS])).logits[0]
    assert float(torch.nn.functional.cosine_similarity(found, logits, dim=-1).min()) > 0.999
    model.close()


@pytest.fixture
def tiny(tmp_path):
    """A model from a GGUF file of float32 weights, and its settings."""
    write_gguf(tmp_path / "m.gguf", kind=Kind.F32)
    choice = ModelChoice(str(tmp_path / "m.gguf"), "none")
    loaded = prepare(load_pair(choice, lambda *_: None), lambda *_: None, 0.0)
    return loaded, Settings(model=choice).with_flags("decoding", max_new_tokens=24)


@needs_package
def test_its_lanes_answer_beside_ours_from_the_same_ids(tiny):
    loaded, settings = tiny
    lanes, left_out = make_lanes(loaded, Request((), ("pld",), ("llama.cpp",)), settings)
    assert left_out == {}
    assert [lane.name for lane in lanes] == ["ar", "pld", *llama_peer.PEERS]
    bench = Bench(loaded, lanes, QUESTIONS, settings.options, None)
    runs = list(bench.runs({}))
    assert bench.failed == {}
    texts = {(run.lane, run.question_id, run.turn): run.tokens for run in runs}
    for run in runs:
        place = run.question_id, run.turn
        assert 0 < run.new_tokens <= 24
        assert run.wall_ms > 0
        if run.peer:
            assert run.decode_ms is None
            assert run.identical is not None
        if run.lane == "llama.cpp-file":
            assert run.tokens == texts["ar", *place], "float32 weights, computed in float32 on both sides"
            assert run.tokens == texts["llama.cpp-file-pld", *place]
    report = Report.of(environment(loaded, settings.options, settings.model.model), runs, left_out)
    shown = markdown_text(report)
    assert "llama.cpp-file: same text as plain decoding in 3 of 3 answers" in shown
    assert "llama.cpp-q8_0: same text as plain decoding in" in shown
    assert "llama.cpp-q8_0, question" not in shown
    assert "| call tok/s |" in shown
    out = io.StringIO()
    print_report(report, Console(file=out, width=200))
    assert "llama.cpp-q8_0-pld" in out.getvalue()


@needs_package
def test_it_reuses_the_conversation_and_nothing_of_the_question_before(tiny, monkeypatch):
    loaded, settings = tiny
    lanes, _ = make_lanes(loaded, Request((), (), ("llama.cpp-file",)), settings)
    from llama_cpp import Llama

    read = []
    evaluate = Llama.eval
    monkeypatch.setattr(Llama, "eval", lambda self, tokens: read.append(len(tokens)) or evaluate(self, tokens))
    lane = lanes[-1]
    prompt = IDS * 3
    lane.begin()
    first = lane.answer(prompt)
    longer = [*prompt, *first.tokens, *IDS]
    read.clear()
    lane.answer(longer)
    assert read[0] <= len(IDS) + 1
    lane.begin()
    read.clear()
    lane.answer(longer)
    assert read[0] == len(longer)
    read.clear()
    lane._models.close(lane._peer)
    again = lane.answer([*longer, *IDS])
    assert len(again.tokens) > 0
    assert read[0] >= len(longer), "opened anew, it reads the conversation again before its time is taken"
    assert read[1] <= len(IDS) + 24


@needs_package
def test_it_ends_at_the_models_end_tokens_and_samples_with_the_seed(tiny):
    loaded, settings = tiny
    lanes, _ = make_lanes(loaded, Request((), (), ("llama.cpp-file", "llama.cpp-file-pld")), settings)
    plain = lanes[1]
    whole = plain.answer(IDS).tokens
    plain._ends = frozenset({whole[3]})
    plain.begin()
    assert plain.answer(IDS).tokens == whole[: whole.index(whole[3]) + 1]
    hot = settings.with_flags("decoding", temperature=1.0, top_p=0.9, seed=7)
    made = []
    for _ in range(2):
        lanes, _ = make_lanes(loaded, Request((), (), ("llama.cpp-file",)), hot)
        made.append(lanes[1].answer(IDS).tokens)
    assert made[0] == made[1] != whole
