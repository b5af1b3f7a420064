"""Which numbers a model computes with: its own, or int8 or int4 made from them."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any

from ..engine.model.causal_lm import CausalLM
from ..engine.model.int4 import comes_in_int4
from ..engine.model.llama import why_not_family
from ..engine.model.load_check import Check
from ..engine.model.quantised import EMBEDDING, QuantisedWeights, bare_model, quantise, why_not_quantised
from ..engine.tuning.dry_run import DryRun, repeated, timed
from ..engine.tuning.machine import cpu_name
from ..engine.tuning.threads import ALL, use_all
from ..engine.values.dtypes import INT4, INT8, QUANTISED
from ..system.errors import UnsupportedModel, UserError
from ..system.progress import Progress
from .borrowed import borrows
from .failures import explain
from .quantised_files import keep_quantised, quantised_file, read_quantised
from .resolve import Place
from .size import check_memory, shape_elements
from .template import prompt_ids

LARGE = 20_000_000
"""Weights from which on fewer bits are tried unasked: a pass over fewer is mostly the work around the products. A draft
model of two layers of SmolLM2-135M has 35 M, of which 28 M are the output projection."""
WORTH = 1.1
"""How many times as fast a quantised model has to be to be taken unasked, over passes of 1 and of 8 tokens."""
BESIDE = 2
"""Bytes of a weight in memory beside the model's own while others are made and tried: as it is kept, and packed."""
SEQUENCES, LENGTH = 8, 64
"""Tokens of the model's own text by which its inputs are measured: some hundreds are enough (2211.10438, 5.1)."""


@dataclass(frozen=True, slots=True)
class Numbers:
    """A model, and what it computes with."""

    model: Any
    """Without its linear layers where there are quantised weights."""
    quantised: QuantisedWeights | None = None
    file: Path | None = None
    """Where the quantised weights are kept."""


def quantised(
    place: Place,
    config: Any,
    tokenizer: Any,
    asked: str | None,
    load: Callable[[], Any],
    finish: Callable[[Any], None],
    progress: Progress,
) -> Numbers:
    """The model in int8 or int4; as ``load`` gives it where neither can be, or is faster and was not ``asked`` for.

    ``finish`` lets a draft model borrow, and takes away the outputs that it is not going to have, once it has written
    the text for its calibration.

    Unasked it is int4 where the weights come in 4 bits, so that they stay what they are, else int8. Raises UserError
    where it was asked for and cannot be.
    """
    with explain(place):
        small = not asked and why_not_family(config) is None and shape_elements(config.to_dict()) < LARGE
        why = None if small else why_not_quantised(config, asked or INT8)
    if small:
        return Numbers(load())
    if why is not None:
        if asked:
            raise UserError(f"{place.title} cannot run in {asked}: {why}; use --dtype float32")
        return Numbers(load())
    here = _here()
    files = {dtype: quantised_file(place, config, dtype) for dtype in QUANTISED}  # now: loading changes a configuration
    for dtype in (asked,) if asked else (INT4, INT8):
        file = files[dtype]
        kept = read_quantised(file)
        if kept is None or not (asked or (kept[1].get("where") == here and kept[1].get("unasked") == dtype)):
            continue
        if not asked and float(kept[1].get("gain", 0.0)) < WORTH:
            return Numbers(load())
        check_memory(place.title, file.stat().st_size, 1)
        return _bare(config, kept[0], place, file)
    model = load()
    try:
        check_memory(place.title, sum(parameter.numel() for parameter in model.parameters()), BESIDE)
    except UserError:
        if asked:
            raise
        return Numbers(model)
    unasked = INT4 if comes_in_int4(model) and why_not_quantised(config, INT4) is None else INT8
    dtype = asked or unasked
    progress(f"making {dtype} weights of {place.title}, once", None)
    with explain(place):
        use_all()
        text = _own_text(model, tokenizer)
        finish(model)
        weights, gain = _made(model, text, len(tokenizer), dtype, asked is not None)
    if borrows(place):
        weights = replace(weights, tensors={name: one for name, one in weights.tensors.items() if name != EMBEDDING})
    file = files[dtype]
    keep_quantised(file, weights, {"gain": f"{gain:.2f}", "where": here, "unasked": unasked})
    return _bare(config, weights, place, file) if asked or gain >= WORTH else Numbers(model)


def _made(model: Any, text: Any, vocabulary: int, dtype: str, asked: bool) -> tuple[QuantisedWeights, float]:
    """Quantised weights, and how many times as fast a model is with them: 0 where its logits are too far off.

    Raises UnsupportedModel for the latter if they were ``asked`` for.
    """
    target = CausalLM(model)
    weights = quantise(model, dtype, text, Check(model).expected)
    try:
        ours = CausalLM(bare_model(model.config, weights), quantised=weights)
    except UnsupportedModel:
        if asked:
            raise
        return weights, 0.0
    return weights, _seconds(target, vocabulary) / _seconds(ours, vocabulary)


def _here() -> str:
    """What a gain in speed is true for."""
    return f"{cpu_name()}, {ALL} threads, torch {version('torch')}"


def _bare(config: Any, weights: QuantisedWeights, place: Place, file: Path) -> Numbers:
    from transformers import GenerationConfig

    bare = bare_model(config, weights)
    with suppress(OSError):  # then the one made from the configuration stays
        bare.generation_config = GenerationConfig.from_pretrained(
            place.source, local_files_only=place.local or place.cached
        )
    return Numbers(bare, weights, file)


def _seconds(target: CausalLM, vocabulary: int) -> float:
    """Of a pass over one token and of one over eight, together."""
    passes = [partial(DryRun(target, vocabulary, LENGTH), rows) for rows in (1, 8)]
    return sum(median(repeated(partial(timed, once), 0.3, 9, least=3)) for once in passes)


def _own_text(model: Any, tokenizer: Any) -> Any:
    """Token ids [2 * sequences, length] that the model wrote, behind a question in its chat format.

    Half of them begin as its prompts do, half in the middle of a text: whatever token is first has larger inputs than
    others.
    """
    import torch

    start = prompt_ids(tokenizer, [{"role": "user", "content": "Write about anything you like."}])
    ids = torch.tensor([start]).repeat(SEQUENCES, 1)
    with torch.random.fork_rng(), torch.inference_mode():
        torch.manual_seed(0)
        made = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            min_new_tokens=LENGTH,
            max_new_tokens=LENGTH,
            pad_token_id=0,
        )
    return torch.cat([made[:, :LENGTH], made[:, -LENGTH:]])
