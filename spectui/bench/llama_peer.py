"""llama.cpp as a peer, through llama-cpp-python: on the model's own GGUF file, and on a Q8_0 file of its weights."""

import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any

import torch

from ..config.choice import ModelChoice
from ..engine.values.options import Options, Sampling
from ..models.gguf.cache import found_folder
from ..models.gguf.header import kind_name, read_header
from ..models.gguf.write import q8_0_file
from ..models.resolve import resolve
from ..models.sources import cached_model
from ..present.runs import LLAMA_CPP, Answered
from ..record.metrics import Numbers
from ..session.runtime import Runtime, free_memory
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .lane import Lane, Turn, peer_failed

LOOKUP_TOKENS = 2
"""What the library advises for prompt look-up where there is only a CPU."""
STEP = 512
"""A context has a multiple of so many tokens, so that it is seldom made anew."""
BATCH = 512
"""Tokens of a prompt that are read at once: the library's own default."""
PATIENCE = 300.0
"""Seconds that a trial may take; it takes two."""
SPARE = 1.5
"""What opening a file needs, as a share of its size."""
PACKAGE = "llama-cpp-python"
MISSING = (
    f"{LLAMA_CPP} needs the package {PACKAGE}: pip install 'spectui[llama-cpp]' (it is built from source with a C++ "
    "compiler and cmake: ten minutes on two cores)"
)
REBUILD = (
    "GCC 12 compiles its code for AMX wrongly, which this mends: CXXFLAGS='-fno-tree-dse -fno-dse' pip install "
    f"--force-reinstall --no-cache-dir --no-deps {PACKAGE} (or, slower, CMAKE_ARGS='-DGGML_NATIVE=OFF' before it)"
)
TRIAL = """
import sys
from llama_cpp import Llama
model = Llama(sys.argv[1], n_ctx=256, n_threads=int(sys.argv[2]), n_threads_batch=int(sys.argv[2]), verbose=False)
model.eval([1, 2, 3])
model.eval([4])
"""
"""What a wrong build dies of; here only the trial does."""


@dataclass(frozen=True, slots=True)
class LlamaPeer:
    """One way to call llama.cpp."""

    name: str
    own_file: bool
    """Whether it runs the file that the model came from, not the Q8_0 file made of its weights."""
    looks_up: bool = False


PEERS = {
    peer.name: peer
    for peer in (
        LlamaPeer(f"{LLAMA_CPP}-file", own_file=True),
        LlamaPeer(f"{LLAMA_CPP}-file-pld", own_file=True, looks_up=True),
        LlamaPeer(f"{LLAMA_CPP}-q8_0", own_file=False),
        LlamaPeer(f"{LLAMA_CPP}-q8_0-pld", own_file=False, looks_up=True),
    )
}
NAMES = (LLAMA_CPP, *PEERS)
"""The first stands for all others."""


def wanted_of(names: Sequence[str]) -> list[LlamaPeer]:
    """The peers among these names."""
    return [peer for peer in PEERS.values() if peer.name in names or LLAMA_CPP in names]


def check_package(names: Sequence[str]) -> None:
    """Raise UserError if a peer is wanted and its package is not there."""
    if wanted_of(names) and find_spec("llama_cpp") is None:
        raise UserError(MISSING)


def package_version() -> dict[str, str]:
    """The package and its version."""
    try:
        return {PACKAGE: version(PACKAGE)}
    except PackageNotFoundError:
        return {}


def llama_lanes(
    loaded: Runtime, names: Sequence[str], choice: ModelChoice, options: Options
) -> tuple[list[Lane], dict[str, str]]:
    """The lanes that are possible, and of the others why they are not."""
    wanted = wanted_of(names)
    left_out: dict[str, str] = {}
    lanes: list[Lane] = []
    models = OpenModels(torch.get_num_threads())
    for own_file in (True, False):
        some = [peer for peer in wanted if peer.own_file is own_file]
        if not some:
            continue
        try:
            file = own_gguf(choice) if own_file else made_gguf(loaded, choice)
            try_out(file, models.threads)
        except UserError as error:
            left_out |= {peer.name: str(error) for peer in some}
        else:
            lanes += [LlamaLane(loaded, peer, file, options, models) for peer in some]
    return lanes, left_out


def own_gguf(choice: ModelChoice) -> Path:
    """The GGUF file that a model came from; raises UserError if there is none."""
    place = resolve(choice)[0]
    if not place.gguf or not place.local:
        raise UserError(f"{place.title} came from no GGUF file; give one with --model")
    return Path(place.gguf)


def made_gguf(loaded: Runtime, choice: ModelChoice) -> Path:
    """A Q8_0 file of the model's weights; raises UserError if it cannot or need not be made."""
    place = resolve(choice)[0]
    if place.shape is not None:
        raise UserError(f"{place.title} has random weights, which are in no file")
    if place.gguf and place.local:
        file = Path(place.gguf)
        kinds = {kind_name(one.kind) for one in read_header(file).tensors.values() if len(one.shape) > 1}
        if kinds == {"Q8_0"}:
            raise UserError(f"{file.name} is of Q8_0 itself")
        folder = found_folder(file)
    else:
        folder = Path(place.source) if place.local else cached_model(place.source)
    if folder is None:
        raise UserError(f"{place.title} has no folder of weights to make a Q8_0 file from")
    return q8_0_file(folder, loaded.pair.target.config, place.title, lambda *_: None)


def try_out(file: Path, threads: int) -> None:
    """A pass in a process of its own; raises UserError if llama.cpp dies of it, or cannot run the file."""
    command = [sys.executable, "-c", TRIAL, str(file), str(threads)]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
    except subprocess.TimeoutExpired as error:
        raise UserError(f"{LLAMA_CPP} did not answer within {PATIENCE:g} s; leave it out") from error
    if done.returncode < 0:
        raise UserError(f"{LLAMA_CPP} dies here (signal {-done.returncode}); {REBUILD}")
    if done.returncode:
        reason = next((line for line in reversed(done.stderr.splitlines()) if line.strip()), "no reason given")
        raise UserError(f"{LLAMA_CPP} cannot run {sanitise_line(file.name)}: {sanitise_line(reason)}; leave it out")


class OpenModels:
    """llama.cpp's models, each lane's with its own cache; as many at a time as memory holds."""

    def __init__(self, threads: int) -> None:
        self.threads = threads
        self._open: dict[LlamaPeer, Any] = {}

    def get(self, peer: LlamaPeer, file: Path, tokens: int, known: Sequence[int]) -> Any:
        """A lane's model, with room for so many tokens; one that is opened anew reads ``known`` again."""
        found = self._open.get(peer)
        if found is not None and found.n_ctx() >= tokens:
            return found
        self.close(peer)
        free = free_memory(torch.device("cpu"))
        if free is not None and free < SPARE * file.stat().st_size:
            for other in list(self._open):
                self.close(other)
        made = self._open[peer] = opened(file, tokens, self.threads, peer.looks_up)
        made.eval(list(known) or [0])  # the first pass makes what later ones use
        if not known:
            made.reset()
        return made

    def rewind(self, peer: LlamaPeer) -> None:
        """Forget what a lane's model has read."""
        if peer in self._open:
            self._open[peer].reset()

    def close(self, peer: LlamaPeer) -> None:
        """Free a lane's model."""
        if (found := self._open.pop(peer, None)) is not None:
            found.close()


def opened(file: Path, tokens: int, threads: int, looks_up: bool = False) -> Any:
    """A model with a cache for so many tokens."""
    from llama_cpp import Llama
    from llama_cpp.llama_speculative import LlamaPromptLookupDecoding

    context = -(-tokens // STEP) * STEP
    draft = LlamaPromptLookupDecoding(num_pred_tokens=LOOKUP_TOKENS) if looks_up else None
    return Llama(
        str(file),
        n_ctx=context,
        n_batch=min(context, BATCH),
        n_threads=threads,
        n_threads_batch=threads,
        draft_model=draft,
        logits_all=looks_up,
        verbose=False,
    )


class LlamaLane:
    """llama.cpp as a lane; only its whole calls are measured, from ids to ids.

    As our lanes do, it reuses what it has read of a conversation, and nothing of the question before.
    """

    mode: str | None = None
    peer: str | None
    keeps_promise = False

    def __init__(self, loaded: Runtime, peer: LlamaPeer, file: Path, options: Options, models: OpenModels) -> None:
        self.name = self.peer = peer.name
        self._peer, self._file, self._models = peer, file, models
        self._most, self._context, self._ends = options.max_new_tokens, loaded.limits.context, loaded.pair.eos
        self._seed = options.sampling.seed
        self._arguments = _sampling(options.sampling)
        self._known: list[int] = []
        """What its cache holds of the conversation."""

    def begin(self) -> None:
        """Start from an empty cache."""
        self._known = []
        self._models.rewind(self._peer)

    def learn(self, turns: Sequence[Turn]) -> None:
        """Nothing: a peer has no memory."""

    def answer(self, prompt: Sequence[int]) -> Answered:
        """One call; raises UserError with the library's reason if it cannot."""
        most = min(self._most, self._context - len(prompt))
        try:
            model = self._models.get(self._peer, self._file, len(prompt) + most, self._known)
            model.set_seed(self._seed)
            start = perf_counter()
            tokens = self._generated(model, prompt, most)
            wall = (perf_counter() - start) * 1e3
            self._known = model.input_ids[: model.n_tokens].tolist()
        except Exception as error:
            raise peer_failed(self.name, error) from error
        return Answered(tokens, wall, Numbers(emitted=len(tokens)))

    def _generated(self, model: Any, prompt: Sequence[int], most: int) -> tuple[int, ...]:
        made: list[int] = []
        for token in model.generate(list(prompt), **self._arguments):
            made.append(int(token))
            if len(made) == most or token in self._ends:
                break
        return tuple(made)


def _sampling(sampling: Sampling) -> Mapping[str, Any]:
    """The same settings in llama.cpp's words, which applies them in an order of its own."""
    return {
        "temp": sampling.temperature,
        "top_k": sampling.top_k,
        "top_p": sampling.top_p,
        "min_p": sampling.min_p,
        "repeat_penalty": sampling.repetition_penalty,
    }
