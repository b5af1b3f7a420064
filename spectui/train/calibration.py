"""From prompts to a head: record, train, hold it against prompts that it has not seen, keep it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

from ..bench.lane import ModeLane
from ..config.paths import heads
from ..engine.drafters.hrad import Head, last_layers
from ..engine.values.options import Options, Speculation
from ..models.heads import pair_fingerprint, save_head
from ..record.metrics import Numbers, total
from ..session.runtime import Runtime
from ..system.errors import UserError
from .examples import Examples, Prompts, record
from .training import EPOCHS, Trained, confusion, train

HELD_OUT = 5
"""Every fifth prompt is kept apart, to see what the head is worth."""
FEWEST = 200
"""Examples without which training makes no sense."""
GAMMA = 4
"""Tokens of a segment, unless a number was asked for."""
LONGEST = 128
Stage = Callable[[str, int], Callable[[], None]]
"""A stage of so many parts begins; what it gives back is called after each of them."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """A head that was trained and kept, and what it is worth on prompts that it has not seen."""

    file: Path
    examples: int
    confusion: list[list[int]]
    """Segments [what happened][what the head said], in the order none, some, all."""
    without: Numbers
    with_head: Numbers


def calibrate(loaded: Runtime, asked: Sequence[str], limit: int | None, options: Options, stage: Stage) -> Calibration:
    """Train a head for a pair on its answers to these questions; raises UserError with the remedy."""
    draft = loaded.pair.draft
    if draft is None:
        raise UserError("a head foresees what happens to a draft model's tokens; name one with --draft")
    prompts = [loaded.prompt([{"role": "user", "content": question}]) for question in asked]
    prompts = [prompt for prompt in prompts if len(prompt) + LONGEST < loaded.limits.context]
    Random(0).shuffle(prompts)
    prompts = prompts[:limit]
    kept_apart, used = prompts[::HELD_OUT], [p for index, p in enumerate(prompts) if index % HELD_OUT]
    options = fixed(options)
    examples = _recorded(loaded, used, FEWEST, options, stage("recording", len(used)))
    done = stage("recording unseen prompts", len(kept_apart))
    unseen = _recorded(loaded, kept_apart, FEWEST // HELD_OUT, options, done)
    head = head_of(loaded, train(*examples.tensors(), stage("training", EPOCHS)))
    with_head, without = (
        _decoded(loaded, one, kept_apart, options, stage(title, len(kept_apart)))
        for one, title in ((head, "unseen prompts with the head"), (None, "and without"))
    )
    fingerprint = pair_fingerprint(loaded.pair.target, draft)
    file = heads() / f"{fingerprint}.safetensors"
    save_head(file, head, fingerprint, f"{len(examples)} segments of {len(used)} prompts")
    return Calibration(file, len(examples), confusion(head, *unseen.tensors()), without, with_head)


def fixed(options: Options) -> Options:
    """Segments of a fixed length and short answers, by whatever else was chosen."""
    speculation = options.speculation
    gamma = speculation.draft_tokens if isinstance(speculation.draft_tokens, int) else GAMMA
    chosen = Speculation(draft_tokens=gamma, branches=speculation.branches, epsilon=speculation.epsilon)
    return replace(options, speculation=chosen, max_new_tokens=min(LONGEST, options.max_new_tokens))


def head_of(loaded: Runtime, trained: Trained) -> Head:
    """The head as SpecBranch uses it."""
    embedding = loaded.target.model.get_input_embeddings().weight.detach()
    device = embedding.device
    weights = [(matrix.to(device), bias.to(device)) for matrix, bias in trained.weights]
    layers = last_layers(loaded.target.layers)
    return Head(weights, trained.mean.to(device), trained.scale.to(device), embedding, layers)


def _recorded(loaded: Runtime, prompts: Prompts, fewest: int, options: Options, done: Callable[[], None]) -> Examples:
    examples = record(loaded, prompts, options, done)
    if len(examples) < fewest:
        raise UserError(f"{len(prompts)} prompts gave only {len(examples)} segments; give more with --questions FILE")
    return examples


def _decoded(
    loaded: Runtime, head: Head | None, prompts: Prompts, options: Options, done: Callable[[], None]
) -> Numbers:
    """What SpecBranch does with this head, or without one."""
    lane = ModeLane(replace(loaded, resources=replace(loaded.resources, head=head)), "specbranch", options)
    numbers = []
    for prompt in prompts:
        lane.begin()
        numbers.append(lane.answer(prompt).numbers)
        done()
    return total(numbers)
