"""GGUF files: every family and quantisation as it was written, and whatever may be wrong with a file, in one line.

What is expected are the weights that the test wrote, dequantised by llama.cpp's library, in a model of transformers:
its own reading of GGUF would need `accelerate`.
"""

import errno
import json
import shutil
import struct
import subprocess
import sys
import time
from collections import namedtuple
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
import torch
from gguf import GGMLQuantizationType as Kind

from spectui.config.choice import ModelChoice
from spectui.config.paths import gguf_folders
from spectui.models.gguf import cache, header
from spectui.models.gguf.rope import llama3_factors
from spectui.models.loading import load_pair
from spectui.models.template import has_template, prompt_ids
from spectui.system import memory
from spectui.system.errors import UserError

from .gguf_files import HEAD, write_gguf

pytestmark = pytest.mark.oldest
KINDS = ("F32", "F16", "BF16", "Q4_0", "Q4_1", "Q5_K", "Q6_K", "Q8_0")
IDS = torch.tensor([[5, 40, 3, 99, 17, 250, 8, 30, 77, 120, 9, 200]])


@pytest.fixture(autouse=True)
def own_cache(home):
    """Conversions of one test are not found by another."""
    (home / "cache").unlink()
    (home / "cache").mkdir(0o700)


def load(path, **more):
    return load_pair(ModelChoice(str(path), "none", **more), lambda *_: None)


def refused(path, **more):
    with pytest.raises(UserError) as caught:
        load(path, **more)
    assert "\n" not in str(caught.value)
    assert not list(gguf_folders().glob("*/")) if gguf_folders().exists() else True, "nothing half made is left"
    return str(caught.value)


@torch.inference_mode()
def same(pair, expected):
    assert pair.target.config.tie_word_embeddings != ("lm_head.weight" in dict(expected.named_parameters()))
    for name, tensor in expected.state_dict().items():
        assert torch.equal(pair.target.state_dict()[name], tensor), name
    assert torch.equal(pair.target(input_ids=IDS).logits, expected(input_ids=IDS).logits)


@pytest.mark.parametrize("kind", KINDS)
def test_every_quantisation_gives_the_weights_that_were_written(tmp_path, kind):
    expected = write_gguf(tmp_path / "m.gguf", kind=Kind[kind])
    same(load(tmp_path / "m.gguf"), expected)


@pytest.mark.parametrize("family", ["llama", "qwen2", "qwen3", "gemma3"])
@pytest.mark.parametrize("tied", [True, False])
def test_every_family_gives_the_logits_of_transformers(tmp_path, family, tied):
    expected = write_gguf(tmp_path / "m.gguf", family, Kind.Q4_1, tied)
    pair = load(tmp_path / "m.gguf")
    same(pair, expected)
    text = "the  token 123 of\n the end é"
    ids = pair.tokenizer(text)["input_ids"]
    assert pair.tokenizer.decode(ids, skip_special_tokens=True) == text
    assert has_template(pair.tokenizer)
    assert pair.context == 512
    assert prompt_ids(pair.tokenizer, [{"role": "user", "content": "hi"}])
    assert pair.eos == ({1, 5} if family == "gemma3" else {0, 2})


def test_texts_are_cut_as_the_file_says(tmp_path):
    for pre, expected in (("smollm", ["1", "2", "3"]), ("llama-bpe", ["123"]), ("qwen2", ["1", "2", "3"])):
        write_gguf(tmp_path / f"{pre}.gguf", metadata={"tokenizer.ggml.pre": pre}.items())
        pair = load(tmp_path / f"{pre}.gguf")
        ids = pair.tokenizer("123", add_special_tokens=False)["input_ids"]
        assert pair.tokenizer.convert_ids_to_tokens(ids) == expected
        assert pair.tokenizer.tokenize("the<think><|im_end|>")[-2:] == ["<think>", "<|im_end|>"]


def test_the_factors_of_llama_3_become_its_rope(tmp_path):
    factors = llama3_factors(50000.0, HEAD, 8.0).astype(np.float32)
    write_gguf(tmp_path / "m.gguf", extra=[("rope_freqs.weight", factors)])
    rope = load(tmp_path / "m.gguf").target.config.rope_parameters
    assert (rope["rope_type"], rope["factor"], rope["original_max_position_embeddings"]) == ("llama3", 8.0, 8192)
    write_gguf(tmp_path / "n.gguf", extra=[("rope_freqs.weight", factors[::-1].copy())])
    assert "other numbers than Llama 3's" in refused_again(tmp_path / "n.gguf")


def refused_again(path):
    with pytest.raises(UserError) as caught:
        load(path)
    return str(caught.value)


def test_large_models_are_kept_in_bfloat16(tmp_path, monkeypatch):
    from spectui.models.gguf import convert

    monkeypatch.setattr(convert, "WIDEST", 1000)
    expected = write_gguf(tmp_path / "m.gguf", kind=Kind.Q8_0)
    found = load(tmp_path / "m.gguf").target.state_dict()
    for name, tensor in expected.state_dict().items():
        assert torch.equal(found[name], tensor.bfloat16().float() if tensor.dim() > 1 else tensor), name


def test_a_second_load_reads_the_folder(tmp_path):
    write_gguf(tmp_path / "m.gguf")
    load(tmp_path / "m.gguf")
    (folder,) = (path for path in gguf_folders().iterdir() if path.is_dir())
    before = (folder / "model.safetensors").stat().st_mtime_ns
    load(tmp_path / "m.gguf")
    assert (folder / "model.safetensors").stat().st_mtime_ns == before
    write_gguf(tmp_path / "m.gguf", kind=Kind.F16)  # another file of the same name takes its place
    load(tmp_path / "m.gguf")
    (newer,) = (path for path in gguf_folders().iterdir() if path.is_dir())
    assert newer != folder


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.01, 0.3, 0.999])
def test_a_file_that_was_cut(tmp_path, share):
    file = tmp_path / "m.gguf"
    write_gguf(file)
    data = file.read_bytes()
    file.write_bytes(data[: int(share * len(data))])
    said = refused(file)
    assert "download it again" in said or "no GGUF file" in said


@pytest.mark.parametrize("place", range(0, 300, 3))
def test_no_number_of_a_header_is_believed(tmp_path, place):
    """Eight bytes of it at a time are set to the largest number; whatever that makes of it, nothing is allocated."""
    file = tmp_path / "m.gguf"
    made = tmp_path.parent / "whole.gguf"
    if not made.exists():
        write_gguf(made)
    data = bytearray(made.read_bytes())
    data[place : place + 8] = b"\xff" * 8
    file.write_bytes(data)
    begun = time.monotonic()
    with suppress(UserError):
        header.read_header(file)
    assert time.monotonic() - begun < 30


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("llama.block_count", 4_000_000_000, "block_count"),
        ("llama.block_count", 1_000_000, "1,000,000 layers"),
        ("llama.embedding_length", 1_000_000, "not"),
        ("llama.attention.head_count", 0, "head_count"),
        ("llama.feed_forward_length", "many", "feed_forward_length"),
        ("llama.feed_forward_length", None, "does not say its feed_forward_length"),
        ("llama.expert_count", 8, "mixture of experts"),
        ("llama.rope.dimension_count", 16, "rotates 16 of 32"),
        ("llama.rope.scaling.type", "longrope", "stretches its positions"),
        ("split.count", 3, "one of 3 parts"),
        ("tokenizer.ggml.model", "t5", "tokenizer of the kind t5"),
        ("tokenizer.ggml.pre", "never-heard-of", "never-heard-of"),
        ("tokenizer.ggml.tokens", None, "has no tokenizer"),
        ("tokenizer.ggml.merges", ["q☃ z☃"], "tokenizer of m.gguf is damaged"),
    ],
)
def test_metadata_that_cannot_be_used(tmp_path, name, value, said):
    write_gguf(tmp_path / "m.gguf", metadata=[(name, value)])
    assert said in refused(tmp_path / "m.gguf")


def test_an_unknown_architecture(tmp_path):
    write_gguf(tmp_path / "m.gguf")
    data = (tmp_path / "m.gguf").read_bytes()
    (tmp_path / "m.gguf").write_bytes(data.replace(b"\x05\0\0\0\0\0\0\0llama", b"\x05\0\0\0\0\0\0\0mamba", 1))
    said = refused(tmp_path / "m.gguf")
    assert "architecture mamba" in said
    assert "safetensors" in said


@pytest.mark.parametrize(("number", "said"), [(250, "number 250"), (Kind.I32, "I32")])
def test_an_unknown_quantisation(tmp_path, number, said):
    file = tmp_path / "m.gguf"
    write_gguf(file, kind=Kind.F32)
    name = b"token_embd.weight"
    data = bytearray(file.read_bytes())
    at = data.index(name) + len(name) + 4 + 16
    assert struct.unpack_from("<I", data, at) == (Kind.F32,)
    struct.pack_into("<I", data, at, number)
    file.write_bytes(data)
    message = refused(file)
    assert said in message
    assert "Q8_0" in message


def test_missing_and_unknown_tensors(tmp_path):
    write_gguf(tmp_path / "m.gguf", drop=["blk.1.ffn_up.weight"])
    assert "no complete model: 1 of its tensors" in refused(tmp_path / "m.gguf")
    write_gguf(tmp_path / "n.gguf", extra=[("blk.0.ssm_a.weight", np.zeros(32, np.float32))])
    assert "blk.0.ssm_a.weight" in refused(tmp_path / "n.gguf")


def test_without_a_chat_template_the_plain_one_is_used(tmp_path):
    write_gguf(tmp_path / "m.gguf", metadata=[("tokenizer.chat_template", None)])
    pair = load(tmp_path / "m.gguf")
    assert not has_template(pair.tokenizer)
    assert pair.tokenizer.decode(prompt_ids(pair.tokenizer, [{"role": "user", "content": "hi"}])).startswith("User: hi")


def test_a_full_disk_is_told_before_it_is_tried(tmp_path, monkeypatch):
    write_gguf(tmp_path / "m.gguf")
    usage = namedtuple("usage", "total used free")(10**9, 10**9, 10**6)
    monkeypatch.setattr(cache.shutil, "disk_usage", lambda _: usage)
    said = refused(tmp_path / "m.gguf")
    assert "1 MB are free" in said
    assert "SPECTUI_HOME" in said


def test_a_disk_that_fills_meanwhile_leaves_nothing(tmp_path, monkeypatch):
    from spectui.models.gguf import convert

    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    write_gguf(tmp_path / "m.gguf")
    monkeypatch.setattr(convert, "_write_weights", full)
    said = refused(tmp_path / "m.gguf")
    assert "No space left" in said
    assert "make room" in said


def test_too_little_memory_is_told_before_it_is_tried(tmp_path, monkeypatch):
    write_gguf(tmp_path / "m.gguf")
    monkeypatch.setattr("spectui.models.size.available_memory", lambda: 2_000_000)
    said = refused_again(tmp_path / "m.gguf")
    assert "of memory and 2 MB are free" in said
    assert not list(gguf_folders().glob("*/")), "not even converted"


def test_memory_of_this_machine_is_known():
    assert 10**6 < memory.available_memory() < 10**15


@pytest.mark.parametrize("how", ["give-up", "broken"])
def test_a_conversion_that_is_given_up_leaves_nothing(tmp_path, how):
    write_gguf(tmp_path / "m.gguf")

    def stop(what, share):
        if share:
            raise KeyboardInterrupt if how == "give-up" else RuntimeError

    with pytest.raises((KeyboardInterrupt, RuntimeError)):
        cache.converted(tmp_path / "m.gguf", "m", stop)
    assert not list(gguf_folders().glob("*/"))
    load(tmp_path / "m.gguf")


CONVERT = """
import sys
from pathlib import Path
from spectui.models.gguf import cache, convert
write = convert.write_folder
def told(*given):
    print("converts", flush=True)
    sys.stdin.readline()
    write(*given)
convert.write_folder = told
print(cache.converted(Path(sys.argv[1]), "m", lambda what, _: print(what, flush=True)), flush=True)
"""


def test_two_programs_at_once_convert_once(tmp_path):
    write_gguf(tmp_path / "m.gguf")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    command = [sys.executable, "-c", CONVERT, str(tmp_path / "m.gguf")]
    first = subprocess.Popen(command, **pipes)
    while first.stdout.readline().strip() != "converts":
        assert first.poll() is None
    second = subprocess.Popen(command, **pipes)
    while "another program" not in second.stdout.readline():
        assert second.poll() is None
    one, _ = first.communicate("\n", timeout=120)
    other, _ = second.communicate("\n", timeout=120)
    assert one.splitlines()[-1] == other.splitlines()[-1]
    assert Path(one.splitlines()[-1], "model.safetensors").is_file()
    assert "converts" not in other.splitlines()


def test_what_a_killed_program_left_is_cleared_away(tmp_path):
    write_gguf(tmp_path / "m.gguf")
    folder = cache.folder_of(tmp_path / "m.gguf")
    half = folder.with_name(f"{folder.name}.tmp")
    half.mkdir(parents=True)
    (half / "model.safetensors").write_bytes(b"half")
    load(tmp_path / "m.gguf")
    assert not half.exists()
    assert json.loads((folder / "origin.json").read_text())["path"] == str(tmp_path / "m.gguf")


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "m.gguf").write_bytes(b"PK\x03\x04" * 100)
    assert "is no GGUF file" in refused(tmp_path / "m.gguf")
    assert "does not exist" in refused(tmp_path / "n.gguf")
    shutil.copy(__file__, tmp_path / "m.txt")
    assert "neither a folder nor a .gguf file" in refused(tmp_path / "m.txt")


@pytest.mark.parametrize("family", ["llama", "gemma3", "demo"])
def test_a_tokenizer_that_was_read_early_is_the_one_that_transformers_reads(tmp_path, family):
    from transformers import AutoTokenizer

    path = "demo"
    if family != "demo":
        path = tmp_path / "m.gguf"
        write_gguf(path, family)
        load(path)
    early = load(path).tokenizer
    usual = AutoTokenizer.from_pretrained(early.name_or_path)
    assert type(early) is type(usual)
    for name in ("chat_template", "all_special_ids", "special_tokens_map", "added_tokens_decoder", "model_max_length",
                 "is_fast", "padding_side", "clean_up_tokenization_spaces"):  # fmt: skip
        assert getattr(early, name) == getattr(usual, name), name
    assert early.get_vocab() == usual.get_vocab()
    text = "the  end of 123<|im_end|>\n é"
    assert early(text)["input_ids"] == usual(text)["input_ids"]
    talk = [{"role": "user", "content": text}]
    assert prompt_ids(early, talk) == prompt_ids(usual, talk)
