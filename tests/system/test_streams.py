"""What a shell can do to the standard streams, and what libraries must not do to them."""

import http.server
import os
import shlex
import shutil
import socket
import subprocess
import sys
import time

import pytest
import torch
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from spectui.models.registry import demo_folder

from ..loopback import running_server
from ..program import as_process, one_line, spectui

SHORT = ("--max-new-tokens", "4")
HELP, MODELS, INFO = ("--help",), ("models",), ("datastore", "info")
RUN = ("run", "Hello!", "--draft", "none", "--mode", "ar", *SHORT)
BENCH = ("bench", "--limit", "1", "--modes", "ar", "--draft", "none", *SHORT)
COMPARE = ("compare", "Hello!", "--headless", "--rounds", "1", "--modes", "pld", "--draft", "none", *SHORT)
FULL = "cannot write to standard output: No space left on device"
CLOSED = "cannot write to standard output: it is closed"
GONE = ">&$gone"
"""Standard output is a pipe that nobody reads."""
LIMIT = 5.0 + 10.0
"""Seconds until an unknown hub id is refused: the 5 that it may take, and the imports on a busy machine."""


def shell(words, how):
    """The program with its streams as the shell arranges them."""
    read, gone = os.pipe()
    os.close(read)
    command = f"exec {shlex.join([sys.executable, '-m', 'spectui', *words])} {how.replace('$gone', str(gone))}"
    try:
        return subprocess.run(
            ["bash", "-c", command], stdin=subprocess.DEVNULL, capture_output=True, timeout=120, pass_fds=[gone]
        )
    finally:
        os.close(gone)


@pytest.mark.parametrize(
    ("words", "how", "code", "said"),
    [
        (HELP, ">/dev/full", 1, FULL),
        (MODELS, ">/dev/full", 1, FULL),
        (RUN, ">/dev/full", 1, FULL),
        (BENCH, ">/dev/full", 1, FULL),
        (("--version",), ">&-", 1, CLOSED),
        (INFO, ">&-", 1, CLOSED),
        (RUN, ">&-", 1, CLOSED),
        (("doctor",), ">&-", 1, CLOSED),
        (("chat",), ">&-", 1, "needs a terminal"),
        (("run", "-"), "<&-", 1, "cannot read standard input: it is closed; give the prompt as an argument"),
        (("chat",), "<&-", 1, "needs a terminal"),
        (RUN, "<&-", 0, None),
        (INFO, "2>&-", 0, None),
        (("run", "-"), "2>/dev/full", 2, None),
        (INFO, "<&- >&- 2>&-", 1, None),
        (HELP, GONE, 141, None),
        (MODELS, GONE, 141, None),
        (RUN, GONE, 141, None),
        (COMPARE, GONE, 141, None),
        (("run", "-"), "< <(yes | head -c 70000000)", 1, "standard input has more than 67,108,864 bytes"),
        (("run", "\udcff\udcfe"), "", 1, "the prompt is not UTF-8"),
    ],
)
def test_streams_that_are_closed_full_or_strange(words, how, code, said):
    done = shell(words, how)
    assert done.returncode == code, done
    if said is None:
        assert done.stderr == b""
    else:
        assert said in one_line(done)


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("compare", b"a \xff", "--headless"), 1, "the prompt is not UTF-8"),
        (("run", "x", "--model", b"\xff"), 1, "unknown model"),
        (("run", "x", "--mode", b"\xff"), 2, "unknown mode"),
        (("bench", "--questions", b"\xff"), 1, "cannot read questions"),
    ],
)
def test_words_that_are_not_utf8(words, code, said):
    done = spectui(*map(os.fsdecode, words))
    assert done.returncode == code, done
    assert said in one_line(done)


def test_a_system_message_that_is_not_utf8_is_not_blamed_on_the_template():
    said = one_line(spectui("run", "x", "--system", os.fsdecode(b"ab\xff")))
    assert "character 3 of the text is none" in said


def test_what_libraries_say_goes_to_the_log(tmp_path):
    log = tmp_path / "state" / "x.log"
    code = f"""
from pathlib import Path
from spectui.system.streams import messages, settle
settle(Path({str(log)!r}))
import logging, os, sys, warnings
from transformers.utils import logging as noisy
import torch
os.write(2, b"native\\n")
warnings.warn("a warning")
print("printed", file=sys.stderr)
logging.getLogger("any").warning("logged")
noisy.set_verbosity_info()
noisy.get_logger("transformers.models").warning("of transformers")
print("our own", file=messages(), flush=True)
print("output", flush=True)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, timeout=120)
    assert (done.stdout, done.stderr) == (b"output\n", b"our own\n")
    for words in ("native", "a warning", "printed", "logged", "of transformers"):
        assert words in log.read_text()
    assert log.stat().st_mode & 0o777 == 0o600


@pytest.fixture(scope="module")
def noisy(tmp_path_factory):
    """A model about which transformers has a lot to say."""
    folder = tmp_path_factory.mktemp("noisy")
    tokenizer = AutoTokenizer.from_pretrained(demo_folder() / "target")
    shape = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    model = LlamaForCausalLM(LlamaConfig(vocab_size=4096, max_position_embeddings=512, **shape))
    model.model.register_parameter("superfluous", torch.nn.Parameter(torch.zeros(3)))
    model.save_pretrained(folder)
    tokenizer.model_max_length = 8
    tokenizer.save_pretrained(folder)
    return folder


def test_a_model_that_makes_transformers_talk_leaves_standard_error_alone(noisy):
    done = as_process("run", "A prompt of more than eight tokens, surely.", "--model", str(noisy), *SHORT,
                   TRANSFORMERS_VERBOSITY="info")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.fixture
def silent_hub():
    """Takes connections and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


class Refusing(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_error(404)

    def do_HEAD(self):
        self.do_GET()

    def log_message(self, *_):
        """Nothing."""


@pytest.fixture
def refusing_hub():
    """Answers that it has nothing."""
    with running_server(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Refusing)) as server:
        yield f"http://127.0.0.1:{server.server_port}"


def build(hub, tmp_path, model="nobody/nothing"):
    file = tmp_path / "text.txt"
    file.write_text("Once upon a time.\n" * 20)
    begun = time.monotonic()
    done = as_process("datastore", "build", str(file), "--model", model, HF_ENDPOINT=hub, HF_HUB_CACHE=str(tmp_path))
    assert time.monotonic() - begun < LIMIT
    return done


@pytest.mark.parametrize("hub", ["silent", "http://127.0.0.1:9", "http://nowhere.invalid"])
def test_an_unknown_hub_id_without_a_network_is_refused_soon(hub, silent_hub, tmp_path):
    said = one_line(build(silent_hub if hub == "silent" else hub, tmp_path))
    assert "nobody/nothing is not in the local cache and the hub does not answer; check the name" in said


def test_an_unknown_hub_id_with_a_network(refusing_hub, tmp_path):
    assert "not in the local cache and the hub could not give it" in one_line(build(refusing_hub, tmp_path))


def test_a_cached_model_needs_no_network(silent_hub, tmp_path):
    folder = tmp_path / "models--nobody--tiny"
    shutil.copytree(demo_folder() / "target", folder / "snapshots" / "0")
    (folder / "refs").mkdir()
    (folder / "refs" / "main").write_text("0")
    done = build(silent_hub, tmp_path, "nobody/tiny")
    assert (done.returncode, done.stderr) == (0, b"")
