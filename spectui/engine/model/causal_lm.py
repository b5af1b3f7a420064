"""The target behind one narrow interface: prefill a prompt, verify a tree."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from inspect import signature
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..values.draft_tree import DraftTree, visibility
from . import attention
from .capability import Capability, capability, layer_types, reach, rope_switch, text_config
from .cuda_graphs import CudaRecorder, Graphs, Recorder
from .inference import inference
from .kv_cache import CHUNK, AnyCache, KVCache, NativeCache
from .llama import LlamaForward, lean_forward
from .load_check import Check, cache_name, unsupported

log = logging.getLogger(__name__)

PREFILL_CHUNK = 512
NO_TREE = "transformers gives it other logits for a tree of tokens than for the tree's paths"


class Output(NamedTuple):
    """What one pass computes."""

    logits: Tensor
    """[rows, model vocabulary], float32 or wider."""
    hidden: Tensor | None = None
    """[layers asked for, rows, width], the states after those layers."""


class CausalLM:
    """A causal language model that verifies token trees over a cache that it does not own.

    Any number of sequences can share one CausalLM, each with its own cache from ``new_cache``; a draft model is one
    too. Only one thread may call it at a time. ``pack`` spends as much memory again as the weights take, for speed on
    a CPU. ``recorder`` records the passes of models with a lean forward; without one, a CUDA device records graphs.
    """

    def __init__(self, model: Any, lean: bool = True, pack: bool = False, recorder: Recorder | None = None) -> None:
        self.model = model
        self.config = text_config(model)
        self.device: torch.device = next(model.parameters()).device
        self.dtype: torch.dtype = next(model.parameters()).dtype
        self.capability: Capability = capability(model)
        self.layers = len(layer_types(self.config))
        self.rope_switch = rope_switch(self.config)
        self._cache_name = cache_name(model)
        self._last = {"logits_to_keep": 1} if "logits_to_keep" in signature(model.forward).parameters else {}
        self._masks: attention.Masks | None = None
        self._lean: LlamaForward | None = None
        self._why_not_lean = "it was not asked for" if self.capability.trees else "its cache cannot be cut back"
        self._graphs: Graphs | None = None
        self._settle(self._ways(lean, pack, recorder))

    def _settle(self, ways: Iterator[None]) -> None:
        """Stay with the first way of running the model that gives what a plain forward with eager attention gives."""
        if self.capability.trees:
            self._attend("eager")
        check = Check(self.model)
        why: str | None = None
        for _ in ways:
            why = check.why_wrong(self)
            if why is None:
                return
            log.info("one way less to run the model: %s", why)
        assert why is not None
        raise unsupported(self.model, why)

    def _ways(self, lean: bool, pack: bool, recorder: Recorder | None) -> Iterator[None]:
        """Make the target run the model in one way after the other, the fastest first."""
        if not self.capability.trees:
            yield
            return
        self._attend(attention.NAME)
        if lean:
            self._lean, self._why_not_lean = lean_forward(self.model, pack)
        if self._lean is not None:
            self._graphs = self._recording(recorder)
            yield
            self._lean, self._why_not_lean = None, "its logits differ from those of the lean forward"
            self._graphs = None
        yield
        self._attend("eager")
        yield
        self.capability = replace(self.capability, why_no_tree=NO_TREE)
        yield

    def _recording(self, recorder: Recorder | None) -> Graphs | None:
        if self._lean is None or self._masks is None or self._masks.reaches:
            return None
        if recorder is None and self.device.type == "cuda":
            recorder = CudaRecorder(self.device)
        return Graphs(self._lean, recorder) if recorder is not None else None

    def _attend(self, implementation: str) -> None:
        """Let the model attend by ours or by transformers' own function, with masks that fit."""
        attention.register()
        with suppress(NotImplementedError, ValueError):  # then it stays with the function that it has
            self.model.set_attn_implementation(implementation)
        heads = self.config.num_attention_heads
        folded = self.model.config._attn_implementation == attention.NAME
        group = heads // (getattr(self.config, "num_key_value_heads", None) or heads) if folded else 1
        names = sorted(set(self.capability.layer_types))
        kinds = [attention.LayerKind(name, reach(self.config, name)) for name in names]
        self._masks = attention.Masks(kinds, self.dtype, self.device, group)

    @property
    def is_lean(self) -> bool:
        """Whether the forward is ours instead of transformers'."""
        return self._lean is not None

    @property
    def is_packed(self) -> bool:
        """Whether the weights exist a second time, in a faster layout."""
        return self._lean is not None and self._lean.shape.packed

    @property
    def why_not_recorded(self) -> str | None:
        """Why passes are not replayed from a recording, as a clause; None if they are."""
        if self._graphs is not None:
            return self._graphs.failure
        if self._lean is None:
            return self._why_not_lean
        if self._masks is not None and self._masks.reaches:
            return "its attention reaches only a window"
        return f"there is no need for it on {self.device.type}"

    def new_cache(self, capacity: int = CHUNK) -> AnyCache:
        """An empty cache for one sequence."""
        return KVCache(self.layers, capacity) if self.capability.trees else NativeCache(self.config)

    @inference
    def prefill(
        self, cache: AnyCache, ids: Sequence[int], cancelled: Callable[[], bool] = lambda: False
    ) -> Output | None:
        """Append ``ids`` to the cache and commit them; the logits after the last, [1, vocabulary].

        Works in chunks and asks ``cancelled`` between them; None if it said yes.
        """
        out: Output | None = None
        for start in range(0, len(ids), PREFILL_CHUNK):
            if cancelled():
                return None
            chunk = ids[start : start + PREFILL_CHUNK]
            out = self.forward(cache, chunk, causal(len(chunk)), depths=range(len(chunk)), last=True)
            cache.commit(range(len(chunk)))
        return out

    def step(self, cache: AnyCache, token: int, tree: DraftTree, hidden: Sequence[int] = ()) -> Output:
        """One pass over the pending token and a tree; logits [nodes + 1, vocabulary], row 0 the pending token.

        The rows stay scratch until ``cache.commit`` says which to keep.
        """
        if not len(tree):
            return self.forward(cache, [token], None, depths=(0,), hidden=hidden)
        visible = causal(len(tree) + 1) if tree.is_chain else torch.from_numpy(visibility(tree.parents))
        return self.forward(cache, [token, *tree.tokens], visible, (0, *tree.depths), hidden=hidden)

    @inference
    def forward(
        self,
        cache: AnyCache,
        ids: Sequence[int],
        visible: Tensor | None,
        depths: Sequence[int],
        scratch_depths: Sequence[int] = (),
        last: bool = False,
        hidden: Sequence[int] = (),
    ) -> Output:
        """One pass over ``ids`` behind the cache's scratch rows, which it leaves as further scratch rows.

        ``visible`` bool [rows, scratch + rows] says who attends to whom; what is committed is seen by all. None: a
        single row sees everything. ``depths`` are positions relative to the committed length, ``scratch_depths`` those
        of the scratch rows that are there already.
        """
        cache.reserve(cache.length + cache.scratch + len(ids))
        if isinstance(cache, KVCache):
            positions = [cache.length + depth for depth in depths]
            made = self._graphs(cache, ids, positions, visible, hidden) if self._graphs and not last else None
            if made is None:
                made = self._plain(cache, ids, positions, visible, scratch_depths, last, hidden)
            logits, states = made
        else:
            logits, states = self._theirs(cache, ids, {}, last, hidden)
        cache.scratch += len(ids)
        if logits.dtype not in (torch.float32, torch.float64):
            logits = logits.float()
        return Output(logits, torch.stack(states) if hidden else None)

    def _plain(
        self,
        cache: KVCache,
        ids: Sequence[int],
        positions: list[int],
        visible: Tensor | None,
        scratch_depths: Sequence[int],
        last: bool,
        hidden: Sequence[int],
    ) -> tuple[Tensor, list[Tensor]]:
        """One pass as it comes, by our forward or by transformers'."""
        mask = self._mask(cache, visible, positions, scratch_depths)
        if self._lean is not None:
            assert isinstance(mask, Tensor)
            return self._lean(cache, ids, positions, mask, last, hidden)
        places = torch.tensor([positions], device=self.device)
        return self._theirs(cache, ids, {"position_ids": places, "attention_mask": mask}, last, hidden)

    def _theirs(
        self, cache: AnyCache, ids: Sequence[int], kwargs: dict[str, Any], last: bool, hidden: Sequence[int]
    ) -> tuple[Tensor, list[Tensor]]:
        """The same by transformers' own forward."""
        inputs = torch.tensor([ids], device=self.device)
        if last:
            kwargs.update(self._last)
        if hidden:
            kwargs["output_hidden_states"] = True  # a list of layers would mean others in other versions
        kwargs[self._cache_name] = cache.adapter
        out = self.model(input_ids=inputs, use_cache=True, **kwargs)
        return out.logits[0][-1:] if last else out.logits[0], [out.hidden_states[layer][0] for layer in hidden]

    def _mask(
        self, cache: KVCache, visible: Tensor | None, positions: list[int], scratch_depths: Sequence[int]
    ) -> Tensor | dict[str, Tensor]:
        assert self._masks is not None
        if visible is None:
            rows = cache.length + cache.scratch + 1
            mask = self._masks.everything(rows)
            if mask is not None:
                return mask if self._lean is not None else mask[..., :rows]
            visible = torch.ones((1, cache.scratch + 1), dtype=torch.bool)
        mask = self._masks.tree(visible, cache.length)
        if mask is not None:
            return mask
        visible = torch.cat([torch.ones((len(visible), cache.length), dtype=torch.bool), visible], 1)
        queries = torch.tensor(positions)
        scratch = torch.tensor([cache.length + depth for depth in scratch_depths], dtype=queries.dtype)
        keys = torch.cat([torch.arange(cache.length), scratch, queries])
        return self._masks.build(visible, queries, keys)


@lru_cache(PREFILL_CHUNK // 4)
def causal(rows: int) -> Tensor:
    """Each row sees those above it and itself; bool [rows, rows], the same tensor at every call."""
    return torch.from_numpy(np.tri(rows, dtype=np.bool_))
