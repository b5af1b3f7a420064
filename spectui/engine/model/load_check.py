"""The check at load: a model must give with its cache, called as decoding calls it, what a plain forward gives."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import requires, version
from inspect import signature
from typing import Any, Protocol

import torch
from torch import Tensor

from ...system.errors import UnsupportedModel
from ..values.draft_tree import ROOT, DraftTree
from ..values.step import Source
from .capability import Capability, text_config

CACHE_NAMES = ("cache", "past_key_values", "cache_params")
"""What transformers has called the parameter that takes the cache, the newest name first."""
TOLERANCE = {torch.float64: 1e-5, torch.float32: 2e-4}
"""How far logits may be off, as a share of their spread. float64 too, because eager attention has its softmax in
float32."""
EPSILONS = 8.0
"""For types of 16 bits: how many steps of rounding, of the largest logit, any logit may be off."""
NOISES, MOST_NOISE = 4.0, 0.2
"""In 16 bits logits may also be off by so many times what a plain forward differs from itself when it reads its rows
one by one, but by no more than this share of their spread. Random weights of Llama 3 8B differ by 0.08 of it."""
ROUTED = 0.4
"""The same as a share of the spread in models whose router may choose another expert by a rounding error."""
ROUTERS = ("num_experts", "num_local_experts", "n_routed_experts", "moe_num_experts")
QUANTISED = 0.6
"""The same for quantised weights: behind prompts of four arbitrary tokens SmolLM2-135M in int8 is off by up to 0.43,
behind text by 0.12."""
OTHER_WEIGHTS = "its quantised weights give other logits than its own"
FATAL = (MemoryError, torch.OutOfMemoryError)
"""Failures for which a model's way of working is not to blame."""
PROMPT = 4
"""Tokens of each prompt."""
LONG_PROMPT = 24
"""The same in 16 bits, where rounding hides more: what is wrong with positions shows in longer prompts."""
PARENTS = (ROOT, ROOT, 0)
"""The tree: two children of the pending token, and a child of the first of them."""
LEAVES = (2, 1)
ON_PATH = (0, 0, 1, 0)
"""On the path to which leaf the pending token and each node lie."""


def cache_name(model: Any) -> str:
    """The parameter of the model's forward that takes the cache, also behind decorators that rename arguments."""
    accepted = signature(model.forward).parameters
    name = next((name for name in CACHE_NAMES if name in accepted), None)
    if name is None:
        raise unsupported(model, "its forward has no parameter for a cache that spectui knows")
    return name


def unsupported(model: Any, why: str) -> UnsupportedModel:
    """The error for a model that the installed transformers runs in a way that the engine cannot follow."""
    listed = (requirement.split(";")[0].strip() for requirement in requires("spectui") or ())
    tested = next((requirement for requirement in listed if requirement.startswith("transformers")), "others")
    return UnsupportedModel(
        f"a model of type {text_config(model).model_type} cannot be used with transformers {version('transformers')}: "
        f"{why}; install one that spectui was tested with (pip install '{tested}') or use another model"
    )


class Checked(Protocol):
    """The part of a model with a cache that the check calls, as decoding does."""

    capability: Capability

    def new_cache(self, capacity: int) -> Any:
        """An empty cache for one sequence."""

    def prefill(self, cache: Any, ids: Sequence[int]) -> Any:
        """Append a prompt to the cache."""

    def step(self, cache: Any, token: int, tree: DraftTree) -> Any:
        """One pass over the pending token and a tree."""


class Check:
    """What a plain forward gives behind two prompts, with the attention that the model has now; the measure.

    ``expected`` are these logits, [prompts, nodes + 1, vocabulary], of an earlier time, for a model that has not got
    its own weights any more; they tell whether others stand in for them well enough.
    """

    def __init__(self, model: Any, expected: Tensor | None = None) -> None:
        config, dtype = text_config(model), next(model.parameters()).dtype
        self._halves = expected is None and dtype.itemsize < 4
        self._length = LONG_PROMPT if self._halves else PROMPT
        last = 2 * self._length + len(PARENTS) + 1
        parts = max(16, last + 1)
        tokens = [config.vocab_size * place // parts for place in range(1, parts)]
        self._prompts = tokens[: self._length], tokens[self._length : 2 * self._length]
        self._pending, *nodes = tokens[2 * self._length : last]
        self._tree = DraftTree(merge=False)  # in a small vocabulary two nodes may be the same token
        for token, parent in zip(nodes, PARENTS, strict=True):
            self._tree.add(token, parent, Source("check"), 1.0)
        self._routed = any(getattr(config, name, None) for name in ROUTERS)
        self._epsilon = torch.finfo(dtype).eps if self._halves else 0.0
        self._allowed = TOLERANCE.get(dtype, ROUTED) if expected is None else QUANTISED
        self._other = "with a cache it gives other logits than without" if expected is None else OTHER_WEIGHTS
        self._noise = 0.0
        try:
            self.expected = self._plain(model) if expected is None else expected
            if self._halves:
                self._noise = _off(self._plain(model, together=False), self.expected)
        except (*FATAL, UnsupportedModel):
            raise
        except Exception as error:
            raise unsupported(model, _failure(error)) from error

    @torch.inference_mode()
    def _plain(self, model: Any, together: bool = True) -> Tensor:
        """Logits [prompts, nodes + 1, vocabulary] of forwards over the paths of the tree, without a cache."""
        paths = [self._tree.path_tokens(leaf) for leaf in LEAVES]
        deepest = max(map(len, paths))
        filled = [[self._pending, *path, *[self._pending] * (deepest - len(path))] for path in paths]
        rows = [[*prompt, *path] for prompt in self._prompts for path in filled]
        ids = torch.tensor(rows, device=next(model.parameters()).device)
        passes = [model(input_ids=some, use_cache=False).logits for some in ([ids] if together else ids[:, None])]
        logits: Tensor = torch.cat(passes)
        logits = logits.view(len(self._prompts), len(paths), *logits.shape[1:])
        places = [(path, self._length + depth) for path, depth in zip(ON_PATH, (0, *self._tree.depths), strict=True)]
        found = torch.stack([logits[:, path, place] for path, place in places], 1)
        if not found.isfinite().any(-1).all():
            raise UnsupportedModel("the model's weights give no numbers; copy it again, or try another --dtype")
        return _finite(found)

    def why_wrong(self, target: Checked) -> str | None:
        """Why the target cannot be relied upon, as a clause; None if it can."""
        try:
            got = self._cached(target)
        except FATAL:
            raise
        except Exception as error:
            return _failure(error)
        expected = self.expected[:, : got.shape[1]]
        if torch.equal(got[0], got[1]) and not torch.equal(expected[0], expected[1]):
            return "it takes no notice of its cache"
        allowed = self._allowed
        if self._halves and not self._routed:
            if (got - expected).abs().max() <= EPSILONS * self._epsilon * expected.abs().max():
                return None
            allowed = min(NOISES * self._noise, MOST_NOISE)
        return None if _off(got, expected) <= allowed else self._other

    def _cached(self, target: Checked) -> Tensor:
        """The same logits as a conversation would get them: a prefill, then a step over the tree."""
        tree = self._tree if target.capability.trees else DraftTree()
        cache = target.new_cache(2 * self._length)
        made = []
        for prompt in self._prompts:
            cache.truncate(0)
            target.prefill(cache, prompt)
            made.append(target.step(cache, self._pending, tree).logits)
        return _finite(torch.stack(made))


def _off(got: Tensor, expected: Tensor) -> float:
    """How far logits [prompts, rows, vocabulary] of any row are off, as a share of the spread of the right ones."""
    spread = (expected - expected.mean(-1, keepdim=True)).square().mean().sqrt()
    return float((got - expected).square().mean(-1).sqrt().max() / spread)


def _failure(error: Exception) -> str:
    return f"it fails with {type(error).__name__}: {(str(error).strip() or 'no reason').splitlines()[0]}"


def _finite(logits: Tensor) -> Tensor:
    """float32 or wider, with 0 where a number is missing or infinite, so that the others can be compared."""
    wide = logits if logits.dtype == torch.float64 else logits.float()
    return torch.nan_to_num(wide, nan=0.0, posinf=0.0, neginf=0.0)
