"""Loads a target and its draft with transformers: safetensors only, no code of others."""

import gc
from collections.abc import Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..config.choice import ModelChoice
from ..engine.values.dtypes import DTYPES, INT4, INT8, QUANTISED
from ..system.errors import UserError
from ..system.progress import Progress
from .failures import explain
from .fetch import fetch
from .head_places import find_eagle_head
from .pairing import check_pair, end_tokens
from .quantised import check_quantised
from .resolve import Place, advised_mode, reachable, resolve
from .size import check_memory, folder_elements
from .sources import cached_model
from .tokenizer_file import begin, finish
from .unpack import unpacked

if TYPE_CHECKING:
    from ..engine.drafters.eagle.build import HeadFile
    from ..engine.model.quantised import QuantisedWeights
    from .precision import Numbers


@dataclass(frozen=True, slots=True)
class Pair:
    """A loaded target with its tokenizer, and a draft that fits it, if any."""

    name: str
    draft_name: str | None
    target: Any
    draft: Any | None
    tokenizer: Any
    device: Any
    dtype: str
    eos: frozenset[int]
    vocabulary: int
    """Ids below it have text."""
    reserved: frozenset[int]
    """Ids about which target and draft disagree; never drafted."""
    context: int
    """Tokens that prompt and answer may hold together."""
    notes: tuple[str, ...] = ()
    target_quantised: "QuantisedWeights | None" = None
    draft_quantised: "QuantisedWeights | None" = None
    quantised_file: Path | None = None
    """Where the target's quantised weights are kept."""
    mode: str = ""
    """In which conversations begin; empty leaves it to what there is."""
    head: "HeadFile | None" = None
    """A trained head that fits the target, if any."""
    why_no_head: str | None = None
    """Why the head that belongs to the target cannot be used; None if there is none, or it can."""
    why_no_draft: str | None = None
    """The same of its draft model."""

    @property
    def quantised_to(self) -> str | None:
        """The numbers of few bits that the target runs in, if it does."""
        return self.target_quantised.dtype if self.target_quantised is not None else None

    @property
    def models(self) -> list[Any]:
        """The target and, if there is one, the draft."""
        return [self.target] if self.draft is None else [self.target, self.draft]

    @property
    def numbers(self) -> list[str]:
        """What each of these models computes with."""
        made = [self.target_quantised, self.draft_quantised]
        return [one.dtype if one else str(model.dtype) for one, model in zip(made, self.models, strict=False)]


@dataclass(frozen=True, slots=True)
class _Draft:
    """A draft model that was loaded, or why there is none."""

    numbers: "Numbers | None" = None
    reserved: frozenset[int] = frozenset()
    why_not: str | None = None

    @property
    def model(self) -> Any | None:
        return self.numbers.model if self.numbers else None


def load_pair(choice: ModelChoice, progress: Progress) -> Pair:
    """Load what was chosen; every failure that a user can mend is a UserError of one line."""
    with _uncollected():
        return _load_pair(choice, progress)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Imports make a million objects that stay; to look for garbage among them takes a sixth of the time."""
    was = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was:
            gc.enable()


def _load_pair(choice: ModelChoice, progress: Progress) -> Pair:
    places = resolve(choice)
    if choice.dtype not in DTYPES:
        raise UserError(f"unknown dtype {choice.dtype!r}; choose from {', '.join(DTYPES)}")
    begun = begin(places[0])
    places = reachable(places)
    progress("importing transformers", None)
    import torch
    from transformers.utils import logging

    from .borrowed import borrows

    logging.disable_progress_bar()
    device = _device(choice.device)
    dtype = _dtype(choice.dtype, device)
    item = dtype.itemsize if device.type == "cpu" else 0
    target_place, draft_place = (place and unpacked(place, progress, item) for place in places)
    assert target_place is not None
    if borrows(target_place):
        raise UserError(
            f"{target_place.title} has only the layers of a draft model; give it as --draft beside its target"
        )
    tokenizer = _tokenizer(target_place, choice, progress, begun)
    numbers = _numbers(target_place, tokenizer, choice, device, progress, "target")
    target = numbers.model
    beside = draft_device(device, choice.device, torch.cuda.device_count())
    vocabulary = min(len(tokenizer), target.get_input_embeddings().weight.shape[0])
    draft = _Draft()
    if draft_place is not None:
        try:
            draft = _draft(draft_place, tokenizer, choice, beside, progress, target)
        except UserError as error:
            if choice.draft:
                raise
            draft = _Draft(why_not=f"the draft model {draft_place.title} cannot be used: {error}")
    head = find_eagle_head(choice, target.config.get_text_config(decoder=True), target_place.title, progress)
    notes = [f"random weights: {place.title} shows speed, not text" for place in places if place and place.shape]
    notes += rounding_notes(dtype, device)
    return Pair(
        name=target_place.title,
        draft_name=draft_place.title if draft_place and draft.numbers else None,
        target=target,
        draft=draft.model,
        tokenizer=tokenizer,
        device=device,
        dtype=numbers.quantised.dtype if numbers.quantised else str(dtype).removeprefix("torch."),
        eos=end_tokens(tokenizer, target),
        vocabulary=vocabulary,
        reserved=draft.reserved,
        context=_context(target, draft.model),
        notes=(*notes, *([draft.why_not] if draft.why_not else []), *head.notes),
        target_quantised=numbers.quantised,
        draft_quantised=draft.numbers.quantised if draft.numbers else None,
        quantised_file=numbers.file,
        mode=advised_mode(choice),
        head=head.file,
        why_no_head=head.why_not,
        why_no_draft=draft.why_not,
    )


def rounding_notes(dtype: Any, device: Any) -> list[str]:
    """What numbers of few bits mean for the text and on a CPU for speed; nothing for float32 and wider."""
    import torch

    words = {
        torch.bfloat16: "bfloat16 rounds to 8 bits: where two tokens nearly tie, a mode's text may leave that of plain "
        "decoding (33 of 96 answers of up to 80 tokens of a 135 M model did); float32 keeps it the same",
        torch.float16: "float16 rounds to 11 bits: where two tokens nearly tie, a mode's text may leave that of plain "
        "decoding; float32 keeps it the same",
    }
    if dtype not in words:
        return []
    slow = [f"{str(dtype).removeprefix('torch.')} is slow on many CPUs; compare with float32"]
    return [words[dtype], *(slow if device.type == "cpu" else [])]


def load_tokenizer(choice: ModelChoice) -> tuple[str, Any]:
    """The target's title and tokenizer alone, without its weights."""
    found, _ = reachable((resolve(choice)[0], None))
    target = unpacked(found, lambda *_: None)
    return target.title, _tokenizer(target, choice, lambda *_: None)


def _device(wanted: str) -> Any:
    import torch

    if wanted == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise UserError(f"unknown device {wanted!r}; use auto, cpu, cuda or cuda:0") from error
    if device.type not in ("cpu", "cuda"):
        raise UserError(f"device {wanted!r} is not supported; use auto, cpu or cuda")
    if device.type == "cuda" and not torch.cuda.is_available():
        raise UserError(f"device {wanted!r}: this torch sees no CUDA device; use --device cpu or install a CUDA build")
    if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
        raise UserError(f"device {wanted!r}: there are only {torch.cuda.device_count()} CUDA devices")
    return device


def draft_device(device: Any, wanted: str, devices: int) -> Any:
    """Where the draft model goes: to a second CUDA device if nobody named one and there is one, else to the target's.

    There it can work while the target does.
    """
    import torch

    if device.type == "cuda" and wanted in ("auto", "cuda") and devices > 1:
        return torch.device("cuda", 1)
    return device


def _dtype(wanted: str, device: Any) -> Any:
    import torch

    if wanted in QUANTISED and device.type != "cpu":
        raise UserError(f"{wanted} is for CPUs; use --dtype bfloat16 on {device.type}, or --device cpu")
    if wanted in ("auto", *QUANTISED):
        return torch.bfloat16 if device.type == "cuda" else torch.float32
    return getattr(torch, wanted)


def _tokenizer(place: Place, choice: ModelChoice, progress: Progress, begun: "Future[Any] | None" = None) -> Any:
    progress(f"loading the tokenizer of {place.title}", None)
    if begun is not None:
        with explain(place):
            return finish(begun, place)
    from transformers import AutoTokenizer

    with explain(place):
        tokenizer = AutoTokenizer.from_pretrained(
            place.source, trust_remote_code=choice.trust_remote_code, local_files_only=place.local or place.cached
        )
    if not getattr(tokenizer, "is_fast", False):
        raise UserError(
            f"{place.title} has no fast tokenizer (tokenizer.json), which streaming needs; use another model"
        )
    return tokenizer


def _numbers(
    place: Place,
    tokenizer: Any,
    choice: ModelChoice,
    device: Any,
    progress: Progress,
    role: str,
    target: Any | None = None,
) -> "Numbers":
    """A model of a ``role``; a draft may borrow of the ``target``, which is None for a target itself."""
    from .borrowed import borrow_embedding, borrows
    from .draft_vocabulary import keep_frequent_outputs
    from .precision import Numbers, quantised

    progress(f"loading the {role} {place.title}", None)
    dtype = _dtype(choice.dtype, device)
    config = _config(place, choice, device.type)

    def load() -> Any:
        if place.shape is not None:
            return _random(place, config, device, dtype)
        if borrows(place):
            return _borrowed(place, config, target, device, dtype)
        return _model(place, config, choice, device, dtype, progress)

    def finish(model: Any) -> None:
        if target is not None:
            borrow_embedding(place, model, target)
            keep_frequent_outputs(model, place.title)

    unasked = choice.dtype == "auto" and place.shape is None  # random weights are not worth keeping
    asked = choice.dtype if choice.dtype in QUANTISED else None
    if device.type != "cpu" or not (unasked or asked):
        numbers = Numbers(load())
    else:
        numbers = quantised(place, config, tokenizer, asked, load, finish, progress)
    finish(numbers.model)
    return numbers


def _draft(place: Place, tokenizer: Any, choice: ModelChoice, device: Any, progress: Progress, target: Any) -> _Draft:
    """The draft model of a target, if it speaks its language; raises UserError for what cannot be used.

    Where the target is asked to run in int4, its draft runs in int8: a small model loses more by rounding.
    """
    from .borrowed import borrows

    choice = replace(choice, dtype=INT8) if choice.dtype == INT4 else choice
    own = tokenizer if place.shape or borrows(place) else _tokenizer(place, choice, progress)
    numbers = _numbers(place, own, choice, device, progress, "draft", target)
    return _Draft(numbers, check_pair(tokenizer, target, own, numbers.model, place.title))


def _borrowed(place: Place, config: Any, target: Any, device: Any, dtype: Any) -> Any:
    from .borrowed import borrowed

    with explain(place):
        return borrowed(place, config, target, device, dtype)
    raise AssertionError


def _config(place: Place, choice: ModelChoice, device: str) -> Any:
    from transformers import AutoConfig

    if place.shape is not None:
        shape = dict(place.shape)
        return AutoConfig.for_model(shape.pop("model_type"), **shape)
    with explain(place):
        config = AutoConfig.from_pretrained(
            place.source, trust_remote_code=choice.trust_remote_code, local_files_only=place.local or place.cached
        )
        if getattr(config, "is_encoder_decoder", False):
            raise UserError(f"{place.title} is an encoder-decoder model; spectui needs a causal language model")
        check_quantised(place.title, config, device)
    return config


def _random(place: Place, config: Any, device: Any, dtype: Any) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    torch.manual_seed(0)
    with explain(place), torch.device(device):
        return AutoModelForCausalLM.from_config(config, dtype=dtype).eval()
    raise AssertionError


def _model(place: Place, config: Any, choice: ModelChoice, device: Any, dtype: Any, progress: Progress) -> Any:
    from transformers import AutoModelForCausalLM

    with explain(place):
        if not place.local and not place.cached and cached_model(place.source) is None:
            fetch(place, lambda done, total: progress(f"fetching {place.title}", done / max(1, total)))
        folder = Path(place.source) if place.local else cached_model(place.source)
        if folder is not None and device.type == "cpu":
            check_memory(place.title, folder_elements(folder), dtype.itemsize)
        model, info = AutoModelForCausalLM.from_pretrained(
            place.source,
            config=config,
            dtype=dtype,
            use_safetensors=True,
            trust_remote_code=choice.trust_remote_code,
            local_files_only=place.local or place.cached,
            output_loading_info=True,
        )
        missing = info["missing_keys"]
        if missing:
            raise UserError(
                f"{place.title} is no complete causal language model: {len(missing)} of its tensors have no weights; "
                "copy it again or use another model"
            )
        return model.to(device).eval()
    raise AssertionError


def _context(target: Any, draft: Any | None) -> int:
    sizes = [
        getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
        for model in (target, draft)
        if model is not None
    ]
    return min([int(size) for size in sizes if size] or [4096])
