"""The command: record, train, report, keep."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from time import perf_counter

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ..bench.lane import ModeLane
from ..bench.questions import read_questions
from ..config.paths import heads
from ..config.settings import Settings
from ..engine.drafters.hrad import Head, last_layers
from ..engine.values.options import Options, Speculation
from ..models.heads import pair_fingerprint, save_head
from ..models.loading import load_pair
from ..record.metrics import Numbers, total
from ..session.runtime import Runtime, prepare
from ..system.errors import UserError
from ..system.streams import messages
from .examples import Examples, Prompts, record
from .training import EPOCHS, Trained, confusion, train

HELD_OUT = 5
"""Every fifth prompt is kept apart, to see what the head is worth."""
FEWEST = 200
"""Examples without which training makes no sense."""
GAMMA = 4
"""Tokens of a segment, unless a number was asked for."""
LONGEST = 128
SAID = ("all refused", "some", "all accepted")


@dataclass(frozen=True, slots=True)
class Request:
    """What a person asked for."""

    questions: Sequence[str]
    limit: int | None


def run_calibrate(settings: Settings, request: Request) -> int:
    """Train a head for the pair that the settings name and keep it; raises UserError with the remedy."""
    console = Console(file=messages(), highlight=False)
    questions = [question for name in request.questions for question in read_questions(name)]
    loaded = prepare(load_pair(settings.model, lambda *_: None), lambda *_: None, perf_counter())
    if loaded.resources.draft is None:
        raise UserError("a head foresees what happens to a draft model's tokens; name one with --draft")
    prompts = [loaded.prompt([{"role": "user", "content": question.turns[0]}]) for question in questions]
    prompts = [prompt for prompt in prompts if len(prompt) + LONGEST < loaded.limits.context]
    Random(0).shuffle(prompts)
    prompts = prompts[: request.limit]
    kept_apart, used = prompts[::HELD_OUT], [p for index, p in enumerate(prompts) if index % HELD_OUT]
    options = fixed(settings.options)
    columns = (TextColumn("{task.description}"), BarColumn(), TextColumn("{task.completed}/{task.total}"))
    with Progress(*columns, TimeRemainingColumn(), console=console, disable=not messages().isatty()) as progress:
        examples, unseen = (
            _recorded(loaded, some, options, progress, title)
            for some, title in ((used, "recording"), (kept_apart, "recording unseen prompts"))
        )
        task = progress.add_task("training", total=EPOCHS)
        trained = train(*examples.tensors(), lambda: progress.advance(task))
        head = head_of(loaded, trained)
        with_head, without = (
            _decoded(replace_head(loaded, one), kept_apart, options, progress, title)
            for one, title in ((head, "unseen prompts with the head"), (None, "and without"))
        )
    fingerprint = pair_fingerprint(loaded.pair.target, loaded.pair.draft)
    file = heads() / f"{fingerprint}.safetensors"
    save_head(file, head, fingerprint, f"{len(examples)} segments of {len(used)} prompts")
    _report(confusion(head, *unseen.tensors()), len(examples), without, with_head)
    console.print(f"kept in {file}", markup=False, soft_wrap=True)
    return 0


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


def replace_head(loaded: Runtime, head: Head | None) -> Runtime:
    """The same pair with another head."""
    return replace(loaded, resources=replace(loaded.resources, head=head))


def _recorded(loaded: Runtime, prompts: Prompts, options: Options, progress: Progress, title: str) -> Examples:
    task = progress.add_task(title, total=len(prompts))
    examples = record(loaded, prompts, options, lambda: progress.advance(task))
    if len(examples) < FEWEST // (1 if title == "recording" else HELD_OUT):
        raise UserError(f"{len(prompts)} prompts gave only {len(examples)} segments; give more with --questions FILE")
    return examples


def _decoded(loaded: Runtime, prompts: Prompts, options: Options, progress: Progress, title: str) -> Numbers:
    task = progress.add_task(title, total=len(prompts))
    lane = ModeLane(loaded, "specbranch", options)
    numbers = []
    for prompt in prompts:
        lane.begin()
        numbers.append(lane.answer(prompt).numbers)
        progress.advance(task)
    return total(numbers)


def _report(counts: list[list[int]], examples: int, without: Numbers, with_head: Numbers) -> None:
    console = Console(highlight=False)
    table = Table("segment", *(f"head: {name}" for name in SAID), "right", box=None, header_style="bold")
    for row, (name, line) in enumerate(zip(SAID, counts, strict=True)):
        table.add_row(name, *map(str, line), f"{line[row] / sum(line):.0%}" if sum(line) else "–")
    every, right = sum(map(sum, counts)), sum(counts[index][index] for index in range(3))
    console.print(f"learnt from {examples} segments; on {every} segments of unseen prompts:")
    console.print(table)
    most = max(map(sum, counts))
    console.print(f"right {right / every:.1%}; always saying the commonest would be right {most / every:.1%}")
    for name, numbers in (("without the head", without), ("with the head", with_head)):
        steps = numbers.tokens_per_step or 0.0
        console.print(f"{name}: rollback {numbers.rollback or 0:.1%}, {steps:.2f} tokens a step")
