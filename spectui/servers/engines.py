"""The engines that are known: how each is recognised, what it is asked for, and what it does not tell."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

WITH_USAGE: Mapping[str, Any] = {"stream_options": {"include_usage": True}}
ALWAYS_USAGE: Mapping[str, Any] = {"stream_options": {"include_usage": True, "continuous_usage_stats": True}}
NOT_SENT = "rejected tokens: no server sends them, they are only counted"


@dataclass(frozen=True, slots=True)
class Engine:
    """One kind of server."""

    title: str
    extras: Mapping[str, Any] = field(default_factory=dict)
    """What a request asks besides the common fields."""
    sampling: Mapping[str, str] = field(default_factory=dict)
    """Our name of a sampling option -> its field; others are not sent."""
    untold: tuple[str, ...] = (NOT_SENT,)
    """What it does not say about its drafts, a phrase each."""
    needs: str = ""
    """The flag without which it says less; empty if there is none."""


_OPEN = {"top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repetition_penalty"}
_LLAMA = {"top_k": "top_k", "min_p": "min_p", "repetition_penalty": "repeat_penalty"}

LLAMA_SERVER = Engine("llama.cpp's server", {"timings_per_token": True, **WITH_USAGE}, _LLAMA)
VLLM = Engine(
    "vLLM",
    {"return_token_ids": True, **ALWAYS_USAGE},
    _OPEN,
    (NOT_SENT, "which tokens were drafted, before the answer is over"),
    "--per-request-spec-decode-metrics detailed",
)
SGLANG = Engine(
    "SGLang",
    {"return_spec_tokens_details": True, **ALWAYS_USAGE},
    _OPEN,
    (NOT_SENT, "which tokens were drafted"),
    "--enable-metrics",
)
LLAMA_CPP_PYTHON = Engine("llama-cpp-python's server", {}, _LLAMA, ("anything about its drafts", "counts of tokens"))
TRANSFORMERS = Engine("transformers serve", {}, {}, ("anything about drafts: it makes none",))
OTHER = Engine("an OpenAI-compatible server", WITH_USAGE, {}, ("what it is, and whether it drafts",))


def engine_of(headers: Mapping[str, str], models: list[Any]) -> Engine:
    """The engine behind a list of models, by how it signs them."""
    entries = [one for one in models if isinstance(one, dict)]
    owners = {one.get("owned_by") for one in entries if isinstance(one.get("owned_by"), str)}
    if "llamacpp" in owners or headers.get("server", "").lower().startswith("llama.cpp"):
        return LLAMA_SERVER
    if "vllm" in owners:
        return VLLM
    if "sglang" in owners:
        return SGLANG
    if owners == {"me"}:
        return LLAMA_CPP_PYTHON
    loaded = [one.get("status") for one in entries]
    if loaded and all(isinstance(one, dict) and one.get("value") in ("loaded", "unloaded") for one in loaded):
        return TRANSFORMERS
    return OTHER
