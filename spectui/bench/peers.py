"""What a user would otherwise run: transformers' own ``generate``, on the same weights in untouched modules."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import torch

from ..engine.model.quantised import BareModel
from ..engine.values.options import Options, Sampling
from ..present.runs import Answered
from ..record.metrics import Numbers
from ..session.runtime import Runtime
from .lane import Turn, peer_failed

LOOKUP_TOKENS = 10


@dataclass(frozen=True, slots=True)
class Peer:
    """One way to call ``generate``."""

    name: str
    extra: Callable[[Any | None], Mapping[str, Any]]
    """Draft module -> further arguments."""
    needs_draft: bool = False


PEERS = {
    peer.name: peer
    for peer in (
        Peer("hf", lambda draft: {}),
        Peer("hf-assisted", lambda draft: {"assistant_model": draft}, needs_draft=True),
        Peer("hf-pld", lambda draft: {"prompt_lookup_num_tokens": LOOKUP_TOKENS}),
    )
}


class PeerLane:
    """A peer as a lane; only its whole calls are measured, from ids to ids."""

    mode: str | None = None
    peer: str | None
    keeps_promise = False

    def __init__(self, loaded: Runtime, peer: Peer, options: Options, modules: "Modules") -> None:
        self.name = self.peer = peer.name
        self._options, self._context = options, loaded.limits.context
        self._target = modules.target
        self._arguments = {
            "eos_token_id": sorted(loaded.pair.eos),
            "pad_token_id": min(loaded.pair.eos, default=0),
            **_sampling(options.sampling),
            **peer.extra(modules.draft),
        }

    def begin(self) -> None:
        """Nothing: a call knows nothing of the one before."""

    def learn(self, turns: Sequence[Turn]) -> None:
        """Nothing: a peer has no memory."""

    @torch.inference_mode()
    def answer(self, prompt: Sequence[int]) -> Answered:
        """One call of ``generate``; raises UserError with the library's reason if it cannot."""
        start = perf_counter()
        ids = torch.tensor([list(prompt)], device=self._target.device)
        torch.manual_seed(self._options.sampling.seed)
        most = min(self._options.max_new_tokens, self._context - len(prompt))
        try:
            out = self._target.generate(
                ids, attention_mask=torch.ones_like(ids), max_new_tokens=most, **self._arguments
            )
        except Exception as error:
            raise peer_failed(self.name, error) from error
        tokens = tuple(out[0, len(prompt) :].tolist())
        return Answered(tokens, (perf_counter() - start) * 1e3, Numbers(emitted=len(tokens)))


@dataclass(frozen=True, slots=True)
class Modules:
    """The models as transformers built them: its forward, its attention, its caches; the weights are shared."""

    target: Any
    draft: Any | None


def why_not_untouched(loaded: Runtime) -> str | None:
    """Why transformers cannot run the models itself, as a clause with the remedy; None if it can."""
    bare = any(isinstance(model, BareModel) for model in loaded.pair.models)
    return "its own weights are not loaded beside quantised ones (--dtype float32)" if bare else None


def untouched(loaded: Runtime) -> Modules:
    """A second instance of target and draft that shares the weights of the first."""
    pair = loaded.pair
    return Modules(_twin(pair.target), _twin(pair.draft) if pair.draft is not None else None)


def _twin(model: Any) -> Any:
    parameters = {id(parameter): parameter for parameter in model.parameters()}
    twin = copy.deepcopy(model, parameters)
    twin.set_attn_implementation("sdpa" if getattr(twin, "_supports_sdpa", False) else "eager")
    return twin


def _sampling(sampling: Sampling) -> dict[str, Any]:
    made: dict[str, Any] = {"repetition_penalty": sampling.repetition_penalty}
    if sampling.temperature == 0.0:
        return made | {"do_sample": False, "temperature": None, "top_k": None, "top_p": None}
    chosen = {name: getattr(sampling, name) for name in ("temperature", "top_k", "top_p")}
    return made | chosen | {"do_sample": True, "min_p": sampling.min_p or None}
