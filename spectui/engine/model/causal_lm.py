"""A causal language model behind one narrow interface: prefill a prompt, verify a tree."""

import logging
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import torch

from ...system.errors import UnsupportedModel
from ..values.draft_tree import DraftTree, visibility
from ..values.dtypes import INT8
from . import cuda
from .capability import OUTPUT_TOKEN_IDS, Capability, capability, layer_types, rope_switch, text_config
from .cuda_graphs import Capturer, CudaCapturer, GraphCache
from .forward import PREFILL_CHUNK, Backend, ForwardInput, Output
from .int8 import exact_here
from .kv_cache import CHUNK, AnyCache, KVCache
from .llama import LlamaForward, why_not_llama
from .load_check import FATAL, Check, cache_name, unsupported
from .quantised import QuantisedWeights, quantised_body

log = logging.getLogger(__name__)

NO_TREE = "transformers gives it other logits for a tree of tokens than for the tree's paths"


class CausalLM:
    """A causal language model that verifies token trees over a cache that it does not own.

    Any number of sequences can share one CausalLM, each with its own cache from ``new_cache``; a draft model is one
    too. Only one thread may call it at a time. ``pack`` spends as much memory again as the weights take, for speed on
    a CPU. ``capturer`` captures the passes of the Llama forward; without one, a CUDA device captures graphs.
    ``quantised`` stands in for the linear layers of a model that has none of its own.
    """

    def __init__(
        self,
        model: Any,
        llama_forward: bool = True,
        pack: bool = False,
        capturer: Capturer | None = None,
        quantised: QuantisedWeights | None = None,
    ) -> None:
        self.model = model
        self.config = text_config(model)
        self.device: torch.device = next(model.parameters()).device
        self.dtype: torch.dtype = next(model.parameters()).dtype
        cuda.settle(self.device)
        self.capability: Capability = capability(model)
        self.layers = len(layer_types(self.config))
        self.rope_switch = rope_switch(self.config)
        self._why_not_captured = "its cache cannot be cut back"
        self.backend: Backend
        if quantised is not None:
            why = self._settle(Check(model, quantised.expected), self._quantised(quantised, pack))
            if why is not None:
                kind, dtype = self.config.model_type, quantised.dtype
                raise UnsupportedModel(f"a model of type {kind} cannot run in {dtype} here: {why}; use --dtype float32")
        else:
            cache_name(model)  # raises for a model that takes no cache
            from . import transformers_attention as attention  # takes a second, which quantised models save

            if self.capability.trees:
                attention.use(self.model, "eager")
            why = self._settle(Check(model), self._backends(llama_forward, pack, capturer))
            if why is not None:
                raise unsupported(model, why)

    def _settle(self, check: Check, backends: Iterable[Backend]) -> str | None:
        """Stay with the first way of running the model that gives what a plain forward with eager attention gives.

        If none does, why not.
        """
        why: str | None = None
        for backend in backends:
            self.backend = backend
            why = check.why_wrong(self)
            if why is None:
                return None
            log.info("one way less to run the model: %s", why)
        return why

    def _quantised(self, weights: QuantisedWeights, pack: bool) -> Iterator[Backend]:
        """The one way of running a model by quantised weights."""
        self._why_not_captured = f"its weights are {weights.dtype}"
        twice = pack and weights.dtype == INT8 and exact_here(for_few_rows=True)
        yield LlamaForward(self.model, twice, quantised_body(weights.tensors, self.layers, for_few_rows=twice))

    def _backends(self, llama_forward: bool, pack: bool, capturer: Capturer | None) -> Iterator[Backend]:
        """One way of running the model after the other, the fastest first."""
        from . import transformers_attention as attention
        from .transformers_forward import StatefulForward, TransformersForward

        if self.capability.trees:
            attention.use(self.model, attention.NAME)
            self._why_not_captured = why_not_llama(self.model) or "" if llama_forward else "it was not asked for"
            if not self._why_not_captured:
                yield self._captured(LlamaForward(self.model, pack), capturer)
                self._why_not_captured = "its logits differ from those of the Llama forward"
            yield TransformersForward(self.model)
            attention.use(self.model, "eager")
            yield TransformersForward(self.model)
            self.capability = replace(self.capability, why_no_tree=NO_TREE)
        yield StatefulForward(self.model)

    def _captured(self, llama: LlamaForward, capturer: Capturer | None) -> Backend:
        """The Llama forward, its passes captured where that is possible and of use."""
        if llama.masks.limited:
            self._why_not_captured = "its attention reaches only a window"
            return llama
        if capturer is None and self.device.type == "cuda":
            capturer = CudaCapturer(self.device)
        self._why_not_captured = f"there is no need for it on {self.device.type}"
        return llama if capturer is None else GraphCache(llama, capturer)

    @property
    def _llama(self) -> LlamaForward | None:
        backend = self.backend.llama if isinstance(self.backend, GraphCache) else self.backend
        return backend if isinstance(backend, LlamaForward) else None

    @property
    def uses_llama_forward(self) -> bool:
        """Whether the forward is ours instead of transformers'."""
        return self._llama is not None

    @property
    def output_token_ids(self) -> torch.Tensor | None:
        """The tokens that the columns of its logits stand for, int64 [columns]; None if these are all tokens."""
        return getattr(self.model, OUTPUT_TOKEN_IDS, None)

    @property
    def is_packed(self) -> bool:
        """Whether the weights exist a second time, in a faster layout."""
        return self._llama is not None and self._llama.packed

    @property
    def why_not_captured(self) -> str | None:
        """Why passes are not replayed from a captured graph, as a clause; None if they are."""
        return self.backend.failure if isinstance(self.backend, GraphCache) else self._why_not_captured

    def new_cache(self, capacity: int = CHUNK) -> AnyCache:
        """An empty cache for one sequence."""
        return self.backend.new_cache(capacity)

    @torch.inference_mode()
    def prepare(self, cache: AnyCache, rows: int, length: int, hidden: Sequence[int] = ()) -> bool:
        """Capture the passes over up to ``rows`` rows until the cache holds ``length``, so that no step has to.

        Whether there was anything to do: never where passes are not captured.
        """
        if not isinstance(self.backend, GraphCache) or self.backend.failure is not None:
            return False
        assert isinstance(cache, KVCache)
        return self.backend.prepare(cache, rows, length, hidden)

    def take_back(self, cache: AnyCache) -> None:
        """Nobody uses this cache any more; what was captured on it serves the next."""
        if isinstance(self.backend, GraphCache) and isinstance(cache, KVCache):
            self.backend.take_back(cache)

    def free(self) -> None:
        """Drop what is kept of caches that nobody uses any more."""
        if isinstance(self.backend, GraphCache):
            self.backend.free()

    @torch.inference_mode()
    def prefill(
        self,
        cache: AnyCache,
        ids: Sequence[int],
        cancelled: Callable[[], bool] = lambda: False,
        hidden: Sequence[int] = (),
        take: Callable[[int, torch.Tensor], None] | None = None,
    ) -> Output | None:
        """Append ``ids`` to the cache and commit them; the logits after the last, [1, vocabulary].

        Works in chunks and asks ``cancelled`` between them; None if it said yes. ``take`` gets the states of the layers
        ``hidden`` chunk by chunk, [layers, rows, width] with the position of the first row, so that they need not be in
        memory together.
        """
        out: Output | None = None
        for start in range(0, len(ids), PREFILL_CHUNK):
            if cancelled():
                return None
            chunk = ids[start : start + PREFILL_CHUNK]
            inputs = ForwardInput.chain(chunk, cache.length, last_only=True)
            out = self.forward(cache, inputs._replace(hidden_layers=hidden))
            if take is not None and out.hidden is not None:
                take(cache.length, out.hidden)
            cache.commit(range(len(chunk)))
        return out

    def why_no_states(self, layers: Sequence[int]) -> str | None:
        """Why it cannot hand out the states of these layers, as a clause; None if it can."""
        inputs = ForwardInput.chain([0, 0], 0)._replace(hidden_layers=layers)
        try:
            states = self.forward(self.new_cache(), inputs).hidden
        except FATAL:
            raise
        except Exception as error:
            return f"the layers of this model cannot be read ({type(error).__name__})"
        wanted = (len(layers), 2, self.config.hidden_size)
        return None if states is not None and states.shape == wanted else "the layers of this model cannot be read"

    def step(self, cache: AnyCache, token: int, tree: DraftTree, hidden: Sequence[int] = ()) -> Output:
        """One pass over the pending token and a tree; logits [nodes + 1, vocabulary], row 0 the pending token.

        The rows stay scratch until ``cache.commit`` says which to keep.
        """
        if tree.is_chain:
            inputs = ForwardInput.chain([token, *tree.tokens], cache.length)
        else:
            positions = [cache.length, *(cache.length + depth for depth in tree.depths)]
            inputs = ForwardInput([token, *tree.tokens], positions, torch.from_numpy(visibility(tree.parents)))
        return self.forward(cache, inputs._replace(hidden_layers=hidden))

    @torch.inference_mode()
    def forward(self, cache: AnyCache, inputs: ForwardInput) -> Output:
        """One pass over tokens behind the cache's scratch rows, which it leaves as further scratch rows."""
        cache.reserve(cache.length + cache.scratch + len(inputs.token_ids))
        logits, states = self.backend(cache, inputs)
        cache.append(inputs.position_ids)
        if logits.dtype not in (torch.float32, torch.float64):
            logits = logits.float()
        return Output(logits, torch.stack(states) if states else None)
