"""What ``spectui train-head`` does, from the choice of a model to the folder of its drafter."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import torch

from ..config.choice import AUTO, ModelChoice
from ..engine.values.dtypes import QUANTISED
from ..models.loading import Pair, load_pair
from ..models.resolve import drafter_folder
from ..models.sampling import advised
from ..system.errors import UserError
from .chat_format import chat_format
from .drafter_training import DrafterTraining, Status, Told
from .generator import Plan, Style
from .held_out import Worth
from .kinds import KINDS
from .stream import Stream, invents_questions
from .target import Target

PRACTICE = "practice"
"""The built-in questions."""
LONGEST = 512
"""Tokens of a conversation at most."""
OPENINGS = (
    "Write a Python function", "Write code that", "def ", "Complete this function:\n\ndef ", "Fix this code:\n\n",
    "```python\n", "Write a class", "What does this code do?\n\n", "Write a regular expression", "How do I sort",
    "Write a test for", "Write SQL", "Here is my code:\n\n", "Write a script",
    "Solve", "Calculate", "How many", "A shop sells", "There are", "Anna has", "A farmer", "It takes", "Prove that",
    "A train", "If a", "What is the sum of", "Each of", "On Monday",
    "Write a short story", "Write an email", "Explain", "What is", "How do I", "Why", "Translate", "Summarize",
    "Compare", "List", "Imagine", "Rewrite", "Extract", "Describe",
)  # fmt: skip
"""How half of the invented questions begin: a third of these about code, a third with sums, a third about anything."""


class Made(NamedTuple):
    """A drafter that was trained."""

    folder: Path
    worth: Worth | None
    option: str
    """By which it is chosen."""
    set_asked: str | None
    """The built-in questions that it was trained with, because the model invents none."""


class Order(NamedTuple):
    """What is to be trained, and for how long."""

    kind: str = "eagle"
    layers: int = 2
    """Of a draft model."""
    minutes: float | None = None
    output: Path | None = None
    resume: bool = False


def train_drafter(choice: ModelChoice, questions: Sequence[str], order: Order, told: Told) -> Made:
    """Train a drafter for a model, by answers to ``questions`` or, without any, to those that it invents.

    A model that cannot invent any is asked the built-in ones.

    Raises UserError with the remedy; KeyboardInterrupt once everything is kept.
    """
    if order.kind not in KINDS:
        raise UserError(f"unknown kind {order.kind!r}; choose from {', '.join(KINDS)}")
    kind = KINDS[order.kind]
    choice = replace(choice, draft="none", dtype=exact_dtype(choice) if kind.exact else choice.dtype)
    pair = load_pair(choice, lambda doing, _: told(Status(doing, 0.0, None, 0)))
    target = Target(pair, min(LONGEST, pair.context))
    if not 0 < order.layers <= target.layers:
        raise UserError(f"{pair.name} has {target.layers} layers; give --layers from 1 to {target.layers}")
    chat, set_asked = chat_format(pair.tokenizer), None
    plan = _plan(pair, kind.aux(target.layers), questions)
    if not questions and not invents_questions(target, chat, plan):
        set_asked = PRACTICE
        plan = _plan(pair, kind.aux(target.layers), _practice())
    folder = order.output or drafter_folder(pair.name, kind.suffix)

    def stream_of(kept: Path, used: int) -> Stream:
        return Stream(target, chat, plan, kept, used)

    training = DrafterTraining(target, kind, order.layers, stream_of, folder, told)
    with _flushed():
        training.run(order.minutes, order.resume)
    return Made(folder, training.worth, kind.option, set_asked)


def exact_dtype(choice: ModelChoice) -> str:
    """The numbers in which a model is loaded with the weights that it came with."""
    cuda = choice.device.startswith("cuda") or (choice.device == AUTO and torch.cuda.is_available())
    return choice.dtype if cuda or choice.dtype not in (AUTO, *QUANTISED) else "float32"


def _practice() -> list[str]:
    from ..bench.questions import read_questions  # not at the top: ``benchmarks.gpu`` runs where pydantic is not

    return [question.turns[0] for question in read_questions(PRACTICE)]


def _plan(pair: Pair, aux: tuple[int, ...], questions: Sequence[str]) -> Plan:
    found = advised(pair.name, pair.target)
    own = Style(found.get("temperature", 0.0) or 0.7, found.get("top_p", 1.0) or 1.0)
    asked = [pair.tokenizer(text, add_special_tokens=False)["input_ids"] for text in questions]
    plan = Plan(aux, own)
    most = min(LONGEST, pair.context) - plan.answer[1] - 64  # for what the chat format puts around them
    asked = [ids for ids in asked if 0 < len(ids) <= most]
    if questions and len(asked) < 2:
        raise UserError(
            f"none or one of {len(questions)} questions has at most {most} tokens; give more with --questions"
        )
    openings = [pair.tokenizer(text, add_special_tokens=False)["input_ids"] for text in OPENINGS]
    return replace(plan, questions=asked, openings=openings)


@contextmanager
def _flushed() -> Iterator[None]:
    """Numbers too small for their format become 0: a processor takes a hundred times as long for them."""
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
