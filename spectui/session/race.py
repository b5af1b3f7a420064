"""Several modes answer one prompt side by side, in the decode thread of a session."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from ..engine.values.clock import LaneClock
from ..engine.values.events import Turn
from ..engine.values.options import Options, Sampling
from ..engine.verification.verifiers import VERIFIERS
from ..record.events import Compared, Note, Record
from ..record.transcribe import Transcriber
from ..system.errors import UserError
from .equivalence import difference, gap_at

if TYPE_CHECKING:
    from ..engine.worker import Worker
    from .runtime import Runtime

REFERENCE = "ar"
Sink = Callable[[Record], None]


def race(
    loaded: "Runtime",
    worker: "Worker",
    transcribers: dict[str, Transcriber],
    sink: Sink,
    modes: Mapping[str, str],
    options: Options,
    prompt: tuple[int, ...],
    question: str,
) -> bool:
    """Race the modes, given by lane, and hold their texts against that of the lane ``ar`` if there is one.

    Returns whether every lane came to its own end.

    Raises UserError if memory does not hold a single cache more. Must run in the worker's thread.
    """
    together = _fit(loaded, len(modes), min(loaded.limits.context, len(prompt) + options.max_new_tokens), sink)
    lanes = {lane: loaded.decoder(mode, options, LaneClock()) for lane, mode in modes.items()}
    worker.lanes.update(lanes)
    try:
        for lane, mode in modes.items():
            transcribers[lane] = Transcriber(loaded.pair.tokenizer, lane)
            sink(transcribers[lane].turn(Turn(prompt, mode, options, loaded.remembers(mode)), question))
        answers = worker.race(list(modes), prompt, together)
        if len(answers) == len(modes):
            promised = VERIFIERS[options.speculation.rule].same_text or options.sampling.temperature == 0.0
            if promised:
                _hold_against(loaded, options.sampling, prompt, answers.copy(), sink)
        return len(answers) == len(modes)
    finally:
        for lane in modes:
            worker.lanes.pop(lane).retire()


def _fit(loaded: "Runtime", lanes: int, tokens: int, sink: Sink) -> bool:
    """Whether all caches fit at once; raises UserError if not even one does."""
    if loaded.holds(lanes, tokens):
        return True
    if not loaded.holds(1, tokens):
        raise UserError("memory does not hold another KV cache; shorten the conversation or --max-new-tokens")
    sink(Note(f"memory does not hold {lanes} KV caches; the lanes run one after another"))
    return False


def _hold_against(
    loaded: "Runtime",
    sampling: Sampling,
    prompt: Sequence[int],
    answers: dict[str, list[int]],
    sink: Sink,
) -> None:
    """Compare every lane with the autoregressive one, if that took part."""
    reference = answers.pop(REFERENCE, None)
    if reference is None:
        return
    for lane, tokens in answers.items():
        place = difference(tokens, reference)
        gap = None
        if place is not None:
            gap = gap_at(loaded.target, loaded.resources.vocabulary, sampling, prompt, reference, place)
        sink(Compared(lane, place, gap))
