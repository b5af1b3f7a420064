"""Every time that a policy decides by, measured with warm code before the first answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from statistics import median
from time import perf_counter

import torch

from .decoder import Decoder
from .drafters.drafter import Resources
from .drafters.eagle.head import EagleHead
from .model.causal_lm import CausalLM
from .model.forward import ForwardInput
from .policy.latency import LatencyModel, measure
from .tuning.background_worker import ThreadSplit
from .tuning.dry_run import CONTEXT, DryRun, repeated, timed
from .tuning.thread_split import measure_thread_split
from .values.answer import Limits
from .values.options import Options

CHECKED = (1, 8)
"""Sizes of the target's passes by which times of an earlier start are checked."""
TOLERATED = 1.5
"""By what factor they may be off against each other."""
SLOWER = 4.0
"""By what factor all of them may be off: from one hour to the next a machine's speed changes by half and more
(docs/benchmarks.md)."""
PERIOD = 32
"""The text with which modes are rehearsed repeats itself after so many tokens, so that there is something to copy."""
REHEARSED = 512
"""Tokens that a rehearsed answer may have, as an answer usually may: memory is made ready for as many."""


@dataclass(frozen=True, slots=True)
class Timings:
    """What was measured of two models on a machine; milliseconds."""

    verify_ms: Mapping[int, float] = field(default_factory=dict)
    """Tokens -> a pass of the target over them; empty if it cannot verify trees."""
    draft_ms: float = 0.0
    """A pass of the draft model over one token; 0 without one."""
    share: ThreadSplit | None = None
    """How both share the device best."""
    threads: int = 1
    """How many threads of a CPU the passes use."""
    packed: bool = False
    """Whether the weights exist a second time, in a faster layout."""

    def given_to(self, resources: Resources) -> Resources:
        """What drafters are built from, with these times."""
        return replace(resources, draft_ms=self.draft_ms, share=self.share)


def measure_all(target: CausalLM, resources: Resources, limits: Limits, modes: Sequence[str]) -> Timings:
    """Measure what is needed to run ``modes``; with models of some milliseconds a pass in about three seconds."""
    made = Timings(threads=torch.get_num_threads(), packed=target.is_packed)
    if not target.capability.trees:
        return made
    dry_run = DryRun(target, resources.vocabulary, CONTEXT)
    made = replace(made, verify_ms=measure(dry_run, 2.0, warm_up=target.device.type != "cpu").points)
    dry_run.close()
    draft = resources.draft
    if draft is not None:
        made = replace(made, draft_ms=pass_ms(draft, resources.vocabulary), share=measure_thread_split(target, draft))
    rehearse(target, made.given_to(resources), limits, LatencyModel(made.verify_ms), modes)
    return made


def pass_ms(model: CausalLM, vocabulary: int, rows: int = 1, seconds: float = 0.2, rounds: int = 25) -> float:
    """The median of some warm passes over so many tokens, three at least."""
    dry_run = DryRun(model, vocabulary, CONTEXT)
    taken = repeated(lambda: timed(lambda: dry_run(rows)), seconds, rounds, least=3)
    dry_run.close()
    return 1e3 * median(taken)


def head_pass_ms(head: EagleHead, seconds: float = 0.1, rounds: int = 25) -> float:
    """The median of some warm passes of a head over one token."""
    cache, width = head.new_cache(), head.weights.embed_tokens.shape[1]
    feature = head.weights.embed_tokens.new_ones(1, width)
    cache.pretend(CONTEXT)

    def once() -> None:
        logits, _ = head.extend(cache, ForwardInput([0], [CONTEXT]), feature)
        logits.argmax(-1).tolist()
        cache.truncate(CONTEXT)

    return 1e3 * median(repeated(lambda: timed(once), seconds, rounds, least=3))


def hold(timings: Timings, target: CausalLM, resources: Resources) -> bool:
    """Whether times of an earlier start are true now, as far as a few passes tell.

    Policies decide by how times compare with each other. So a machine that is slower or faster in everything makes them
    no less true.
    """
    expected = [(target, rows, timings.verify_ms[rows]) for rows in CHECKED if target.capability.trees]
    if resources.draft is not None:
        expected.append((resources.draft, 1, timings.draft_ms))
    factors = [pass_ms(model, resources.vocabulary, rows, seconds=0.05) / ms for model, rows, ms in expected]
    return not factors or (
        max(factors) <= TOLERATED * min(factors) and 1 / SLOWER < min(factors) <= max(factors) < SLOWER
    )


def rehearse(
    target: CausalLM,
    resources: Resources,
    limits: Limits,
    latency: LatencyModel,
    modes: Sequence[str],
    steps: int = 12,
    seconds: float = 0.15,
) -> None:
    """Decode a little with every mode, so that no code runs for the first time in an answer.

    Takes so many steps with each, but no more than three where that takes longer than ``seconds``.
    """
    decoder = Decoder(target, resources, Limits(limits.context, frozenset()), latency)
    decoder.set_options(Options(max_new_tokens=min(REHEARSED, limits.context)))
    prompt = [token % PERIOD % resources.vocabulary for token in range(min(2 * PERIOD, limits.context // 2))]
    for mode in modes:
        decoder.set_mode(mode)
        decoder.prefill(prompt)
        begin = perf_counter()
        while decoder.answer.end is None and decoder.steps < steps:
            decoder.step()
            if decoder.steps >= 3 and perf_counter() - begin > seconds:
                break
    decoder.retire()
