"""From a loaded pair to the engine's parts: target, draft, measured cost, and which modes they allow."""

import gc
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from time import perf_counter

import torch

from ..config.choice import StoreChoice
from ..config.paths import heads, timings_folder
from ..engine.decoder import Decoder
from ..engine.drafters.drafter import Resources
from ..engine.drafters.eagle.build import build_head
from ..engine.drafters.eagle.head import EagleHead
from ..engine.drafters.registry import MODES, Mode, default_mode
from ..engine.measurement import Timings, head_pass_ms, hold, measure_all, rehearse
from ..engine.model.causal_lm import CausalLM
from ..engine.model.llama import can_pack
from ..engine.policy.latency import LatencyModel
from ..engine.retrieval.live import LiveStore
from ..engine.retrieval.snapshot import Reader, frozen
from ..engine.retrieval.suffix_index import SuffixIndex
from ..engine.timings_file import keep_timings, key_of, read_timings
from ..engine.tuning.threads import settle_threads, use_all
from ..engine.values.answer import Limits
from ..engine.values.clock import Clock
from ..engine.values.dtypes import QUANTISED
from ..engine.values.options import Options
from ..models.heads import find_head
from ..models.loading import Pair
from ..models.quantised_files import read_quality
from ..models.stops import stop_cut
from ..models.template import prompt_ids
from ..record.events import Ready
from ..system.memory import available_memory
from ..system.progress import Progress
from ..system.sanitise import sanitise_line
from .datastore import open_store


@dataclass(frozen=True, slots=True)
class Runtime:
    """Everything that decoders are made from; any number of them may share it, in one thread."""

    pair: Pair
    target: CausalLM
    resources: Resources
    limits: Limits
    latency: LatencyModel
    ready: Ready
    store: LiveStore | None = None
    """The datastore, if one is used."""
    compares: bool = False
    """Whether comparisons look up in the datastore."""

    @property
    def first_mode(self) -> str:
        """The mode of a new conversation where nobody asked for one."""
        modes = self.ready.modes
        return self.pair.mode if self.pair.mode in modes else default_mode("draft" in modes, "eagle" in modes)

    @property
    def compared(self) -> Sequence[SuffixIndex]:
        """What a comparison may look up in: nothing, unless somebody asked for the datastore.

        It has learnt from earlier answers, so that a comparison would measure what was said before.
        """
        return self.store.indexes if self.store is not None and self.compares else ()

    def remembers(self, mode: str) -> int:
        """Tokens that a mode may look up in the datastore while it is compared with others."""
        return sum(map(len, self.compared)) if MODES[mode].looks_up else 0

    def decoder(self, mode: str, options: Options, clock: Clock | None = None, reader: Reader | None = None) -> Decoder:
        """A decoder with a cache of its own, on a real clock unless another is given.

        Without a ``reader`` it looks up in ``compared`` as it is now, less the answers to its own prompt.
        """
        if reader is None and (indexes := self.compared):
            reader = frozen(indexes)
        resources = replace(self.resources, datastore=reader)
        made = Decoder(self.target, resources, self.limits, LatencyModel(self.latency.points), clock)
        made.set_options(options)
        made.set_mode(mode)
        return made

    @contextmanager
    def undisturbed(self) -> Iterator[None]:
        """While something is measured nothing is learnt beside it."""
        if self.store is not None:
            self.store.pause()
        try:
            yield
        finally:
            if self.store is not None:
                self.store.resume()

    def holds(self, lanes: int, tokens: int) -> bool:
        """Whether the memory that is free now holds so many caches of so many tokens, with a fifth to spare."""
        models = [self.target] if self.resources.draft is None else [self.target, self.resources.draft]
        needed = lanes * tokens * sum(cache_bytes(model) for model in models)
        free = free_memory(self.target.device)
        return free is None or needed < 0.8 * free

    def prompt(self, messages: Sequence[Mapping[str, str]]) -> list[int]:
        """Ids of a conversation in the model's own chat format, up to where the answer begins."""
        return prompt_ids(self.pair.tokenizer, messages, self.limits.context)

    def text(self, ids: Sequence[int]) -> str:
        """What the model reads back as its own earlier answer; raw, not for a terminal."""
        return str(self.pair.tokenizer.decode(list(ids), skip_special_tokens=True))


def prepare(pair: Pair, progress: Progress, begun: float, choice: StoreChoice | None = None) -> Runtime:
    """Wrap a pair for the engine, with the times that the policies need; ``begun`` is when loading began.

    A datastore that cannot be used is left out, with a note that says why.
    """
    limits = Limits(pair.context, pair.eos, stop_cut(pair.tokenizer))
    use_all()
    kept = _kept_timings(pair)
    parts = _parts(pair, kept, progress)
    if kept is not None and not hold(kept, parts.target, parts.resources):
        use_all()
        kept = None
        del parts  # or its packed weights would be in memory beside those of the next
        parts = _parts(pair, None, progress)
    target, resources = parts.target, parts.resources
    unavailable = {mode.name: sanitise_line(why) for mode in MODES.values() if (why := _why_not(mode, parts))}
    modes = tuple(name for name in MODES if name not in unavailable)
    timings = _timings(pair, kept, parts, limits, modes, progress)
    store, store_note = open_store(pair.tokenizer, pair.vocabulary, pair.name, choice)
    ready = Ready(
        model=sanitise_line(pair.name),
        draft=sanitise_line(pair.draft_name) if pair.draft_name is not None else None,
        head=resources.eagle.name if resources.eagle is not None else None,
        device=str(pair.device),
        dtype=pair.dtype,
        seconds=perf_counter() - begun,
        context=limits.context,
        modes=modes,
        unavailable=unavailable,
        notes=tuple(map(sanitise_line, (*pair.notes, *store_note, *parts.head_note))),
        versions={name: version(name) for name in ("spectui", "torch", "transformers")},
        quality=read_quality(pair.quantised_file) if pair.quantised_file is not None else None,
        plain_ms=timings.verify_ms.get(1),
    )
    _leave_out_of_collections()
    resources, latency = timings.given_to(resources), LatencyModel(timings.verify_ms)
    pair = replace(pair, target_quantised=None, draft_quantised=None, head=None)  # all have what they need
    return Runtime(pair, target, resources, limits, latency, ready, store, choice is not None and choice.compares)


@dataclass(frozen=True, slots=True)
class Parts:
    """A pair as the engine runs it."""

    target: CausalLM
    resources: Resources
    why_no_draft: str | None
    why_no_head: str | None
    head_note: Sequence[str]


def _parts(pair: Pair, kept: Timings | None, progress: Progress) -> Parts:
    """The pair with the layout and the threads of an earlier start, or with those that are the fastest now."""
    if kept is not None:
        progress("checking the times of an earlier start", None)
        torch.set_num_threads(kept.threads)
        target = CausalLM(pair.target, pack=kept.packed, quantised=pair.target_quantised)
    else:
        progress("trying threads and layouts", None)
        target = settle_threads(_layouts(pair), pair.vocabulary)
    draft = None
    if pair.draft is not None:
        draft = CausalLM(pair.draft, pack=target.is_packed, quantised=pair.draft_quantised)
    no_tree = draft.capability.why_no_tree if draft is not None else None
    usable = draft if no_tree is None else None
    head, head_note = find_head(pair.target, pair.draft, target.layers, heads()) if usable else (None, ())
    eagle, why_no_head = _eagle(pair, target)
    resources = Resources(
        vocabulary=pair.vocabulary,
        draft=usable,
        head=head,
        never=pair.reserved,
        ends=pair.eos,
        eagle=eagle,
        eagle_ms=head_pass_ms(eagle) if eagle is not None else 0.0,
    )
    why_no_draft = f"the draft model does not fit: {no_tree}" if no_tree else pair.why_no_draft
    return Parts(target, resources, why_no_draft, why_no_head, head_note)


def _eagle(pair: Pair, target: CausalLM) -> tuple[EagleHead | None, str | None]:
    """The head that drafts, in the numbers and the layout of its target; or why there is none."""
    if pair.head is None or not target.capability.trees:
        return None, pair.why_no_head
    why = target.why_no_states(sorted(set(pair.head.layers)))
    if why is not None:
        return None, f"the head {pair.head.name} cannot be used: {why}"
    embedding = pair.target.get_input_embeddings().weight.detach()
    made = build_head(pair.head, embedding, pair.quantised_to, target.is_packed)
    why = made.why_wrong(target.config.hidden_size)
    return (made, None) if why is None else (None, f"the head {made.name} cannot be used: {why}")


def _kept_timings(pair: Pair) -> Timings | None:
    return read_timings(timings_folder(), key_of(pair.models, pair.numbers))


def _timings(
    pair: Pair, kept: Timings | None, parts: Parts, limits: Limits, modes: Sequence[str], progress: Progress
) -> Timings:
    """Those of an earlier start, which hold, else those of now; the code is warm in either case."""
    target, resources = parts.target, parts.resources
    if kept is not None:
        rehearse(target, kept.given_to(resources), limits, LatencyModel(kept.verify_ms), modes, steps=1)
        return kept
    progress("measuring what drafting and verification take", None)
    made = measure_all(target, resources, limits, modes)
    keep_timings(timings_folder(), key_of(pair.models, pair.numbers), made)
    return made


def _layouts(pair: Pair) -> list[CausalLM]:
    """The target with its weights once and, where there is room, also in the layout that costs their memory again:
    which is faster depends on the processor.

    The plain one comes last, so that transformers' model shares its memory.
    """
    worth_a_try = can_pack(pair.target) and room_to_pack(pair)
    packed = [CausalLM(pair.target, pack=True, quantised=pair.target_quantised)] if worth_a_try else []
    return [*(target for target in packed if target.is_packed), CausalLM(pair.target, quantised=pair.target_quantised)]


def _leave_out_of_collections() -> None:
    """Keep what the imports made out of the garbage collector, whose full runs would stall a step for 0.2 s."""
    gc.collect()
    gc.freeze()


def cache_bytes(target: CausalLM) -> int:
    """Bytes of the KV cache for one token."""
    config = target.config
    heads = getattr(config, "num_key_value_heads", None) or config.num_attention_heads
    width = getattr(config, "head_dim", None) or config.hidden_size // config.num_attention_heads
    return int(2 * target.layers * heads * width * target.dtype.itemsize)


def free_memory(device: torch.device) -> int | None:
    """Bytes that a device could still hand out; None if it does not say."""
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    return available_memory(swap=False)


def room_to_pack(pair: Pair) -> bool:
    """Whether the memory that is free now holds the pair's weights once more, and twice as much besides."""
    needed = 0
    for model, number in zip(pair.models, pair.numbers, strict=True):
        needed += sum(one.numel() * (1 if number in QUANTISED else one.itemsize) for one in model.parameters())
    free = free_memory(torch.device("cpu"))
    return free is None or 3 * needed < free


def _why_not(mode: Mode, parts: Parts) -> str | None:
    """Why these models cannot run a mode; None if they can."""
    capability = parts.target.capability
    if mode.drafts and not capability.trees:
        return f"this model decodes one token at a time: {capability.why_no_tree}"
    if mode.needs_draft and parts.resources.draft is None:
        return parts.why_no_draft or "no draft model is loaded (--draft NAME)"
    if mode.needs_head and parts.resources.eagle is None:
        return parts.why_no_head or "no trained head is loaded (--head NAME)"
    return None
